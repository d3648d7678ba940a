/** How much time the price chart shows: hours as they are lived, or days to years to move through. */
import { type Length, LENGTHS } from "./history";

export const LIVE_HOURS = { "6h": 6, "24h": 24 } as const;
export type Live = keyof typeof LIVE_HOURS;
export type Range = Live | Length;

export const RANGES: readonly Range[] = ["6h", "24h", "7d", "30d", "1y", "all"];
/** How far ahead of now the hours reach, at most. */
export const AHEAD_HOURS: Readonly<Record<Live, number>> = { "6h": 3, "24h": 14 };

export function isLive(range: Range): range is Live {
  return !(range in LENGTHS);
}

/** The hours that other parts of the page speak of. */
export function hoursOf(range: Range): number {
  return isLive(range) ? LIVE_HOURS[range] : LIVE_HOURS["6h"];
}
