import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { DispatchDetail } from "@/api/types.gen";
import { dispatchQuery } from "@/live/queries";
import { sayTimeExactly } from "@/time";
import { Failure } from "@/ui/Failure";
import { Skeleton } from "@/ui/Skeleton";
import { sayCount, sayDuration } from "@/units";
import { stepsOf } from "./steps";

/** One decision whole: how it went through, whom the governor refused, and the record's own words. */
export function DispatchStory({ id }: { readonly id: string }) {
  const { data, error, refetch } = useQuery(dispatchQuery(id));
  if (data) return <Whole dispatch={data} />;
  if (error) return <Failure error={error} onRetry={() => void refetch()} />;
  return <Skeleton className="h-28" />;
}

function Whole({ dispatch }: { readonly dispatch: DispatchDetail }) {
  const { t } = useTranslation();
  return (
    <div className="space-y-4 rounded-xl bg-sunken p-4 text-[0.8125rem]" data-testid="dispatch-detail">
      <Timeline dispatch={dispatch} />
      <Refusals dispatch={dispatch} />
      <dl className="grid gap-x-8 gap-y-2 sm:grid-cols-[auto_1fr]">
        <dt className="text-ink-3">{t("dispatch.vpp")}</dt>
        <dd>{dispatch.vpp.name}</dd>
        <dt className="text-ink-3">{t("dispatch.unheard")}</dt>
        <dd className="tabular-nums">{sayCount(dispatch.unheard)}</dd>
        <dt className="text-ink-3">{t("dispatch.refused_by_device")}</dt>
        <dd className="tabular-nums">{sayCount(dispatch.refused)}</dd>
        <dt className="text-ink-3">{t("dispatch.in_the_record")}</dt>
        <dd lang="en">{dispatch.because}</dd>
        <dt className="text-ink-3">{t("dispatch.trace")}</dt>
        <dd className="font-mono text-xs break-all">{dispatch.trace}</dd>
      </dl>
    </div>
  );
}

function Timeline({ dispatch }: { readonly dispatch: DispatchDetail }) {
  const { t } = useTranslation();
  const steps = stepsOf(dispatch);
  return (
    <ol className="grid gap-y-3 sm:grid-cols-5" aria-label={t("dispatch.timeline")}>
      {steps.map(({ name, at }, index) => (
        <li key={name} className="relative pl-5 sm:pt-5 sm:pl-0">
          {index < steps.length - 1 && (
            <span aria-hidden="true" className="absolute top-2 left-[0.3125rem] h-full w-px bg-line-strong sm:top-[0.3125rem] sm:left-2 sm:h-px sm:w-full" />
          )}
          <span
            aria-hidden="true"
            className={`absolute top-1.5 left-0 size-2.5 rounded-full border-2 sm:top-0 ${at === null ? "border-line-strong bg-sunken" : "border-accent bg-accent"}`}
          />
          <p className="font-medium">{t(`step.${name}`)}</p>
          <p className="text-ink-3 tabular-nums">{at === null ? t("step.not_yet") : sayTimeExactly(at)}</p>
          <p className="text-xs text-accent tabular-nums">{sayStep(at, steps[index - 1]?.at ?? null)}</p>
        </li>
      ))}
    </ol>
  );
}

function sayStep(at: number | null, before: number | null): string {
  return at === null || before === null ? "" : `+${sayDuration(Math.max(0, at - before) / 1_000)}`;
}

function Refusals({ dispatch }: { readonly dispatch: DispatchDetail }) {
  const { t, i18n } = useTranslation();
  if (dispatch.refusals.length === 0) return null;
  const name = (guard: string): string => (i18n.exists(`guard.${guard}`) ? t(`guard.${guard}` as "guard.freshness") : guard.replaceAll("_", " "));
  return (
    <div>
      <p className="mb-1 text-ink-3">{t("dispatch.refusals")}</p>
      <ul className="flex flex-wrap gap-2">
        {dispatch.refusals.map(({ guard, sites }) => (
          <li key={guard} className="rounded-full border border-line-strong px-2.5 py-0.5 text-xs">
            {name(guard)} <span className="font-semibold tabular-nums">{sayCount(sites)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
