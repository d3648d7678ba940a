/** A region's prices as bars over their intervals, with the fleet's battery power drawn over them. */
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { sayAxisPower, sayPrice, saySignedPower } from "@/units";
import { textStyle, timeAxis, tooltipFrame, useMostMarks, valueAxisLook } from "./axes";
import { Chart } from "./Chart";
import type { ChartOption } from "./echarts";
import { type ForecastPiece, forecastSeries } from "./forecast";
import { type Palette, usePalette } from "./palette";
import { priceAxis } from "./priceAxis";
import { powerExtent, priceExtent } from "./priceExtents";
import { batteryLines, nowLine, priceBars, thresholdLines } from "./priceSeries";
import { sayMoment } from "./priceTooltip";
import { alignZeros, bend, type Scale } from "./symlog";

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
  readonly forecast: readonly ForecastPiece[];
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
  const { intervals, power, thresholds, forecast, scale, from, to, now } = picture;
  const option = useMemo(
    () => draw({ intervals, power, thresholds, forecast, scale, from, to, now }, most, palette, {
      price: t("spot.price"), battery: t("power.battery"), status: t("spot.status"), now: t("spot.now"),
      forecast: t("spot.forecast"), range: t("spot.forecast_range"),
    }),
    [intervals, power, thresholds, forecast, scale, from, to, now, most, palette, t],
  );
  const label = t("spot.chart_label", {
    region,
    price: sayPrice(intervals.at(-1)?.perMwh),
    battery: saySignedPower(power.at(-1)?.battery_kw),
  });
  return <Chart option={option} label={label} className={className} testId={testId} />;
}

export type PriceNames = Readonly<Record<"price" | "battery" | "status" | "now" | "forecast" | "range", string>>;

function draw(picture: PricePicture, most: number, palette: Palette, names: PriceNames): ChartOption {
  const { scale } = picture;
  const wanted = priceExtent(picture);
  const [left, right] = alignZeros(
    { min: bend(wanted.min, scale), max: bend(wanted.max, scale) },
    powerExtent(picture.power),
  );
  return {
    animation: false,
    useUTC: true,
    textStyle,
    grid: { left: 4, right: 4, top: 26, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: timeAxis(picture.from, picture.to, most, palette),
    yAxis: [
      priceAxis(wanted, left, scale, palette),
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
      ...forecastSeries(picture.forecast, scale, palette, names.forecast),
      ...batteryLines(picture, palette, names.battery),
      thresholdLines(picture, palette),
      nowLine(picture, palette, names.now),
    ],
  };
}
