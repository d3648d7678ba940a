/** Years of prices that one moves and zooms through: the chart moves by itself, its owner fetches what is looked at. */
import { type KeyboardEvent, useCallback, useEffect, useEffectEvent, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { asNemAxis, fromNemAxis, INTERVAL, sayDay, sayInterval, sayTime } from "@/time";
import { PER_MWH, sayPrice } from "@/units";
import { priceLevel } from "@/words";
import { Chart } from "./Chart";
import type { ChartInstance } from "./echarts";
import { expectedAt } from "./forecast";
import { drawHistory, type HistoryColumns, type HistoryNames, type HistoryPicture, type Window } from "./historySeries";
import { type Palette, usePalette } from "./palette";
import { axisValue } from "./PowerChart";
import { sayExpected } from "./priceTooltip";
import { tooltip } from "./tooltip";

interface HistoryChartProps extends Omit<HistoryPicture, "say"> {
  readonly region: string;
  readonly className: string;
  /** Told once somebody has stopped moving. */
  readonly onView: (view: Window) => void;
  /** What stands behind a point where many intervals share one. */
  readonly sayStretch: (step: number) => string;
}

const SETTLED = 140;
const NUDGE = 0.2;

export function HistoryChart({ region, className, onView, sayStretch, ...picture }: HistoryChartProps) {
  const { t, i18n } = useTranslation();
  const palette = usePalette();
  const { columns, forecast, thresholds, scale, limits, view, now } = picture;
  const { from, to } = view;
  const option = useMemo(() => {
    const names = { price: t("spot.price"), status: t("spot.status"), now: t("spot.now"), forecast: t("spot.forecast"), range: t("spot.forecast_range") };
    const month = new Intl.DateTimeFormat(i18n.language, { month: "short", timeZone: "UTC" });
    const say = (params: unknown): HTMLElement => sayPoint(params, { columns, forecast, now }, palette, names, sayStretch);
    return drawHistory({ columns, forecast, thresholds, scale, limits, view: { from, to }, now, say }, palette, names, (at) => month.format(asNemAxis(at)));
  }, [columns, forecast, thresholds, scale, limits, from, to, now, palette, t, i18n.language, sayStretch]);
  const { onMade, onKeyDown } = useMoves(limits, view, onView);
  const label = t("spot.history_label", { region, from: sayMoment(from), to: sayMoment(to) });
  return (
    <div role="group" aria-label={t("spot.history_keys")} tabIndex={0} onKeyDown={onKeyDown} className="touch-pan-y rounded-lg">
      <Chart option={option} label={label} className={className} testId="history-chart" onMade={onMade} />
    </div>
  );
}

/** Keep the chart's window and its owner's the same, whoever moves it. */
function useMoves(limits: Window, view: Window, onView: (view: Window) => void) {
  const chart = useRef<ChartInstance | null>(null);
  const shown = useRef<Window>(view);
  const settled = useRef<number | undefined>(undefined);

  const go = ({ from, to }: Window): void => {
    chart.current?.dispatchAction({ type: "dataZoom", dataZoomIndex: 0, startValue: asNemAxis(from), endValue: asNemAxis(to) });
  };
  const moved = useEffectEvent((event: unknown) => {
    const seen = windowOf(event, limits);
    if (!seen) return;
    shown.current = seen;
    window.clearTimeout(settled.current);
    if (isSame(seen, view)) return;
    settled.current = window.setTimeout(() => onView(seen), SETTLED);
  });
  useEffect(() => {
    const made = chart.current;
    const heard = (event: unknown): void => moved(event);
    made?.on("datazoom", heard);
    return () => {
      window.clearTimeout(settled.current);
      if (made && !made.isDisposed()) made.off("datazoom", heard);
    };
  }, []);
  useEffect(() => {
    go({ from: view.from, to: view.to });
    shown.current = { from: view.from, to: view.to };
  }, [view.from, view.to, limits.from, limits.to]);

  const onMade = useCallback((made: ChartInstance) => {
    chart.current = made;
    return () => {
      chart.current = null;
    };
  }, []);
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = keyed(event.key, shown.current, limits);
    if (!next) return;
    event.preventDefault();
    go(next);
  };
  return { onMade, onKeyDown };
}

/** The library rounds; nobody moves by less than a thousandth of what is seen. */
function isSame(one: Window, other: Window): boolean {
  const least = (other.to - other.from) / 1_000;
  return Math.abs(one.from - other.from) < least && Math.abs(one.to - other.to) < least;
}

/** The window that the library tells of, in instants: in per cent by hand, in values by a call. */
export function windowOf(event: unknown, limits: Window): Window | null {
  const told = batched(event);
  if (!told) return null;
  if ("startValue" in told && typeof told.startValue === "number" && "endValue" in told && typeof told.endValue === "number") {
    return { from: fromNemAxis(told.startValue), to: fromNemAxis(told.endValue) };
  }
  if (!("start" in told) || typeof told.start !== "number" || !("end" in told) || typeof told.end !== "number") return null;
  const length = limits.to - limits.from;
  return { from: limits.from + (told.start / 100) * length, to: limits.from + (told.end / 100) * length };
}

function batched(event: unknown): object | null {
  if (typeof event !== "object" || event === null) return null;
  if (!("batch" in event) || !Array.isArray(event.batch)) return event;
  const first: unknown = event.batch[0];
  return typeof first === "object" ? first : null;
}

/** Where a key leads from a window: sideways by a fifth of it, closer or farther by half. */
export function keyed(key: string, { from, to }: Window, limits: Window): Window | null {
  const length = to - from;
  if (key === "ArrowLeft") return within({ from: from - NUDGE * length, to: to - NUDGE * length }, limits);
  if (key === "ArrowRight") return within({ from: from + NUDGE * length, to: to + NUDGE * length }, limits);
  if (key === "+" || key === "=") return { from: from + length / 4, to: to - length / 4 };
  if (key === "-") return within({ from: from - length / 2, to: to + length / 2 }, limits);
  if (key === "Home") return within({ from: limits.from, to: limits.from + length }, limits);
  if (key === "End") return within({ from: limits.to - length, to: limits.to }, limits);
  return null;
}

/** Push a window back inside its limits, and cut it where it is longer than they are. */
export function within({ from, to }: Window, limits: Window): Window {
  const length = Math.min(to - from, limits.to - limits.from);
  const first = Math.min(Math.max(from, limits.from), limits.to - length);
  return { from: first, to: first + length };
}

type Drawn = Pick<HistoryPicture, "columns" | "forecast" | "now">;

function sayPoint(params: unknown, drawn: Drawn, palette: Palette, names: HistoryNames, sayStretch: (step: number) => string): HTMLElement {
  const value = axisValue(params);
  if (value === null) return tooltip({ title: "", rows: [] });
  const { columns, forecast, now } = drawn;
  const at = fromNemAxis(value);
  const expected = at > now ? expectedAt(forecast, at) : undefined;
  if (expected) return sayExpected(expected, palette, names);
  const place = placeOf(columns.ends, at);
  const end = columns.ends[place];
  if (end === undefined) return tooltip({ title: sayMoment(at), rows: [] });
  const perMwh = columns.perMwh[place];
  return tooltip({
    title: `${sayDay(end - INTERVAL)} ${sayInterval(end)}`,
    rows: [
      { name: names.price, value: `${sayPrice(perMwh)}${PER_MWH}`, color: palette.levels[priceLevel(perMwh)] },
      { name: names.status, value: columns.standing[place] ?? "—" },
    ],
    note: columns.step > INTERVAL ? sayStretch(columns.step) : undefined,
  });
}

/** Where in sorted ends the interval is that holds an instant, or else the next one that is known. */
export function placeOf(ends: HistoryColumns["ends"], at: number): number {
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ends[middle] ?? Infinity) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sayMoment(at: number): string {
  return `${sayDay(at)} ${sayTime(at)}`;
}
