/** Find the last price peak, so that what it earned can be shown by itself. */
import type { PricePoint } from "@/api/types.gen";
import type { Span } from "@/live/queries";
import { instant, INTERVAL } from "@/time";
import { priceLevel } from "@/words";

/** The last unbroken run of peak prices, from its first interval's start to its last one's end. */
export function lastPeak(intervals: readonly PricePoint[]): Span | null {
  let found: Span | null = null;
  for (const { interval_end, per_mwh } of intervals) {
    if (priceLevel(per_mwh) !== "peak") continue;
    const to = instant(interval_end);
    const joins: boolean = found !== null && found.to === to - INTERVAL;
    found = { from: joins && found ? found.from : to - INTERVAL, to };
  }
  return found;
}
