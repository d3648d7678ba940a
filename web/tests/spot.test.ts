import { describe, expect, it } from "vitest";
import i18next from "i18next";
import "@/i18n";
import type { DispatchSummary, Rule, Spot } from "@/api/types.gen";
import { sayReason } from "@/reason";
import { stepsOf } from "@/features/spot/steps";
import { lastPeak } from "@/features/spot/peak";
import { batterySamples, pricedIntervals, thresholdsOf } from "@/features/spot/picture";
import { NEW_RULE, readRule, textOf } from "@/features/spot/ruleForm";
import { instant, toIso } from "@/time";

const BOUNDS = { floor: -1_000, cap: 20_300 };

const RULE: Rule = {
  id: "1", vpp: { id: "harbour-nsw", name: "Sydney Basin", region: "NSW1" }, name: "Evening spike", sell_above_per_mwh: 300,
  buy_below_per_mwh: -20, site_export_kw: 8.7, reserve_soc: 0.07, enabled: true, version: 3, changed_by: "Avery", changed_at: "2026-01-14T08:00:00Z",
};

describe("a rule as it is written", () => {
  it("comes back from the form as it went in", () => {
    const { fields, faults } = readRule(textOf(RULE), BOUNDS);
    expect(faults).toEqual({});
    expect(fields).toEqual({ name: "Evening spike", sell_above_per_mwh: 300, buy_below_per_mwh: -20, site_export_kw: 8.7, reserve_soc: 0.07, enabled: true });
  });

  it.each([
    [{ name: "  " }, { name: "name_missing" }],
    [{ sell: "x" }, { sell: "not_a_number" }],
    [{ sell: "30000" }, { sell: "outside_market" }],
    [{ buy: "300" }, { buy: "not_below_sell" }],
    [{ buy: "-2000" }, { buy: "outside_market" }],
    [{ exportKw: "-1" }, { exportKw: "export_range" }],
    [{ reserve: "101" }, { reserve: "reserve_range" }],
  ])("is refused with %o", (change, faults) => {
    expect(readRule({ ...NEW_RULE, name: "Rule", ...change }, BOUNDS)).toEqual({ fields: null, faults });
  });
});

describe("a reason", () => {
  const said = async (language: string, because: string): Promise<string> => sayReason(because, await i18next.changeLanguage(language));

  it("is said in the reader's language with its figures", async () => {
    const because = "price $12,500/MWh (not firm) is above $300: sell up to 8.7 kW a home";
    expect(await said("en", because)).toBe("Price $12,500/MWh is above $300: sell up to 8.7 kW a home. The price is not firm.");
    expect(await said("zh", because)).toBe("电价 $12,500/MWh 高于 $300：每户最多售电 8.7 kW。该价格尚未确定。");
    expect(await said("zh", "price -$25/MWh is below -$20: charge as fast as each home may")).toContain("−$25/MWh 低于 −$20");
    expect(await said("en", "price $84.12/MWh crosses no threshold: homes look after themselves")).toContain("crosses no threshold");
    expect(await said("en", "price $290/MWh is still close to above $300: sell up to 8.7 kW a home")).toContain("keep selling");
  });

  it("that is not known is shown as the record has it", async () => {
    expect(await said("zh", "<b>held back</b> by hand")).toBe("<b>held back</b> by hand");
  });
});

const SPOT: Spot = {
  region: "NSW1",
  intervals: [
    { interval_end: "2026-01-14T08:05:00Z", per_mwh: 90, status: "firm" },
    { interval_end: "2026-01-14T08:10:00Z", per_mwh: 12_500, status: "firm" },
    { interval_end: "2026-01-14T08:15:00Z", per_mwh: 12_500, status: "firm" },
    { interval_end: "2026-01-14T08:20:00Z", per_mwh: null, status: null },
  ],
  power: [{ at: "2026-01-14T08:10:00Z", power_kw: 1, battery_kw: 2, stored_kwh: 3 }],
  rule_ids: [],
  cap_per_mwh: 20_300,
  floor_per_mwh: -1_000,
};

const dispatch = (cycle: number, because: string): DispatchSummary => ({
  id: String(cycle), vpp: { id: "v", name: "V" }, region: "NSW1", interval_end: "2026-01-14T08:10:00Z", cycle, price_per_mwh: 12_500,
  price_status: "firm", target_kw: 1, because, shortfall_kw: 0, sites: 1, unheard: 0, leased: null, refused_by_governor: null,
  accepted: null, refused: null, silent: null, decided_at: "2026-01-14T08:05:20Z", trace: "t",
});

describe("the picture", () => {
  it("has every interval with its price, its reason and the stream's newest price", () => {
    const heard = { kind: "price" as const, region: "NSW1" as const, interval_end: "2026-01-14T08:20:00Z", per_mwh: 120, status: "firm" as const };
    const drawn = pricedIntervals(SPOT, heard, [dispatch(1, "refreshed"), dispatch(0, "first")], (status) => status ?? "none", (because) => because);
    expect(drawn.map(({ perMwh }) => perMwh)).toEqual([90, 12_500, 12_500, 120]);
    expect(drawn.map(({ because }) => because)).toEqual([undefined, "refreshed", undefined, undefined]);
  });

  it("continues the history with the stream, and knows when nobody is heard", () => {
    const region = {
      region: "NSW1" as const, sites: 1, heard: 0, power_kw: 0, battery_kw: 0, pv_kw: 0, load_kw: 0, stored_kwh: 0, capacity_kwh: 0, headroom_up_kw: 0,
      headroom_down_kw: 0, leased: 0, price_per_mwh: null, price_status: null, price_interval_end: null, price_age_s: null, revenue_today_aud: "0",
      health: "silent" as const,
    };
    const trace = ["2026-01-14T08:09:00Z", "2026-01-14T08:10:01Z"].map((at) => ({ kind: "fleet" as const, at, fleet: region, regions: [region] }));
    expect(batterySamples(SPOT, trace).map(({ battery_kw }) => battery_kw)).toEqual([2, null]);
  });

  it("draws each threshold in force once", () => {
    const rules = [RULE, { ...RULE, id: "2" }, { ...RULE, id: "3", sell_above_per_mwh: 500, enabled: false }];
    expect(thresholdsOf(rules, "sell", "buy").map(({ perMwh }) => perMwh)).toEqual([300, -20]);
  });

  it("finds the last peak, unbroken", () => {
    const peak = lastPeak(SPOT.intervals);
    expect(peak && [toIso(peak.from), toIso(peak.to)]).toEqual(["2026-01-14T08:05:00.000Z", "2026-01-14T08:15:00.000Z"]);
    expect(lastPeak([])).toBeNull();
  });
});

it("puts the steps of a dispatch on one line of time", () => {
  const steps = stepsOf({ decided_at: "2026-01-14T08:05:20.041Z", signed_at: "2026-01-14T08:05:20.124Z", price_to_leases_s: 0.124, first_ack_s: 0.061, last_ack_s: null });
  const from = instant("2026-01-14T08:05:20Z");
  expect(steps.map(({ at }) => at === null ? null : Math.round(at - from))).toEqual([0, 41, 124, 185, null]);
});
