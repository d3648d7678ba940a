import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Region, Rule, Spot } from "@/api/types.gen";
import { rulesQuery, useMay, vppsQuery } from "@/live/queries";
import { instant, sayDay, sayTime } from "@/time";
import { Button, IconButton } from "@/ui/Button";
import { Card } from "@/ui/Card";
import { Failure } from "@/ui/Failure";
import { Empty } from "@/ui/Notice";
import { Pill } from "@/ui/Pill";
import { Skeleton } from "@/ui/Skeleton";
import { sayPower, sayShare, sayThreshold } from "@/units";
import { DeleteRule } from "./DeleteRule";
import { RuleDialog } from "./RuleDialog";

interface RulesPanelProps {
  readonly region: Region;
  readonly spot: Spot | undefined;
}

type Doing = { readonly deed: "create" } | { readonly deed: "edit" | "delete"; readonly rule: Rule } | null;

/** At which prices the region's homes sell and buy. */
export function RulesPanel({ region, spot }: RulesPanelProps) {
  const { t } = useTranslation();
  const may = useMay("trader");
  const vpp = useQuery(vppsQuery).data?.vpps.find((each) => each.region === region);
  const [doing, setDoing] = useState<Doing>(null);
  const stop = (): void => setDoing(null);
  return (
    <Card
      title={t("rule.title")}
      testId="rules"
      aside={
        may &&
        vpp && (
          <Button icon="plus" onClick={() => setDoing({ deed: "create" })} data-testid="rule-new">
            {t("rule.new")}
          </Button>
        )
      }
    >
      <Rules region={region} onEdit={(rule) => setDoing({ deed: "edit", rule })} onDelete={(rule) => setDoing({ deed: "delete", rule })} />
      {!may && <p className="mt-4 text-xs text-ink-3">{t("rule.read_only")}</p>}
      {doing?.deed === "create" && <RuleDialog region={region} rule={null} spot={spot} onClose={stop} />}
      {doing?.deed === "edit" && <RuleDialog region={region} rule={doing.rule} spot={spot} onClose={stop} />}
      {doing?.deed === "delete" && <DeleteRule rule={doing.rule} onClose={stop} />}
    </Card>
  );
}

interface RulesProps {
  readonly region: Region;
  readonly onEdit: (rule: Rule) => void;
  readonly onDelete: (rule: Rule) => void;
}

function Rules({ region, onEdit, onDelete }: RulesProps) {
  const { t } = useTranslation();
  const { data, error, isPending, refetch } = useQuery(rulesQuery);
  if (isPending) return <Skeleton className="h-36" />;
  if (error && !data) return <Failure error={error} onRetry={() => void refetch()} />;
  const rules = data.rules.filter((rule) => rule.vpp.region === region);
  if (rules.length === 0) {
    return (
      <Empty icon="pencil" title={t("rule.none")}>
        {t("rule.none_remedy")}
      </Empty>
    );
  }
  return (
    <ul className="space-y-3">
      {rules.map((rule) => (
        <RuleView key={rule.id} rule={rule} onEdit={() => onEdit(rule)} onDelete={() => onDelete(rule)} />
      ))}
    </ul>
  );
}

interface RuleViewProps {
  readonly rule: Rule;
  readonly onEdit: () => void;
  readonly onDelete: () => void;
}

function RuleView({ rule, onEdit, onDelete }: RuleViewProps) {
  const { t } = useTranslation();
  const may = useMay("trader");
  return (
    <li className="rounded-xl border border-line p-4" data-testid="rule">
      <div className="flex items-start justify-between gap-2">
        <div className="min-w-0">
          <h3 className="font-semibold break-words">{rule.name}</h3>
          <p className="text-xs break-words text-ink-3">{rule.vpp.name}</p>
        </div>
        {may ? (
          <div className="-mt-1.5 -mr-2 flex shrink-0">
            <IconButton icon="pencil" label={t("rule.edit", { name: rule.name })} onClick={onEdit} data-testid="rule-edit" />
            <IconButton icon="trash" label={t("rule.delete", { name: rule.name })} onClick={onDelete} data-testid="rule-delete" />
          </div>
        ) : null}
      </div>
      <dl className="mt-3 grid grid-cols-2 gap-x-4 gap-y-3">
        <Fact name={t("rule.sell_above")}>{t("rule.per_mwh", { price: sayThreshold(rule.sell_above_per_mwh) })}</Fact>
        <Fact name={t("rule.buy_below")}>{t("rule.per_mwh", { price: sayThreshold(rule.buy_below_per_mwh) })}</Fact>
        <Fact name={t("rule.site_export")}>{sayPower(rule.site_export_kw)}</Fact>
        <Fact name={t("rule.reserve")}>{sayShare(rule.reserve_soc)}</Fact>
      </dl>
      <div className="mt-3 flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-ink-3">
        <Pill tone={rule.enabled ? "good" : "plain"}>{t(rule.enabled ? "rule.on" : "rule.off")}</Pill>
        <span className="break-words">
          {t("rule.changed", { by: rule.changed_by, day: sayDay(instant(rule.changed_at)), time: sayTime(instant(rule.changed_at)) })}
        </span>
      </div>
    </li>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div>
      <dt className="eyebrow">{name}</dt>
      <dd className="font-semibold tabular-nums">{children}</dd>
    </div>
  );
}
