import { describe, expect, it } from "vitest";
import i18next from "i18next";
import "@/i18n";
import type { Cumulative, Forecasts, PriceHistory } from "@/api/types.gen";
import { expectedAt, stairs } from "@/charts/forecast";
import { keyed, placeOf, windowOf, within } from "@/charts/HistoryChart";
import { boxesByLevel, boxesToZero, type Plane, stemsOf } from "@/charts/stems";
import { sayPace } from "@/features/spot/CumulativeCard";
import { DAY, extremes, layered, toFetch } from "@/features/spot/history";
import { piecesAfter } from "@/features/spot/outlook";
import { ageOf, newestQuote } from "@/features/spot/quote";
import { hoursOf, isLive } from "@/features/spot/range";
import { sayStretch } from "@/features/spot/stretch";
import { HOUR, INTERVAL, MINUTE } from "@/time";

const T = Date.parse("2026-01-14T08:00:00Z");

function history(ends: number[], perMwh: number[], step_s = 300, more: Partial<PriceHistory> = {}): PriceHistory {
  return {
    region: "NSW1", start: new Date(ends[0] ?? T).toISOString(), end: new Date(ends.at(-1) ?? T).toISOString(), first: null, last: null,
    intervals: ends.length, step_s, statuses: ["firm", "not_firm"], ends_ms: ends, per_mwh: perMwh, status: ends.map(() => 0), ...more,
  };
}

const every = (count: number, step = INTERVAL): number[] => Array.from({ length: count }, (_, index) => T + index * step);

describe("layers of history", () => {
  const view = { from: T, to: T + DAY };

  it("break where prices are not known, and nowhere else", () => {
    const { perMwh } = layered(history([T, T + INTERVAL, T + 9 * INTERVAL], [1, 2, 3]), undefined, view, String);
    expect(perMwh.filter((price) => price !== null)).toEqual([1, 2, 3]);
    expect(perMwh.slice(0, 2)).toEqual([1, 2]);
    expect(perMwh[2]).toBeNull();
    expect(perMwh.at(-1)).toBe(3);
    expect(layered(history(every(5), [1, 2, 3, 4, 5]), undefined, view, String).perMwh).not.toContain(null);
  });

  it("put the fine one in the coarse one's place, in order of time", () => {
    const coarse = history(every(10, HOUR), Array.from({ length: 10 }, () => 50), 3_600);
    const fine = history(every(24).map((end) => end + 2 * HOUR), Array.from({ length: 24 }, () => 80));
    const { ends, perMwh } = layered(coarse, fine, view, String);
    expect([...ends].sort((one, other) => one - other)).toEqual(ends);
    expect(perMwh.filter((price) => price === 80)).toHaveLength(24);
    expect(perMwh).not.toContain(null);
    expect(ends.filter((end) => end > T + 2 * HOUR && end < T + 4 * HOUR)).toHaveLength(23);
  });

  it("name the least and the greatest price of the view alone", () => {
    const columns = layered(history(every(4), [-5, 300, 7, 9_000]), undefined, view, String);
    expect(extremes(columns, { from: T, to: T + 2 * INTERVAL })).toEqual({ least: { end: T + 2 * INTERVAL, perMwh: 7 }, greatest: { end: T + INTERVAL, perMwh: 300 } });
    expect(extremes(columns, { from: T + DAY, to: T + 2 * DAY })).toBeNull();
  });

  it("are fetched for the view with room beside it, and not again for a small move", () => {
    const known = { from: T - 1_000 * DAY, to: T };
    const one = toFetch({ from: T - 10 * DAY, to: T }, known);
    expect(one && one.from <= T - 14 * DAY && one.to >= T).toBe(true);
    const moves = Array.from({ length: 48 }, (_, index) => toFetch({ from: T - (10 + index / 48) * DAY, to: T - (index / 48) * DAY }, known));
    expect(new Set(moves.map((each) => JSON.stringify(each))).size).toBeLessThanOrEqual(3);
    expect(toFetch(known, known)).toBeNull();
    expect(toFetch({ from: T + DAY, to: T + DAY }, known)).toBeNull();
  });
});

describe("moving through time", () => {
  const limits = { from: 0, to: 100 * DAY };

  it("never leaves what there is", () => {
    expect(within({ from: -5 * DAY, to: 5 * DAY }, limits)).toEqual({ from: 0, to: 10 * DAY });
    expect(within({ from: 95 * DAY, to: 105 * DAY }, limits)).toEqual({ from: 90 * DAY, to: 100 * DAY });
    expect(within({ from: -DAY, to: 200 * DAY }, limits)).toEqual(limits);
  });

  it("follows the keys", () => {
    const view = { from: 40 * DAY, to: 60 * DAY };
    expect(keyed("ArrowLeft", view, limits)).toEqual({ from: 36 * DAY, to: 56 * DAY });
    expect(keyed("+", view, limits)).toEqual({ from: 45 * DAY, to: 55 * DAY });
    expect(keyed("-", view, limits)).toEqual({ from: 30 * DAY, to: 70 * DAY });
    expect(keyed("End", view, limits)).toEqual({ from: 80 * DAY, to: 100 * DAY });
    expect(keyed("x", view, limits)).toBeNull();
  });

  it("is read from what the library tells, by hand in per cent, by a call in values", () => {
    expect(windowOf({ batch: [{ start: 25, end: 50 }] }, limits)).toEqual({ from: 25 * DAY, to: 50 * DAY });
    expect(windowOf({ startValue: 36_000_000, endValue: 36_000_000 + DAY }, limits)).toEqual({ from: 0, to: DAY });
    for (const nonsense of [null, 7, {}, { batch: [] }, { start: "0", end: 1 }]) expect(windowOf(nonsense, limits)).toBeNull();
  });

  it("finds the interval under the pointer", () => {
    expect(placeOf([10, 20, 30], 5)).toBe(0);
    expect(placeOf([10, 20, 30], 10)).toBe(1);
    expect(placeOf([10, 20, 30], 99)).toBe(2);
  });
});

describe("stems", () => {
  const plane: Plane = { x: [0, 1], y: [100, -1], left: 0, right: 10, column: 1 };

  it("reach from the least to the greatest of their column and join the ones beside them", () => {
    const { top, bottom } = stemsOf([1, 2.2, 2.8, 4], [10, 50, -20, 30], plane);
    expect([...top].slice(1, 5)).toEqual([50, 50, 70, 70]);
    expect([...bottom].slice(1, 5)).toEqual([90, 120, 70, 70]);
    expect(Number.isNaN(top[0])).toBe(true);
    expect(Number.isNaN(top[6])).toBe(true);
  });

  it("leave a gap where nothing is known", () => {
    const { top } = stemsOf([1, 2, 8], [10, null, 10], plane);
    expect([3, 4, 5, 6, 7].every((column) => Number.isNaN(top[column]))).toBe(true);
  });

  it("come in from before the left edge and go out beyond the right one", () => {
    const { top } = stemsOf([-50, 3, 50], [10, 20, 30], plane);
    expect(top[0]).toBe(80);
    expect(top[9]).toBe(70);
  });

  it("are cut at the levels without losing a pixel", () => {
    const stems = { top: Float64Array.of(20), bottom: Float64Array.of(110) };
    const cut = boxesByLevel(stems, [100, 60], plane, 0);
    expect(cut.map(([, y, , height]) => [y, height])).toEqual([[100, 10], [60, 40], [20, 40]]);
    const [above, below] = boxesToZero({ top: Float64Array.of(20, 110), bottom: Float64Array.of(40, 130) }, 100, plane);
    expect([above, below]).toEqual([[0, 40, 1, 60], [1, 100, 1, 10]]);
  });

  it("show a flat price as a stroke of its own thickness", () => {
    const flat = boxesByLevel({ top: Float64Array.of(50), bottom: Float64Array.of(50) }, [100, 20], plane, 2);
    expect(flat).toEqual([[], [0, 49, 1, 2], []]);
  });
});

type Run = Forecasts["runs"][number];

function run(source: Run["source"], minutes: number, first: number, prices: number[], ranged = true): Run {
  return {
    source, minutes, made_at: new Date(T).toISOString(), compared_runs: 100, compared_days: 7,
    points: prices.map((per_mwh, index) => ({
      interval_end: new Date(first + index * minutes * MINUTE).toISOString(), per_mwh,
      low_per_mwh: ranged ? per_mwh - 1 : null, high_per_mwh: ranged ? per_mwh + 1 : null,
    })),
  };
}

describe("what is expected", () => {
  const runs = [run("P5MIN", 5, T + INTERVAL, [80, 81, 82]), run("PREDISPATCH", 30, T + 30 * MINUTE, [90, 91], false)];

  it("begins after the last known price and hands over where the nearer run ends", () => {
    const pieces = piecesAfter(T + INTERVAL, runs, (each, ranged) => `${each.source} ${ranged}`);
    expect(pieces.map(({ from, to, perMwh }) => [(from - T) / MINUTE, (to - T) / MINUTE, perMwh])).toEqual([[5, 10, 81], [10, 15, 82], [15, 30, 90], [30, 60, 91]]);
    expect(pieces.map(({ source }) => source)).toEqual(["P5MIN true", "P5MIN true", "PREDISPATCH false", "PREDISPATCH false"]);
    expect(expectedAt(pieces, T + 12 * MINUTE)?.perMwh).toBe(82);
    expect(expectedAt(pieces, T + 90 * MINUTE)).toBeUndefined();
  });

  it("is nothing once its time is over", () => {
    expect(piecesAfter(T + DAY, runs, () => "")).toEqual([]);
  });

  it("is drawn as stairs that break between runs", () => {
    expect(stairs([{ from: 0, to: 5, perMwh: 1 }, { from: 5, to: 10, perMwh: 2 }, { from: 20, to: 30, perMwh: 3 }])).toEqual([[0, 1], [5, 1], [5, 2], [10, 2], [10, null], [20, 3], [30, 3]]);
  });
});

describe("the newest price", () => {
  const told = (minutes: number, per_mwh: number | null) => ({ interval_end: new Date(T + minutes * MINUTE).toISOString(), per_mwh, status: "firm" as const });

  it("is the later one, whoever told it, and never one that nobody published", () => {
    expect(newestQuote(told(5, 80), told(0, 70))?.perMwh).toBe(80);
    expect(newestQuote(told(5, null), told(0, 70))?.perMwh).toBe(70);
    expect(newestQuote(undefined, { interval_end: null, per_mwh: null, status: null })).toBeUndefined();
  });

  it("is late once the next one should have come", () => {
    const quote = { end: T + INTERVAL, perMwh: 80, status: "firm" as const };
    expect(ageOf(quote, T + 6 * MINUTE)).toEqual({ age: 6 * MINUTE, late: false });
    expect(ageOf(quote, T + 7 * MINUTE).late).toBe(true);
    expect(ageOf(quote, T - MINUTE).age).toBe(0);
  });
});

describe("the cumulative price in words", () => {
  const cumulative: Cumulative = {
    upto: null, per_mwh: 312_000, summed_per_mwh: 312_000, summed_intervals: 2_016, window_intervals: 2_016, threshold_per_mwh: 1_823_600,
    administered_cap_per_mwh: 600, day_mean_per_mwh: 90, crosses_at: null,
  };
  const say = async (change: Partial<Cumulative>): Promise<string> => sayPace({ ...cumulative, ...change }, await i18next.changeLanguage("en"));

  it("says a pace only where it is known", async () => {
    expect(await say({})).toContain("does not reach the threshold");
    expect(await say({ crosses_at: "2026-01-15T02:00:00Z" })).toContain("passes the threshold about 2026-01-15 12:00");
    expect(await say({ day_mean_per_mwh: null })).not.toContain("mean");
    expect(await say({ summed_intervals: 2_000 })).not.toContain("mean");
    expect(await say({ per_mwh: 1_900_000 })).toContain("above the threshold");
  });

  it("says what is known of a week that is not whole", async () => {
    expect(await say({ per_mwh: null, summed_intervals: 120, summed_per_mwh: -4_200 })).toContain("120 of the 2,016");
    expect(await say({ per_mwh: null, summed_intervals: 120, summed_per_mwh: -4_200 })).toContain("−$4,200");
  });
});

it("knows which ranges are lived and which are moved through", () => {
  expect([isLive("6h"), isLive("24h"), isLive("7d"), isLive("all")]).toEqual([true, true, false, false]);
  expect([hoursOf("24h"), hoursOf("1y")]).toEqual([24, 6]);
});

it("says how long something is in the reader's language", async () => {
  const t = await i18next.changeLanguage("en");
  expect([20_000, 3 * MINUTE, 5 * HOUR, DAY, 1_450 * DAY].map((length) => sayStretch(length, t))).toEqual(["20 s", "3 min", "5 h", "1 day", "1,450 days"]);
  expect(sayStretch(2 * DAY, await i18next.changeLanguage("zh"))).toBe("2 天");
});
