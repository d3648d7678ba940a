import { useQuery } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Region, Rule, RuleFields, Spot } from "@/api/types.gen";
import { rulesQuery, vppsQuery } from "@/live/queries";
import { statusOf } from "@/problem";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { Notice } from "@/ui/Notice";
import { type Faults, NEW_RULE, readRule, textOf } from "./ruleForm";
import { RuleInputs } from "./RuleInputs";
import { RulePicture } from "./RulePicture";
import { useChangeRule, useCreateRule } from "./useRules";

interface RuleDialogProps {
  readonly region: Region;
  /** The rule to be changed; none makes a new one. */
  readonly rule: Rule | null;
  readonly spot: Spot | undefined;
  readonly onClose: () => void;
}

const CHANGED_MEANWHILE = 409;
/** What the API takes where the market's bounds are not known yet. */
const WIDEST = { floor: -1_000, cap: 50_000 };

/** A rule as a form, with its thresholds drawn on the latest prices while they are being chosen. */
export function RuleDialog({ region, rule: first, spot, onClose }: RuleDialogProps) {
  const { t } = useTranslation();
  const [rule, setRule] = useState(first);
  const [text, setText] = useState(first ? textOf(first) : NEW_RULE);
  const [tried, setTried] = useState(false);
  const vpp = useVppOf(region, rule);
  const save = useSave(rule, vpp?.id);
  const bounds = spot ? { floor: spot.floor_per_mwh, cap: spot.cap_per_mwh } : WIDEST;
  const { fields, faults } = readRule(text, bounds);
  const conflict = statusOf(save.error) === CHANGED_MEANWHILE;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setTried(true);
    if (fields) save.run(fields, onClose);
  };
  const takeTheirs = (theirs: Rule): void => {
    setRule(theirs);
    setText(textOf(theirs));
    save.reset();
  };
  return (
    <Dialog open onClose={onClose} title={t(first ? "rule.edit_title" : "rule.new_title")} about={vpp && t("rule.for", { vpp: vpp.name })} closeLabel={t("close")} testId="rule-dialog">
      <form onSubmit={submit} className="grid sm:grid-cols-[21rem_minmax(0,1fr)]" noValidate>
        <div className="order-2 space-y-4 p-5 sm:order-1">
          {conflict && rule ? (
            <Conflict rule={rule} onReload={takeTheirs} />
          ) : (
            save.error && <Failure error={save.error} onRetry={() => fields && save.run(fields, onClose)} />
          )}
          <RuleInputs text={text} onChange={setText} faults={tried ? faults : onlyTelling(faults)} bounds={bounds} />
          <div className="flex justify-end gap-2 pt-1">
            <Button onClick={onClose}>{t("cancel")}</Button>
            <Button look="primary" type="submit" disabled={save.isPending || conflict || !vpp} data-testid="rule-save">
              {t(save.isPending ? "rule.saving" : "rule.save")}
            </Button>
          </div>
        </div>
        <RulePicture region={region} spot={spot} text={text} />
      </form>
    </Dialog>
  );
}

/** While typing only faults that a reader cannot see for himself are told; an empty name is not one of them. */
function onlyTelling(faults: Faults): Faults {
  return { ...faults, name: undefined };
}

function useVppOf(region: Region, rule: Rule | null): { readonly id: string; readonly name: string } | undefined {
  const { data } = useQuery(vppsQuery);
  return rule?.vpp ?? data?.vpps.find((vpp) => vpp.region === region);
}

function useSave(rule: Rule | null, vpp: string | undefined) {
  const change = useChangeRule();
  const create = useCreateRule();
  const run = (fields: RuleFields, onSuccess: () => void): void => {
    if (rule) change.mutate({ rule, fields }, { onSuccess });
    else if (vpp) create.mutate({ vpp, fields }, { onSuccess });
  };
  return { run, reset: change.reset, error: change.error ?? create.error, isPending: change.isPending || create.isPending };
}

/** Somebody else was quicker: who, and the way to go on. */
function Conflict({ rule, onReload }: { readonly rule: Rule; readonly onReload: (theirs: Rule) => void }) {
  const { t } = useTranslation();
  const { data } = useQuery(rulesQuery);
  const theirs = data?.rules.find((each) => each.id === rule.id);
  if (!theirs) {
    return (
      <Notice tone="warn" title={t("rule.gone")} testId="rule-conflict">
        {t("rule.gone_remedy")}
      </Notice>
    );
  }
  return (
    <Notice
      tone="warn"
      title={t("rule.conflict", { by: theirs.changed_by })}
      testId="rule-conflict"
      action={
        <Button onClick={() => onReload(theirs)} icon="undo" data-testid="rule-reload">
          {t("rule.reload")}
        </Button>
      }
    >
      {t("rule.conflict_remedy")}
    </Notice>
  );
}
