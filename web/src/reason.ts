/**
 * Why a dispatch was made, in the reader's language. The record keeps one English sentence per decision; the
 * sentences that the engine writes are said anew from their figures, any other is shown as it stands.
 */
import type { TFunction } from "i18next";

const PRICE = String.raw`(-?\$[\d,.]+)/MWh`;
const SPOT = new RegExp(String.raw`^price ${PRICE}( \(not firm\))? is (still close to )?(above|below) (-?\$[\d,.]+): (.+)$`);
const CALM = new RegExp(String.raw`^price ${PRICE} crosses no threshold: `);
const EACH = /^sell up to ([\d.]+) kW a home$/;

const minus = (text: string): string => text.replace("-", "−");

export function sayReason(because: string, t: TFunction): string {
  const calm = CALM.exec(because);
  if (calm) return t("reason.calm", { price: minus(calm[1] ?? "") });
  const spot = SPOT.exec(because);
  return spot ? saySpot(spot, t) : because.charAt(0).toUpperCase() + because.slice(1);
}

function saySpot([, price = "", notFirm, close, side, threshold = "", deed = ""]: RegExpExecArray, t: TFunction): string {
  const asked = side === "above" ? "sell" : "buy";
  const figures = { price: minus(price), threshold: minus(threshold), each: EACH.exec(deed)?.[1] ?? "" };
  const said = t(close ? `reason.${asked}_on` : `reason.${asked}`, figures);
  return notFirm ? t("reason.not_firm", { said }) : said;
}
