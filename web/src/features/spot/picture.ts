/** From what the API and the stream tell to what a price chart draws. */
import type { DispatchSummary, FleetMessage, PriceMessage, Region, Rule, Spot } from "@/api/types.gen";
import type { BatterySample, PricedInterval, Threshold } from "@/charts/PriceChart";
import { instant } from "@/time";

type NameStatus = (status: Spot["intervals"][number]["status"]) => string;
type SayBecause = (because: string) => string;

/** Intervals with their prices, the stream's newest put in its place, each with the reason of its dispatch. */
export function pricedIntervals(
  spot: Spot,
  heard: PriceMessage | undefined,
  dispatches: readonly DispatchSummary[],
  nameStatus: NameStatus,
  sayBecause: SayBecause,
): PricedInterval[] {
  const quotes = new Map(spot.intervals.map((each) => [instant(each.interval_end), each]));
  if (heard) {
    const { interval_end, per_mwh, status } = heard;
    quotes.set(instant(interval_end), { interval_end, per_mwh, status });
  }
  const reasons = new Map([...dispatches].reverse().map((each) => [instant(each.interval_end), each.because]));
  return [...quotes.entries()]
    .sort(([one], [other]) => one - other)
    .map(([end, { per_mwh, status }]) => {
      const because = reasons.get(end);
      return { end, perMwh: per_mwh, statusName: nameStatus(status), because: because === undefined ? undefined : sayBecause(because) };
    });
}

/** The battery's history, continued by what the stream told since. */
export function batterySamples(spot: Spot, trace: readonly FleetMessage[]): BatterySample[] {
  const history = spot.power.map(({ at, battery_kw }) => ({ at: instant(at), battery_kw }));
  const last = history.at(-1)?.at ?? -Infinity;
  const fresh = trace.flatMap(({ at, regions }) => sampleOf(instant(at), regions, spot.region));
  return [...history, ...fresh.filter(({ at }) => at > last)];
}

function sampleOf(at: number, regions: FleetMessage["regions"], region: Region): BatterySample[] {
  const now = regions.find((each) => each.region === region);
  return now ? [{ at, battery_kw: now.heard > 0 ? now.battery_kw : null }] : [];
}

/** The thresholds of the rules in force, each price once. */
export function thresholdsOf(rules: readonly Rule[], sellName: string, buyName: string): Threshold[] {
  const enabled = rules.filter((rule) => rule.enabled);
  const sell = new Set(enabled.map((rule) => rule.sell_above_per_mwh));
  const buy = new Set(enabled.map((rule) => rule.buy_below_per_mwh));
  return [
    ...[...sell].map((perMwh) => ({ perMwh, name: sellName, side: "sell" as const, weight: "rule" as const })),
    ...[...buy].map((perMwh) => ({ perMwh, name: buyName, side: "buy" as const, weight: "rule" as const })),
  ];
}
