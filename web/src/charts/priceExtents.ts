/** How far the two axes of a price chart reach. */
import type { ForecastPiece } from "./forecast";
import type { BatterySample, PricePicture } from "./PriceChart";
import type { Extent, Scale } from "./symlog";

/** Room above the highest bar, so that a peak is not cut by the frame. */
const AIR = 1.12;
/** A quiet day is not blown up to fill the chart. */
const LEAST_PER_MWH = 200;
const LEAST_KW = 1;
const UNDER_THE_PEAK = 1.45;
/** However much is charged, the bars above zero keep most of the chart. */
const OVER_CHARGING = 2.4;

export function priceExtent({ intervals, thresholds, forecast, scale }: Pick<PricePicture, "intervals" | "thresholds" | "forecast" | "scale">): Extent {
  const known = intervals.flatMap(({ perMwh }) => (perMwh === null ? [] : [perMwh]));
  const prices = [...known, ...expectedPrices(forecast, scale)];
  const lines = thresholds.map(({ perMwh }) => perMwh);
  const highest = Math.max(LEAST_PER_MWH, ...prices, ...lines);
  const lowest = Math.min(0, ...prices, ...lines);
  const air = scale === "log" ? 1.6 : AIR;
  return { min: lowest * air, max: highest * air };
}

/** In true proportions a wide range would leave nothing of the prices themselves; it is cut there. */
export function expectedPrices(forecast: readonly ForecastPiece[], scale: Scale): number[] {
  return forecast.flatMap(({ perMwh, low, high }) => (scale === "linear" ? [perMwh] : [perMwh, low ?? perMwh, high ?? perMwh]));
}

/** The battery's axis reaches well past its power, so that the line lies under the peak of the price. */
export function powerExtent(samples: readonly BatterySample[]): Extent {
  const powers = samples.flatMap(({ battery_kw }) => (battery_kw === null ? [] : [battery_kw]));
  const min = Math.min(0, ...powers) * AIR;
  return { min, max: Math.max(LEAST_KW, Math.max(...powers) * UNDER_THE_PEAK, -min * OVER_CHARGING) };
}
