/** From the forecasts that the API tells to the pieces that a chart draws, nearest first. */
import type { Forecasts } from "@/api/types.gen";
import type { ForecastPiece } from "@/charts/forecast";
import { instant, MINUTE } from "@/time";

type Run = Forecasts["runs"][number];

/** What is expected after an instant: each source as far as none that looks closer has reached. */
export function piecesAfter(from: number, runs: readonly Run[], saySource: (run: Run, ranged: boolean) => string): ForecastPiece[] {
  const pieces: ForecastPiece[] = [];
  for (const run of runs) {
    for (const { interval_end, per_mwh, low_per_mwh, high_per_mwh } of run.points) {
      const to = instant(interval_end);
      const begins = Math.max(to - run.minutes * MINUTE, pieces.at(-1)?.to ?? from);
      if (to <= begins) continue;
      const ranged = low_per_mwh !== null && high_per_mwh !== null;
      pieces.push({ from: begins, to, perMwh: per_mwh, low: low_per_mwh, high: high_per_mwh, source: saySource(run, ranged) });
    }
  }
  return pieces;
}
