import { expect, it } from "vitest";
import { instant, nemMidnight, sayDay, sayInterval, sayTime, toIso } from "@/time";
import { dayPart } from "@/words";

it("says market time, ten hours ahead of UTC in every season", () => {
  expect(sayTime(instant("2026-01-14T08:04:00Z"))).toBe("18:04");
  expect(sayTime(instant("2026-07-14T08:04:00Z"))).toBe("18:04");
});

it("names an interval from its end", () => {
  expect(sayInterval(instant("2026-01-14T08:10:00Z"))).toBe("18:05–18:10");
});

it("begins the day at midnight, market time", () => {
  expect(toIso(nemMidnight(instant("2026-01-14T14:30:00Z")))).toBe("2026-01-14T14:00:00.000Z");
  expect(sayDay(instant("2026-01-14T14:30:00Z"))).toBe("2026-01-15");
});

it("says what cannot be a time as unknown", () => {
  expect(sayTime(NaN)).toBe("—");
});

it("knows a summer evening when it sees one", () => {
  expect(dayPart(instant("2026-01-14T08:04:00Z"))).toBe("summer_evening");
  expect(dayPart(instant("2026-07-14T23:00:00Z"))).toBe("winter_morning");
});
