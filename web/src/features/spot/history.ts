/** Prices of years in two layers: all of them coarsely, and finely what is looked at. */
import type { PriceHistory, PriceStatus } from "@/api/types.gen";
import type { HistoryColumns, Window } from "@/charts/historySeries";
import { HOUR, INTERVAL } from "@/time";

export const DAY = 24 * HOUR;
/** What the chart shows of the past, by the name of the choice; "all" is all that is known. */
export const LENGTHS = { "7d": 7 * DAY, "30d": 30 * DAY, "1y": 365 * DAY, all: Infinity } as const;
export type Length = keyof typeof LENGTHS;

/** Points of the coarse layer and of the fine one; more than a wide screen has room for. */
export const COARSE = 1_500;
export const FINE = 2_400;
/** How much of its own length is fetched on each side of what is looked at. */
const BESIDE = 0.5;
/** Where nearly all is looked at, the coarse layer is fine enough. */
const NEARLY_ALL = 0.8;

/** Breaks in a gap: the small picture of all the time draws one point of several, and must not miss them. */
const GAP_MARKS = 8;

interface Point {
  readonly end: number;
  readonly perMwh: number;
  readonly status: PriceStatus;
  /** How far the next one may be without a gap between them, halved. */
  readonly step: number;
}

/** What to fetch for a view, in steps of its length so that a small move asks for nothing new; null if nothing. */
export function toFetch({ from, to }: Window, known: Window): Window | null {
  const length = to - from;
  if (length <= 0 || to < known.from || from > known.to || length > NEARLY_ALL * (known.to - known.from)) return null;
  const step = Math.max(INTERVAL, 2 ** Math.floor(Math.log2(length / 4)));
  return {
    from: Math.floor((from - BESIDE * length) / step) * step,
    to: Math.ceil((to + BESIDE * length) / step) * step,
  };
}

/** Join the two layers: the coarse one beside the fine one, and a break wherever prices are not known. */
export function layered(coarse: PriceHistory, fine: PriceHistory | undefined, view: Window, sayStatus: (status: PriceStatus) => string): HistoryColumns {
  const detailed = fine !== undefined && fine.ends_ms.length > 0;
  const all = detailed ? [...outside(coarse, fine, "before"), ...points(fine), ...outside(coarse, fine, "after")] : points(coarse);
  const ends: number[] = [];
  const perMwh: (number | null)[] = [];
  const standing: string[] = [];
  let before: Point | undefined;
  for (const point of all) {
    if (before && point.end - before.end > 2 * Math.max(before.step, point.step)) {
      for (let mark = 1; mark <= GAP_MARKS; mark += 1) {
        ends.push(before.end + ((point.end - before.end) * mark) / (GAP_MARKS + 1));
        perMwh.push(null);
        standing.push("");
      }
    }
    ends.push(point.end);
    perMwh.push(point.perMwh);
    standing.push(sayStatus(point.status));
    before = point;
  }
  return { ends, perMwh, standing, step: 1_000 * stepOf(coarse, fine, view) };
}

function stepOf(coarse: PriceHistory, fine: PriceHistory | undefined, { from, to }: Window): number {
  const covers = fine && Date.parse(fine.start) <= from + INTERVAL && Date.parse(fine.end) >= Math.min(to, Date.parse(coarse.end));
  return covers ? fine.step_s : coarse.step_s;
}

function points({ ends_ms, per_mwh, status, statuses, step_s }: PriceHistory): Point[] {
  return ends_ms.flatMap((end, index) => {
    const [price, place] = [per_mwh[index], status[index]];
    const named = place === undefined ? undefined : statuses[place];
    return price === undefined || named === undefined ? [] : [{ end, perMwh: price, status: named, step: 1_000 * step_s }];
  });
}

function outside(coarse: PriceHistory, fine: PriceHistory, side: "before" | "after"): Point[] {
  const [start, end] = [Date.parse(fine.start), Date.parse(fine.end)];
  return points(coarse).filter((point) => (side === "before" ? point.end <= start : point.end > end));
}

/** The least and the greatest price drawn within a view; null where there is none. */
export function extremes({ ends, perMwh }: HistoryColumns, { from, to }: Window): { readonly least: Extreme; readonly greatest: Extreme } | null {
  let found: { readonly least: Extreme; readonly greatest: Extreme } | null = null;
  for (const [index, end] of ends.entries()) {
    const price = perMwh[index];
    if (end <= from || end > to || price === null || price === undefined) continue;
    const here = { end, perMwh: price };
    found = {
      least: found && found.least.perMwh <= price ? found.least : here,
      greatest: found && found.greatest.perMwh >= price ? found.greatest : here,
    };
  }
  return found;
}

export interface Extreme {
  readonly end: number;
  readonly perMwh: number;
}
