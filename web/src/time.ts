/** Market time at the screen's edge: UTC+10 without daylight saving. Instants inside are milliseconds since 1970, UTC. */
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const INTERVAL = 5 * MINUTE;
const NEM_OFFSET = 10 * HOUR;

/** A price that has not been replaced this long after its interval began is late. */
export const LATE_AFTER = 6.5 * MINUTE;

export const instant = (iso: string): number => Date.parse(iso);

/** Shift an instant so that its UTC fields read as NEM time; for chart axes, which know only UTC. */
export const asNemAxis = (at: number): number => at + NEM_OFFSET;
export const fromNemAxis = (shifted: number): number => shifted - NEM_OFFSET;

function part(at: number, from: number, to: number): string {
  return Number.isFinite(at) ? new Date(asNemAxis(at)).toISOString().slice(from, to) : "—";
}

/** 18:04 */
export const sayTime = (at: number): string => part(at, 11, 16);
/** 18:04:05 */
export const sayTimeExactly = (at: number): string => part(at, 11, 19);
/** 2026-01-14 */
export const sayDay = (at: number): string => part(at, 0, 10);

/** 18:00–18:05, from the end that names the interval. */
export function sayInterval(end: number): string {
  return `${sayTime(end - INTERVAL)}–${sayTime(end)}`;
}

export const nemHour = (at: number): number => new Date(asNemAxis(at)).getUTCHours();
export const nemMonth = (at: number): number => new Date(asNemAxis(at)).getUTCMonth();

/** The last midnight, market time, at or before an instant. */
export function nemMidnight(at: number): number {
  return fromNemAxis(Math.floor(asNemAxis(at) / (24 * HOUR)) * 24 * HOUR);
}

export const toIso = (at: number): string => new Date(at).toISOString();
