/** How long something is, in the words of the reader's language. */
import type { TFunction } from "i18next";
import { HOUR, MINUTE } from "@/time";
import { sayCount } from "@/units";

const DAY = 24 * HOUR;

export function sayStretch(length: number, t: TFunction): string {
  if (length < MINUTE) return t("time.seconds", { count: Math.round(length / 1_000) });
  if (length < HOUR) return t("time.minutes", { count: Math.round(length / MINUTE) });
  if (length < DAY) return t("time.hours", { count: Math.round(length / HOUR) });
  return sayDays(Math.round(length / DAY), t);
}

/** Thousands of days are long ago; they are told apart as other large numbers are. */
function sayDays(count: number, t: TFunction): string {
  return t("time.days", { count, days: sayCount(count) });
}
