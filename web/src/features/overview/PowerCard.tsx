import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { PowerChart, type PowerSample } from "@/charts/PowerChart";
import { useNow } from "@/live/clock";
import { powerQuery } from "@/live/queries";
import { useLive } from "@/live/store";
import { HOUR, instant, MINUTE } from "@/time";
import { Card } from "@/ui/Card";
import { Failure } from "@/ui/Failure";
import { Empty } from "@/ui/Notice";
import { Skeleton } from "@/ui/Skeleton";

const HOURS = 2;

const isKnown = ({ power_kw, battery_kw }: PowerSample): boolean => power_kw !== null || battery_kw !== null;

/** The last two hours: history by request, the last minutes from the stream. */
export function PowerCard() {
  const { t } = useTranslation();
  const { data, error, isPending, refetch } = useQuery(powerQuery(HOURS));
  const samples = useSamples(data?.points);
  const now = useNow(5_000);
  const failed = error !== null && samples.length === 0;
  return (
    <Card title={t("power.title")} aside={<Legend />} className="flex min-w-0 flex-col">
      {failed ? (
        <Failure error={error} onRetry={() => void refetch()} />
      ) : isPending ? (
        <Skeleton className="h-64 flex-1 sm:h-72" />
      ) : samples.filter(isKnown).length < 2 ? (
        <Empty icon="clock" title={t("power.none")}>
          {t("power.none_remedy")}
        </Empty>
      ) : (
        <PowerChart samples={samples} from={now - HOURS * HOUR} to={now + MINUTE} className="h-64 min-h-64 flex-1 sm:h-72" />
      )}
    </Card>
  );
}

function useSamples(points: readonly { at: string; power_kw: number | null; battery_kw: number | null }[] | undefined): readonly PowerSample[] {
  const trace = useLive((live) => live.trace);
  const history = useMemo(() => (points ?? []).map((point) => ({ ...point, at: instant(point.at) })), [points]);
  return useMemo(() => {
    const last = history.at(-1)?.at ?? -Infinity;
    const fresh = trace.map(({ at, fleet }) => ({
      at: instant(at),
      power_kw: fleet.heard > 0 ? fleet.power_kw : null,
      battery_kw: fleet.heard > 0 ? fleet.battery_kw : null,
    }));
    return [...history, ...fresh.filter(({ at }) => at > last)];
  }, [history, trace]);
}

function Legend() {
  const { t } = useTranslation();
  return (
    <ul className="flex gap-4 text-[0.8125rem] text-ink-2">
      <li className="flex items-center gap-1.5">
        <span aria-hidden="true" className="h-0.5 w-4 rounded-full bg-battery" />
        {t("power.battery")}
      </li>
      <li className="flex items-center gap-1.5">
        <span aria-hidden="true" className="h-0.5 w-4 rounded-full bg-grid" />
        {t("power.grid")}
      </li>
    </ul>
  );
}
