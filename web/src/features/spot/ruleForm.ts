/** A rule while it is being written: as text, with what is wrong with it. */
import type { Rule, RuleFields } from "@/api/types.gen";
import { fractionOf, percentOf, plain, readNumber } from "@/units";

export interface RuleText {
  readonly name: string;
  readonly sell: string;
  readonly buy: string;
  readonly exportKw: string;
  readonly reserve: string;
  readonly enabled: boolean;
}

export type Fault =
  | "name_missing" | "not_a_number" | "outside_market" | "not_below_sell" | "export_range" | "reserve_range";

export type Faults = Partial<Record<keyof RuleText, Fault | undefined>>;

/** The market's own bounds; no price is ever beyond them. */
export interface MarketBounds {
  readonly floor: number;
  readonly cap: number;
}

export const NEW_RULE: RuleText = { name: "", sell: "300", buy: "-20", exportKw: "5", reserve: "20", enabled: true };

const MOST_EXPORT_KW = 1_000;

export function textOf(rule: Rule): RuleText {
  return {
    name: rule.name,
    sell: plain(rule.sell_above_per_mwh),
    buy: plain(rule.buy_below_per_mwh),
    exportKw: plain(rule.site_export_kw),
    reserve: plain(percentOf(rule.reserve_soc)),
    enabled: rule.enabled,
  };
}

export function fieldsOf({ name, sell_above_per_mwh, buy_below_per_mwh, site_export_kw, reserve_soc, enabled }: Rule): RuleFields {
  return { name, sell_above_per_mwh, buy_below_per_mwh, site_export_kw, reserve_soc, enabled };
}

/** Read the text as a rule: the fields if all is well, else what is wrong and where. */
export function readRule(text: RuleText, bounds: MarketBounds): { readonly fields: RuleFields | null; readonly faults: Faults } {
  const sell = readNumber(text.sell);
  const buy = readNumber(text.buy);
  const exportKw = readNumber(text.exportKw);
  const reserve = readNumber(text.reserve);
  const faults: Faults = {
    ...found("name", text.name.trim() === "" && "name_missing"),
    ...found("sell", priceFault(sell, bounds)),
    ...found("buy", priceFault(buy, bounds) || (sell !== null && buy !== null && buy >= sell && "not_below_sell")),
    ...found("exportKw", rangeFault(exportKw, MOST_EXPORT_KW, "export_range")),
    ...found("reserve", rangeFault(reserve, 100, "reserve_range")),
  };
  if (Object.keys(faults).length > 0 || sell === null || buy === null || exportKw === null || reserve === null) return { fields: null, faults };
  return {
    fields: {
      name: text.name.trim(),
      sell_above_per_mwh: sell,
      buy_below_per_mwh: buy,
      site_export_kw: exportKw,
      reserve_soc: fractionOf(reserve),
      enabled: text.enabled,
    },
    faults,
  };
}

function found(field: keyof RuleText, fault: Fault | false): Faults {
  return fault ? { [field]: fault } : {};
}

function priceFault(perMwh: number | null, { floor, cap }: MarketBounds): Fault | false {
  if (perMwh === null) return "not_a_number";
  return (perMwh < floor || perMwh > cap) && "outside_market";
}

function rangeFault(value: number | null, most: number, fault: Fault): Fault | false {
  if (value === null) return "not_a_number";
  return (value < 0 || value > most) && fault;
}
