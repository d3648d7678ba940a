import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { DispatchSummary } from "@/api/types.gen";
import { sayReason } from "@/reason";
import { dispatchesQuery } from "@/live/queries";
import { instant, sayTimeExactly } from "@/time";
import { Card } from "@/ui/Card";
import { Failure } from "@/ui/Failure";
import { Empty } from "@/ui/Notice";
import { Skeleton } from "@/ui/Skeleton";
import { sayPower } from "@/units";
import { askedOf } from "@/words";

const LIMIT = 6;

/** The last decisions, each with its reason in plain words. */
export function LatestDispatches() {
  const { t } = useTranslation();
  return (
    <Card title={t("dispatch.latest")} testId="latest-dispatches">
      <Rows />
    </Card>
  );
}

function Rows() {
  const { t } = useTranslation();
  const { data, error, isPending, refetch } = useQuery(dispatchesQuery(null, LIMIT));
  if (isPending) return <Skeleton className="h-40" />;
  if (error && !data) return <Failure error={error} onRetry={() => void refetch()} />;
  if (data.dispatches.length === 0) {
    return (
      <Empty icon="bolt" title={t("dispatch.none")}>
        {t("dispatch.none_remedy")}
      </Empty>
    );
  }
  return (
    <ol className="-my-2 divide-y divide-line">
      {data.dispatches.map((dispatch) => (
        <Row key={dispatch.id} dispatch={dispatch} />
      ))}
    </ol>
  );
}

function Row({ dispatch }: { readonly dispatch: DispatchSummary }) {
  const { t } = useTranslation();
  const asked = askedOf(dispatch.target_kw);
  return (
    <li>
      <Link
        to="/spot/$region"
        params={{ region: dispatch.region }}
        className="-mx-2 grid grid-cols-[auto_1fr_auto] items-baseline gap-x-4 gap-y-0.5 rounded-lg px-2 py-2.5 transition-colors hover:bg-hover sm:grid-cols-[4.5rem_12rem_1fr_auto]"
      >
        <time className="text-ink-3 tabular-nums">{sayTimeExactly(instant(dispatch.decided_at))}</time>
        <span className="truncate font-medium">{dispatch.vpp.name}</span>
        <span className="text-ink-2 max-sm:order-last max-sm:col-span-3 max-sm:text-[0.8125rem]">{sayReason(dispatch.because, t)}</span>
        <span className="text-right font-medium whitespace-nowrap tabular-nums">
          {t(`asked.${asked}`, { power: sayPower(dispatch.target_kw) })}
        </span>
      </Link>
    </li>
  );
}
