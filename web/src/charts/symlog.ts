/**
 * A price axis on which $80 and $12,500 are both readable: straight near zero, logarithmic beyond, the same
 * downward. ECharts has no such axis, so prices are bent before they are drawn and only the ticks say dollars.
 */
export type Scale = "log" | "linear";

/** Up to about this price the axis is nearly straight. */
const KNEE_PER_MWH = 60;

export function bend(perMwh: number, scale: Scale): number {
  return scale === "linear" ? perMwh : Math.asinh(perMwh / KNEE_PER_MWH);
}

const LOG_TICKS = [-1_000, -300, -100, 0, 100, 300, 1_000, 3_000, 10_000];

/** The prices to name on an axis from one price to another. */
export function ticks(from: number, to: number, scale: Scale): number[] {
  const candidates = scale === "log" ? LOG_TICKS : linearTicks(from, to);
  return candidates.filter((tick) => tick >= from && tick <= to);
}

const STEPS = [1, 2, 2.5, 5, 10];

function linearTicks(from: number, to: number): number[] {
  const rough = (to - from) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * (STEPS.find((each) => each * power >= rough) ?? 10);
  const first = Math.ceil(from / step);
  const count = Math.floor(to / step) - first + 1;
  return Array.from({ length: count }, (_, index) => (first + index) * step);
}

/** The least and the most of an axis. */
export interface Extent {
  readonly min: number;
  readonly max: number;
}

/** Widen two axes so that both have zero at the same height. */
export function alignZeros(left: Extent, right: Extent): readonly [Extent, Extent] {
  const below = Math.max(shareBelow(left), shareBelow(right));
  return [stretch(left, below), stretch(right, below)];
}

function shareBelow({ min, max }: Extent): number {
  return -min / (max - min);
}

function stretch({ min, max }: Extent, below: number): Extent {
  if (below >= 1) return { min, max };
  return { min: Math.min(min, (-max * below) / (1 - below)), max };
}
