/** The fleet's power over the last hours: what the batteries do, and what the grid gets. */
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { asNemAxis, fromNemAxis, sayTimeExactly } from "@/time";
import { sayAxisPower, saySignedPower } from "@/units";
import { textStyle, timeAxis, tooltipFrame, useMostMarks, valueAxisLook } from "./axes";
import { Chart } from "./Chart";
import type { ChartOption, LineSeriesOption } from "./echarts";
import { type Palette, usePalette } from "./palette";
import { nearest } from "./nearest";
import { tooltip } from "./tooltip";

export interface PowerSample {
  readonly at: number;
  readonly power_kw: number | null;
  readonly battery_kw: number | null;
}

interface Span {
  readonly samples: readonly PowerSample[];
  readonly from: number;
  readonly to: number;
}

interface PowerChartProps extends Span {
  readonly className: string;
}

const NEGLIGIBLE = 0.02;

type Names = Readonly<Record<"battery" | "grid", string>>;

export function PowerChart({ samples, from, to, className }: PowerChartProps) {
  const { t } = useTranslation();
  const palette = usePalette();
  const most = useMostMarks();
  const option = useMemo(
    () => draw({ samples, from, to }, most, palette, { battery: t("power.battery"), grid: t("power.grid") }),
    [samples, from, to, most, palette, t],
  );
  const last = samples.at(-1);
  const label = t("power.chart_label", { battery: saySignedPower(last?.battery_kw), grid: saySignedPower(last?.power_kw) });
  return <Chart option={option} label={label} className={className} testId="power-chart" />;
}

function draw({ samples, from, to }: Span, most: number, palette: Palette, names: Names): ChartOption {
  return {
    animation: false,
    useUTC: true,
    textStyle,
    grid: { left: 4, right: 12, top: 12, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: timeAxis(from, to, most, palette),
    yAxis: {
      type: "value",
      ...valueAxisLook(palette),
      splitNumber: 4,
      min: leastOf,
      splitLine: { lineStyle: { color: palette.line } },
      axisLabel: { ...textStyle, color: palette.faint, formatter: (kw: number) => sayAxisPower(kw) },
    },
    tooltip: { ...tooltipFrame(palette), formatter: (params: unknown) => say(params, samples, palette, names) },
    series: [
      line(names.grid, palette.grid, samples.map(({ at, power_kw }) => [asNemAxis(at), power_kw])),
      line(names.battery, palette.battery, samples.map(({ at, battery_kw }) => [asNemAxis(at), battery_kw])),
    ],
  };
}

/** A touch of import does not open an empty band under zero. */
function leastOf({ min, max }: { readonly min: number; readonly max: number }): number | undefined {
  return min < 0 && min > -max * NEGLIGIBLE ? 0 : undefined;
}

function line(name: string, color: string, data: (number | null)[][]): LineSeriesOption {
  return {
    type: "line",
    name,
    data,
    showSymbol: false,
    symbol: "circle",
    emphasis: { disabled: true },
    lineStyle: { width: 2, color },
    itemStyle: { color },
    areaStyle: { color, opacity: 0.13 },
  };
}

function say(params: unknown, samples: readonly PowerSample[], palette: Palette, names: Names): HTMLElement {
  const at = axisValue(params);
  const sample = at === null ? undefined : nearest(samples, fromNemAxis(at));
  return tooltip({
    title: sample ? sayTimeExactly(sample.at) : "",
    rows: [
      { name: names.battery, value: saySignedPower(sample?.battery_kw), color: palette.battery },
      { name: names.grid, value: saySignedPower(sample?.power_kw), color: palette.grid },
    ],
  });
}

/** Where on the time axis the pointer is, from what the library hands to a formatter. */
export function axisValue(params: unknown): number | null {
  const first: unknown = Array.isArray(params) ? params[0] : params;
  if (typeof first !== "object" || first === null || !("axisValue" in first)) return null;
  return typeof first.axisValue === "number" ? first.axisValue : null;
}
