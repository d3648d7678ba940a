/** What things are called: the keys of names that several pages say, and the levels that colours stand for. */
import type { Health, PriceStatus, Region } from "@/api/types.gen";
import { nemHour, nemMonth } from "@/time";

/** Regions in the order in which pages show them. */
export const REGIONS: readonly Region[] = ["NSW1", "VIC1", "QLD1", "SA1", "TAS1"];

export function isRegion(text: string | undefined): text is Region {
  return REGIONS.some((region) => region === text);
}

export type PriceLevel = "unknown" | "negative" | "calm" | "warm" | "high" | "peak";

/** Name how dear a price is, for its colour. */
export function priceLevel(perMwh: number | null | undefined): PriceLevel {
  if (perMwh === null || perMwh === undefined) return "unknown";
  if (perMwh < 0) return "negative";
  if (perMwh < 150) return "calm";
  if (perMwh < 300) return "warm";
  return perMwh < 1_000 ? "high" : "peak";
}

/** The class that gives an element its level's colours, as whole words that Tailwind can find. */
export const LEVEL_CLASS: Record<PriceLevel, string> = {
  unknown: "level-unknown",
  negative: "level-negative",
  calm: "level-calm",
  warm: "level-warm",
  high: "level-high",
  peak: "level-peak",
};

type Tone = "good" | "warn" | "bad" | "plain";

export const HEALTH_TONE: Record<Health, Tone> = { good: "good", degraded: "warn", silent: "bad" };

export const STATUS_TONE: Record<PriceStatus, Tone> = {
  firm: "good",
  not_firm: "warn",
  suspended: "bad",
  administered: "warn",
  suspect: "bad",
};

const SEASONS = ["summer", "summer", "autumn", "autumn", "autumn", "winter", "winter", "winter", "spring", "spring", "spring", "summer"] as const;

/** The season south of the equator, and the part of the day, market time. */
export function dayPart(at: number): `${(typeof SEASONS)[number]}_${"night" | "morning" | "afternoon" | "evening"}` {
  const hour = nemHour(at);
  const season = SEASONS[nemMonth(at)] ?? "summer";
  const part = hour < 5 || hour >= 21 ? "night" : hour < 12 ? "morning" : hour < 17 ? "afternoon" : "evening";
  return `${season}_${part}`;
}

/** What a dispatch asked of the homes, from its facts. */
export type Asked = "sell" | "buy" | "hold" | "release";

export function askedOf(targetKw: number | null): Asked {
  if (targetKw === null) return "release";
  if (Math.abs(targetKw) < 0.05) return "hold";
  return targetKw > 0 ? "sell" : "buy";
}
