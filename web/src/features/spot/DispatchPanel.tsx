import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { DispatchSummary, Region } from "@/api/types.gen";
import { dispatchesQuery } from "@/live/queries";
import { sayReason } from "@/reason";
import { instant, sayInterval, sayTimeExactly } from "@/time";
import { Button } from "@/ui/Button";
import { Card } from "@/ui/Card";
import { Failure } from "@/ui/Failure";
import { Icon } from "@/ui/Icon";
import { Empty } from "@/ui/Notice";
import { Skeleton } from "@/ui/Skeleton";
import { sayCount, sayPower, sayPrice } from "@/units";
import { askedOf, LEVEL_CLASS, priceLevel } from "@/words";
import { DispatchStory } from "./DispatchStory";

const FIRST = 8;
const MOST = 200;

/** The decisions of a region, newest first, each with its reason and how the homes answered. */
export function DispatchPanel({ region }: { readonly region: Region }) {
  const { t } = useTranslation();
  return (
    <Card title={t("dispatch.title")} testId="dispatches" className="min-w-0">
      <List key={region} region={region} />
    </Card>
  );
}

function List({ region }: { readonly region: Region }) {
  const { t } = useTranslation();
  const [shown, setShown] = useState(FIRST);
  const { data, error, isPending, refetch } = useQuery(dispatchesQuery(region, MOST));
  if (isPending) return <Skeleton className="h-64" />;
  if (error && !data) return <Failure error={error} onRetry={() => void refetch()} />;
  const dispatches = data.dispatches;
  if (dispatches.length === 0) {
    return (
      <Empty icon="bolt" title={t("dispatch.none")}>
        {t("dispatch.none_remedy")}
      </Empty>
    );
  }
  return (
    <>
      <ol className="-my-2 divide-y divide-line">
        {dispatches.slice(0, shown).map((dispatch) => (
          <Row key={dispatch.id} dispatch={dispatch} />
        ))}
      </ol>
      {dispatches.length > shown && (
        <Button look="bare" className="mt-4 w-full" onClick={() => setShown(shown + FIRST * 2)}>
          {t("dispatch.more", { count: dispatches.length - shown })}
        </Button>
      )}
    </>
  );
}

function Row({ dispatch }: { readonly dispatch: DispatchSummary }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const id = `dispatch-${dispatch.id}`;
  return (
    <li data-testid="dispatch" className={LEVEL_CLASS[priceLevel(dispatch.price_per_mwh)]}>
      <button
        type="button"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
        className="-mx-2 flex w-[calc(100%+1rem)] items-start gap-3 rounded-lg px-2 py-3 text-left transition-colors hover:bg-hover"
      >
        <Icon name="chevron" className={`mt-0.5 size-4 shrink-0 text-ink-3 transition-transform ${open ? "rotate-90" : ""}`} />
        <span className="min-w-0 flex-1">
          <span className="flex flex-wrap items-baseline justify-between gap-x-4">
            <span className="font-medium">
              {t(`asked.${askedOf(dispatch.target_kw)}`, { power: sayPower(dispatch.target_kw) })}
              <span className="ml-2 font-semibold text-level tabular-nums">{sayPrice(dispatch.price_per_mwh)}</span>
            </span>
            <span className="text-xs text-ink-3 tabular-nums">
              {sayInterval(instant(dispatch.interval_end))} · {sayTimeExactly(instant(dispatch.decided_at))}
              {dispatch.cycle > 0 && ` · ${t("dispatch.refresh", { cycle: dispatch.cycle })}`}
            </span>
          </span>
          <span className="mt-0.5 block text-[0.8125rem] text-pretty text-ink-2">{sayReason(dispatch.because, t)}</span>
          <Counts dispatch={dispatch} />
        </span>
      </button>
      {open && (
        <div id={id} className="animate-appear pb-4 pl-7">
          <DispatchStory id={dispatch.id} />
        </div>
      )}
    </li>
  );
}

/** Asked, leased, refused, accepted, silent and what nobody could carry; what is not yet counted is a dash. */
function Counts({ dispatch }: { readonly dispatch: DispatchSummary }) {
  const { t } = useTranslation();
  const short = dispatch.shortfall_kw > 0.05;
  const facts = [
    { name: t("dispatch.asked"), value: sayCount(dispatch.sites), worry: false },
    { name: t("dispatch.leased"), value: sayCount(dispatch.leased), worry: false },
    { name: t("dispatch.refused_by_guard"), value: sayCount(dispatch.refused_by_governor), worry: Boolean(dispatch.refused_by_governor) },
    { name: t("dispatch.accepted"), value: sayCount(dispatch.accepted), worry: false },
    { name: t("dispatch.silent"), value: sayCount(dispatch.silent), worry: Boolean(dispatch.silent) },
    ...(short ? [{ name: t("dispatch.shortfall"), value: sayPower(dispatch.shortfall_kw), worry: true }] : []),
  ];
  return (
    <span className="mt-1.5 flex flex-wrap gap-x-4 gap-y-0.5 text-xs text-ink-3">
      {facts.map(({ name, value, worry }) => (
        <span key={name} className="whitespace-nowrap">
          {name} <span className={`font-medium tabular-nums ${worry ? "text-warn" : "text-ink-2"}`}>{value}</span>
        </span>
      ))}
    </span>
  );
}
