import { useTranslation } from "react-i18next";
import { Field, Toggle } from "@/ui/Field";
import { sayThreshold } from "@/units";
import type { Faults, MarketBounds, RuleText } from "./ruleForm";

interface RuleInputsProps {
  readonly text: RuleText;
  readonly onChange: (text: RuleText) => void;
  readonly faults: Faults;
  readonly bounds: MarketBounds;
}

export function RuleInputs({ text, onChange, faults, bounds }: RuleInputsProps) {
  const { t } = useTranslation();
  const set = (part: Partial<RuleText>): void => onChange({ ...text, ...part });
  const figures = { floor: sayThreshold(bounds.floor), cap: sayThreshold(bounds.cap) };
  const wrong = (field: keyof RuleText): string | undefined => {
    const fault = faults[field];
    return fault && t(`fault.${fault}`, figures);
  };
  return (
    <>
      <Field label={t("rule.name")} name="name" value={text.name} onChange={(name) => set({ name })} error={wrong("name")} maxLength={80} autoComplete="off" />
      <Field label={t("rule.sell_above")} hint={t("rule.sell_hint")} name="sell" inputMode="text" before="$" after="/MWh" value={text.sell} onChange={(sell) => set({ sell })} error={wrong("sell")} autoComplete="off" />
      <Field label={t("rule.buy_below")} hint={t("rule.buy_hint")} name="buy" inputMode="text" before="$" after="/MWh" value={text.buy} onChange={(buy) => set({ buy })} error={wrong("buy")} autoComplete="off" />
      <div className="grid grid-cols-2 gap-4">
        <Field label={t("rule.site_export")} hint={t("rule.export_hint")} name="export" inputMode="decimal" after="kW" value={text.exportKw} onChange={(exportKw) => set({ exportKw })} error={wrong("exportKw")} autoComplete="off" />
        <Field label={t("rule.reserve")} hint={t("rule.reserve_hint")} name="reserve" inputMode="decimal" after="%" value={text.reserve} onChange={(reserve) => set({ reserve })} error={wrong("reserve")} autoComplete="off" />
      </div>
      <Toggle label={t("rule.enabled")} hint={t("rule.enabled_hint")} name="enabled" on={text.enabled} onChange={(enabled) => set({ enabled })} />
    </>
  );
}
