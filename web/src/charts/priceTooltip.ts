/** What is said of one moment of a price chart. */
import { fromNemAxis, INTERVAL, sayInterval } from "@/time";
import { sayPrice, saySignedPower } from "@/units";
import { priceLevel } from "@/words";
import { nearest } from "./nearest";
import type { Palette } from "./palette";
import { axisValue } from "./PowerChart";
import type { PriceNames, PricePicture } from "./PriceChart";
import { tooltip } from "./tooltip";

export function sayMoment(params: unknown, picture: PricePicture, palette: Palette, names: PriceNames): HTMLElement {
  const value = axisValue(params);
  if (value === null) return tooltip({ title: "", rows: [] });
  const at = fromNemAxis(value);
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
