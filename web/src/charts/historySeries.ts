/** The marks of a history chart: one line in the colours of its prices, what is expected after it, and the axes. */
import { asNemAxis, fromNemAxis, sayTime } from "@/time";
import { tooltipFrame, textStyle } from "./axes";
import type { ChartOption, DataZoomComponentOption, LineSeriesOption } from "./echarts";
import { type ForecastPiece, forecastSeries } from "./forecast";
import { bentAt, priceStems, STRIP } from "./historyStems";
import type { Palette } from "./palette";
import type { Threshold } from "./PriceChart";
import { priceAxis } from "./priceAxis";
import { expectedPrices } from "./priceExtents";
import { nowLine, thresholdLines } from "./priceSeries";
import { bend, type Extent, type Scale } from "./symlog";

/** A time, half-open, in milliseconds. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** Prices over time, named by their ends; null breaks the line. */
export interface HistoryColumns {
  readonly ends: readonly number[];
  readonly perMwh: readonly (number | null)[];
  /** What is said of each price's standing. */
  readonly standing: readonly string[];
  /** How long a stretch stands behind each point, in milliseconds; an interval where nothing was left out. */
  readonly step: number;
}

export interface HistoryPicture {
  readonly columns: HistoryColumns;
  readonly forecast: readonly ForecastPiece[];
  readonly thresholds: readonly Threshold[];
  readonly scale: Scale;
  /** As far as one can go. */
  readonly limits: Window;
  /** The time that is looked at. */
  readonly view: Window;
  readonly now: number;
  /** What is said of the moment under the pointer. */
  readonly say: (params: unknown) => HTMLElement;
}

export type HistoryNames = Readonly<Record<"price" | "status" | "now" | "forecast" | "range", string>>;

/** Nobody looks closer than this. */
const CLOSEST = 2 * 60 * 60_000;
const LEAST_PER_MWH = 200;
/** Of the time that is looked at, for what is expected to be worth drawing. */
const LEAST_SHARE = 0.02;

export function drawHistory(picture: HistoryPicture, palette: Palette, names: HistoryNames, monthName: (at: number) => string): ChartOption {
  const { columns, scale, limits } = picture;
  const forecast = isWide(picture) ? picture.forecast : [];
  const wanted = extentOf(picture);
  const bent = { min: bend(wanted.min, scale), max: bend(wanted.max, scale) };
  return {
    animation: false,
    useUTC: true,
    textStyle,
    grid: { left: 4, right: 12, top: 26, bottom: 62, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: {
      type: "time",
      min: asNemAxis(limits.from),
      max: asNemAxis(limits.to),
      axisLine: { lineStyle: { color: palette.line } },
      axisTick: { show: true, length: 4, lineStyle: { color: palette.line } },
      axisLabel: { ...textStyle, color: palette.faint, hideOverlap: true, formatter: (value: number) => sayMark(fromNemAxis(value), monthName) },
      splitLine: { show: false },
      splitNumber: 6,
    },
    yAxis: [priceAxis(wanted, bent, scale, palette)],
    dataZoom: zooms(palette),
    tooltip: { ...tooltipFrame(palette), formatter: picture.say },
    series: [
      priceLine(columns, scale, names.price),
      priceStems(picture, palette),
      ...forecastSeries(forecast, scale, palette, names.forecast),
      thresholdLines(picture, palette),
      nowLine(picture, palette, names.now),
    ],
  };
}

/** Beside years, a day to come would be a smear at the edge. */
function isWide({ forecast, view }: HistoryPicture): boolean {
  const [first, last] = [forecast[0], forecast.at(-1)];
  return first !== undefined && last !== undefined && last.to - first.from > LEAST_SHARE * (view.to - view.from);
}

/** From the least to the greatest price of the time that is looked at, and some air. */
function extentOf({ columns, forecast, thresholds, scale, view }: HistoryPicture): Extent {
  let [least, greatest] = [0, LEAST_PER_MWH];
  const widen = (perMwh: number): void => {
    least = Math.min(least, perMwh);
    greatest = Math.max(greatest, perMwh);
  };
  columns.ends.forEach((end, index) => {
    const perMwh = columns.perMwh[index];
    if (end > view.from && end <= view.to + columns.step && perMwh !== null && perMwh !== undefined) widen(perMwh);
  });
  expectedPrices(forecast.filter(({ from, to }) => to > view.from && from < view.to), scale).forEach(widen);
  thresholds.forEach(({ perMwh }) => widen(perMwh));
  const air = scale === "log" ? 1.6 : 1.12;
  return { min: least * air, max: greatest * air };
}

/** Seen by nobody: it tells the pointer where prices are. */
function priceLine({ ends, perMwh }: HistoryColumns, scale: Scale, name: string): LineSeriesOption {
  return {
    type: "line",
    name,
    yAxisIndex: 0,
    data: ends.map((end, index) => [asNemAxis(end), bentAt(perMwh, index, scale)]),
    showSymbol: false,
    symbol: "none",
    silent: true,
    emphasis: { disabled: true },
    lineStyle: { width: 0 },
    z: 1,
  };
}

type ZoomCommon = Pick<DataZoomComponentOption, "xAxisIndex" | "filterMode" | "throttle" | "minValueSpan" | "rangeMode">;

/** Drag to move, pinch (which browsers tell as Ctrl and wheel) to zoom; a bare wheel belongs to the page. */
function zooms(palette: Palette): DataZoomComponentOption[] {
  const both: ZoomCommon = { xAxisIndex: 0, filterMode: "none", throttle: 0, minValueSpan: CLOSEST, rangeMode: ["value", "value"] };
  return [
    { type: "inside", ...both, zoomOnMouseWheel: "ctrl", moveOnMouseWheel: "shift", moveOnMouseMove: true },
    {
      type: "slider",
      ...both,
      ...STRIP,
      brushSelect: false,
      showDetail: false,
      showDataShadow: false,
      borderColor: "transparent",
      backgroundColor: `${palette.line}66`,
      borderRadius: 6,
      fillerColor: `${palette.accent}22`,
      handleSize: "70%",
      handleStyle: { color: palette.surface, borderColor: palette.accent },
      moveHandleSize: 0,
      emphasis: { handleStyle: { borderColor: palette.accent, color: palette.accent } },
    },
  ];
}

/** A mark says the greatest thing that begins there: a year, a month, a day, or else the time. */
function sayMark(at: number, monthName: (at: number) => string): string {
  const time = sayTime(at);
  if (time !== "00:00") return time;
  const date = new Date(asNemAxis(at));
  if (date.getUTCDate() !== 1) return `${monthName(at)} ${date.getUTCDate()}`;
  return date.getUTCMonth() === 0 ? String(date.getUTCFullYear()) : monthName(at);
}
