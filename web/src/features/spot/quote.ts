/** The newest price of a region, whoever told it, and whether the next one is overdue. */
import type { PriceMessage, PriceStatus } from "@/api/types.gen";
import { instant, INTERVAL, LATE_AFTER } from "@/time";

export interface Quote {
  readonly end: number;
  readonly perMwh: number;
  readonly status: PriceStatus;
}

interface Told {
  readonly interval_end: string | null;
  readonly per_mwh: number | null;
  readonly status: PriceStatus | null;
}

/** Of what was read and what was heard the newer; the stream is quicker, the request is there first. */
export function newestQuote(...told: (Told | PriceMessage | undefined)[]): Quote | undefined {
  return told
    .flatMap((each) => (each?.interval_end == null || each.per_mwh === null || each.status === null ? [] : [{ end: instant(each.interval_end), perMwh: each.per_mwh, status: each.status }]))
    .reduce<Quote | undefined>((newest, each) => (newest && newest.end > each.end ? newest : each), undefined);
}

/** How long ago a price's interval began, and whether that is longer than the market takes for the next one. */
export function ageOf({ end }: Quote, now: number): { readonly age: number; readonly late: boolean } {
  const age = Math.max(0, now - (end - INTERVAL));
  return { age, late: age > LATE_AFTER };
}
