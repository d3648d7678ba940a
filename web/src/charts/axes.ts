/** What all charts share: their grid, their time axis and the frame of their tooltip. */
import { useSyncExternalStore } from "react";
import { asNemAxis, fromNemAxis, HOUR, sayDay, sayTime } from "@/time";
import type { ChartOption, TooltipComponentOption } from "./echarts";
import type { Palette } from "./palette";

const roomy = window.matchMedia("(min-width: 40rem)");

function subscribe(listener: () => void): () => void {
  roomy.addEventListener("change", listener);
  return () => roomy.removeEventListener("change", listener);
}

/** How many marks a time axis has room for. */
export function useMostMarks(): number {
  return useSyncExternalStore(subscribe, () => (roomy.matches ? 8 : 4));
}

const FONT = "Inter, ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'PingFang SC', 'Microsoft YaHei UI', 'Noto Sans CJK SC', sans-serif";

export const textStyle = { fontFamily: FONT, fontSize: 11 };

/** A frame from the library's tooltip, filled by tooltip.ts. */
export function tooltipFrame(palette: Palette): TooltipComponentOption {
  return {
    trigger: "axis",
    confine: true,
    transitionDuration: 0.05,
    backgroundColor: palette.surface,
    borderColor: palette.line,
    borderWidth: 1,
    padding: [10, 12],
    extraCssText: "border-radius:12px;box-shadow:var(--float-shadow);",
    axisPointer: { type: "line", snap: false, lineStyle: { color: palette.faint, type: "solid", width: 1, opacity: 0.5 }, label: { show: false } },
  };
}

/** Time, from one instant to another, in NEM time, with at most so many marks. */
export function timeAxis(from: number, to: number, most: number, palette: Palette): NonNullable<ChartOption["xAxis"]> {
  const step = tickStep(to - from, most);
  const first = Math.ceil(asNemAxis(from) / step) * step;
  const marks = Array.from({ length: Math.floor((asNemAxis(to) - first) / step) + 1 }, (_, index) => first + index * step);
  return {
    type: "time",
    min: asNemAxis(from),
    max: asNemAxis(to),
    axisLine: { lineStyle: { color: palette.line } },
    axisTick: { show: true, length: 4, lineStyle: { color: palette.line }, customValues: marks },
    axisLabel: {
      ...textStyle,
      color: palette.faint,
      customValues: marks,
      hideOverlap: true,
      formatter: (value: number) => sayMark(fromNemAxis(value)),
    },
    splitLine: { show: false },
  };
}

function sayMark(at: number): string {
  const time = sayTime(at);
  return time === "00:00" ? sayDay(at).slice(5) : time;
}

const STEPS = [HOUR / 12, HOUR / 6, HOUR / 4, HOUR / 2, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR, 6 * HOUR];

function tickStep(length: number, most: number): number {
  return STEPS.find((step) => length / step <= most) ?? 6 * HOUR;
}

/** What a value axis looks like whatever it measures. */
export function valueAxisLook(palette: Palette) {
  return {
    axisLine: { show: false },
    axisTick: { show: false },
    nameTextStyle: { ...textStyle, color: palette.faint },
  } as const;
}
