/** The marks of a price chart: bars, the battery's line, thresholds and the present moment. */
import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemReturn } from "echarts";
import { asNemAxis, INTERVAL } from "@/time";
import { sayThreshold } from "@/units";
import { type PriceLevel, priceLevel } from "@/words";
import { textStyle } from "./axes";
import type { CustomSeriesOption, LineSeriesOption } from "./echarts";
import type { Palette } from "./palette";
import type { BatterySample, PricedInterval, PricePicture, Threshold } from "./PriceChart";
import { bend } from "./symlog";

const LEVELS: readonly PriceLevel[] = ["unknown", "negative", "calm", "warm", "high", "peak"];

/** Bars that stand exactly on their interval, [start, end). */
export function priceBars({ intervals, scale }: PricePicture, palette: Palette, name: string): CustomSeriesOption {
  const data = intervals.map(({ end, perMwh }: PricedInterval) => [
    asNemAxis(end - INTERVAL), asNemAxis(end), bend(perMwh ?? 0, scale), LEVELS.indexOf(priceLevel(perMwh)),
  ]);
  return {
    type: "custom",
    name,
    yAxisIndex: 0,
    clip: true,
    encode: { x: [0, 1], y: 2, tooltip: [] },
    data,
    z: 2,
    renderItem: (_, api) => bar(api, palette),
  };
}

const CAP_PX = 2;
const GAP_PX = 14;

function bar(api: CustomSeriesRenderItemAPI, palette: Palette): CustomSeriesRenderItemReturn {
  const [left = 0, top = 0] = api.coord([api.value(0), api.value(2)]);
  const [right = 0, zero = 0] = api.coord([api.value(1), 0]);
  const level = LEVELS[Number(api.value(3))] ?? "unknown";
  const color = palette.levels[level];
  const gap = right - left > 5 ? 1.5 : right - left > 2.5 ? 0.75 : 0;
  const width = Math.max(1, right - left - gap);
  if (level === "unknown") return gapMark({ x: left + gap / 2, y: zero - GAP_PX, width, height: GAP_PX }, color);
  const up = top <= zero;
  const height = Math.max(CAP_PX, Math.abs(zero - top));
  const y = up ? zero - height : zero;
  return {
    type: "group",
    children: [
      { type: "rect", shape: { x: left + gap / 2, y, width, height }, style: { fill: color, opacity: level === "peak" ? 0.36 : 0.42 } },
      { type: "rect", shape: { x: left + gap / 2, y: up ? y : y + height - CAP_PX, width, height: CAP_PX }, style: { fill: color } },
    ],
  };
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** An interval whose price is not known: an empty, dashed box instead of a bar of height 0. */
function gapMark(shape: Box, color: string): CustomSeriesRenderItemReturn {
  return { type: "rect", shape, style: { fill: "none", stroke: color, lineDash: [3, 3], lineWidth: 1.5 } };
}

/** The battery's power: a halo in the colour of the surface, and the line itself over it. */
export function batteryLines({ power }: PricePicture, palette: Palette, name: string): LineSeriesOption[] {
  const data = power.map(({ at, battery_kw }) => [asNemAxis(at), battery_kw]);
  const common = { type: "line", yAxisIndex: 1, data, showSymbol: false, emphasis: { disabled: true } } as const;
  return [
    { ...common, name: `${name} halo`, z: 4, silent: true, lineStyle: { width: 5.5, color: palette.surface, opacity: 0.85 }, tooltip: { show: false } },
    {
      ...common,
      name,
      z: 5,
      symbol: "circle",
      itemStyle: { color: palette.battery },
      lineStyle: { width: 2.5, color: palette.battery },
      areaStyle: { color: fade(power, palette.battery) },
    },
  ];
}

/** A colour that is strongest at the line and gone at zero, so that the bars under it keep theirs. */
function fade(power: readonly BatterySample[], color: string) {
  const powers = power.map(({ battery_kw }) => battery_kw ?? 0);
  const most = Math.max(0, ...powers);
  const least = Math.min(0, ...powers);
  const zero = most === least ? 1 : most / (most - least);
  const strong = `${color}55`;
  const gone = `${color}0c`;
  return {
    type: "linear" as const,
    x: 0, y: 0, x2: 0, y2: 1,
    colorStops: [{ offset: 0, color: strong }, { offset: zero, color: gone }, { offset: 1, color: least < 0 ? strong : gone }],
  };
}

/** Selling and buying prices of the rules, across the chart. */
export function thresholdLines({ thresholds, scale }: Pick<PricePicture, "thresholds" | "scale">, palette: Palette): LineSeriesOption {
  return {
    type: "line",
    data: [],
    yAxisIndex: 0,
    z: 6,
    markLine: {
      silent: true,
      symbol: "none",
      animation: false,
      data: thresholds.map((threshold) => ({
        yAxis: bend(threshold.perMwh, scale),
        lineStyle: thresholdLook(threshold, palette),
        label: {
          ...textStyle,
          position: threshold.side === "sell" ? "insideStartTop" : "insideStartBottom",
          distance: 3,
          formatter: `${threshold.name} ${sayThreshold(threshold.perMwh)}`,
          color: threshold.weight === "draft" ? palette.accent : palette.faint,
          fontWeight: threshold.weight === "draft" ? 600 : 400,
          textBorderColor: palette.surface,
          textBorderWidth: 3,
        },
      })),
    },
  };
}

function thresholdLook({ weight }: Threshold, palette: Palette) {
  return weight === "draft"
    ? { color: palette.accent, width: 2, type: "solid" as const }
    : { color: palette.faint, width: 1, type: "dashed" as const, opacity: 0.75 };
}

export function nowLine({ now }: Pick<PricePicture, "now">, palette: Palette, name: string): LineSeriesOption {
  return {
    type: "line",
    data: [],
    yAxisIndex: 0,
    z: 7,
    markLine: {
      silent: true,
      symbol: "none",
      animation: false,
      lineStyle: { color: palette.ink, width: 1, type: "solid", opacity: 0.55 },
      label: { ...textStyle, color: palette.ink, formatter: name, position: "end", distance: 4 },
      data: [{ xAxis: asNemAxis(now) }],
    },
  };
}
