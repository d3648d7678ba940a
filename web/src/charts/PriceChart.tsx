/** A region's prices as bars over their intervals, with the fleet's battery power drawn over them. */
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { sayAxisPower, sayPrice, saySignedPower } from "@/units";
import { textStyle, timeAxis, tooltipFrame, useMostMarks, valueAxisLook } from "./axes";
import { Chart } from "./Chart";
import type { ChartOption } from "./echarts";
import { type Palette, usePalette } from "./palette";
import { powerExtent, priceExtent } from "./priceExtents";
import { batteryLines, nowLine, priceBars, thresholdLines } from "./priceSeries";
import { sayMoment } from "./priceTooltip";
import { alignZeros, bend, type Scale, ticks } from "./symlog";

export interface PricedInterval {
  readonly end: number;
  readonly perMwh: number | null;
  readonly statusName: string;
  readonly because: string | undefined;
}

export interface BatterySample {
  readonly at: number;
  readonly battery_kw: number | null;
}

export interface Threshold {
  readonly perMwh: number;
  readonly name: string;
  readonly side: "sell" | "buy";
  /** What is being edited is drawn stronger than what is in force. */
  readonly weight: "draft" | "rule";
}

export interface PricePicture {
  readonly intervals: readonly PricedInterval[];
  readonly power: readonly BatterySample[];
  readonly thresholds: readonly Threshold[];
  readonly scale: Scale;
  readonly from: number;
  readonly to: number;
  readonly now: number;
}

interface PriceChartProps extends PricePicture {
  readonly region: string;
  readonly className: string;
  readonly testId?: string;
}

export function PriceChart({ region, className, testId = "price-chart", ...picture }: PriceChartProps) {
  const { t } = useTranslation();
  const palette = usePalette();
  const most = useMostMarks();
  const { intervals, power, thresholds, scale, from, to, now } = picture;
  const option = useMemo(
    () => draw({ intervals, power, thresholds, scale, from, to, now }, most, palette, {
      price: t("spot.price"), battery: t("power.battery"), status: t("spot.status"), now: t("spot.now"),
    }),
    [intervals, power, thresholds, scale, from, to, now, most, palette, t],
  );
  const label = t("spot.chart_label", {
    region,
    price: sayPrice(intervals.at(-1)?.perMwh),
    battery: saySignedPower(power.at(-1)?.battery_kw),
  });
  return <Chart option={option} label={label} className={className} testId={testId} />;
}

export type PriceNames = Readonly<Record<"price" | "battery" | "status" | "now", string>>;

function draw(picture: PricePicture, most: number, palette: Palette, names: PriceNames): ChartOption {
  const { scale } = picture;
  const wanted = priceExtent(picture);
  const [left, right] = alignZeros(
    { min: bend(wanted.min, scale), max: bend(wanted.max, scale) },
    powerExtent(picture.power),
  );
  const named = ticks(wanted.min, wanted.max, scale);
  const said = new Map(named.map((perMwh) => [bend(perMwh, scale), sayTick(perMwh)]));
  const places = [...said.keys()];
  return {
    animation: false,
    useUTC: true,
    textStyle,
    grid: { left: 4, right: 4, top: 26, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: timeAxis(picture.from, picture.to, most, palette),
    yAxis: [
      {
        type: "value",
        ...left,
        ...valueAxisLook(palette),
        axisTick: { show: false, customValues: places },
        splitLine: { lineStyle: { color: palette.line } },
        axisLabel: {
          ...textStyle,
          color: palette.faint,
          customValues: places,
          formatter: (bent: number) => said.get(bent) ?? "",
        },
      },
      {
        type: "value",
        ...right,
        ...valueAxisLook(palette),
        splitNumber: 4,
        splitLine: { show: false },
        axisLabel: {
          ...textStyle,
          color: palette.battery,
          show: picture.power.some(({ battery_kw }) => battery_kw !== null),
          showMinLabel: false,
          showMaxLabel: false,
          formatter: (kw: number) => sayAxisPower(kw),
        },
      },
    ],
    tooltip: { ...tooltipFrame(palette), formatter: (params: unknown) => sayMoment(params, picture, palette, names) },
    series: [
      priceBars(picture, palette, names.price),
      ...batteryLines(picture, palette, names.battery),
      thresholdLines(picture, palette),
      nowLine(picture, palette, names.now),
    ],
  };
}

function sayTick(perMwh: number): string {
  return sayPrice(perMwh).replace(/\.00$/, "");
}
