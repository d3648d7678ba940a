/** What is said of one moment of a price chart. */
import { fromNemAxis, INTERVAL, sayInterval, sayTime } from "@/time";
import { PER_MWH, sayPrice, saySignedPower } from "@/units";
import { priceLevel } from "@/words";
import { expectedAt, type ForecastPiece } from "./forecast";
import { nearest } from "./nearest";
import type { Palette } from "./palette";
import { axisValue } from "./PowerChart";
import type { PriceNames, PricePicture } from "./PriceChart";
import { tooltip } from "./tooltip";

export function sayMoment(params: unknown, picture: PricePicture, palette: Palette, names: PriceNames): HTMLElement {
  const value = axisValue(params);
  if (value === null) return tooltip({ title: "", rows: [] });
  const at = fromNemAxis(value);
  const expected = at > picture.now ? expectedAt(picture.forecast, at) : undefined;
  if (expected) return sayExpected(expected, palette, names);
  const interval = picture.intervals.find(({ end }) => end - INTERVAL <= at && at < end);
  const sample = nearest(picture.power, at);
  return tooltip({
    title: sayInterval(interval?.end ?? Math.floor(at / INTERVAL) * INTERVAL + INTERVAL),
    rows: [
      { name: names.price, value: `${sayPrice(interval?.perMwh)}/MWh`, color: palette.levels[priceLevel(interval?.perMwh)] },
      { name: names.status, value: interval?.statusName ?? "—" },
      { name: names.battery, value: saySignedPower(sample?.battery_kw), color: palette.battery },
    ],
    note: interval?.because,
  });
}

/** What is said of an interval to come. */
export function sayExpected(expected: ForecastPiece, palette: Palette, names: Pick<PriceNames, "forecast" | "range">): HTMLElement {
  const { from, to, perMwh, low, high, source } = expected;
  const range = low === null || high === null ? [] : [{ name: names.range, value: `${sayPrice(low)} – ${sayPrice(high)}` }];
  return tooltip({
    title: `${sayTime(from)}–${sayTime(to)}`,
    rows: [{ name: names.forecast, value: `${sayPrice(perMwh)}${PER_MWH}`, color: palette.forecast }, ...range],
    note: source,
  });
}
