import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Earnings, Region, Spot } from "@/api/types.gen";
import { useNow } from "@/live/clock";
import { earningsQuery, type Span, spotQuery } from "@/live/queries";
import { INTERVAL, nemMidnight, sayTime } from "@/time";
import { Card } from "@/ui/Card";
import { Failure } from "@/ui/Failure";
import { Empty } from "@/ui/Notice";
import { Segmented } from "@/ui/Segmented";
import { Skeleton } from "@/ui/Skeleton";
import { sayAud, sayAudExactly, sayCount, sayEnergy } from "@/units";
import { EarningHomes } from "./EarningHomes";
import { Histogram } from "./Histogram";
import { lastPeak } from "./peak";

const DAY_HOURS = 24;
type Window = "peak" | "today";

interface EarningsCardProps {
  readonly region: Region;
  readonly spot: Spot | undefined;
}

/** What the homes earned: under the last price peak, or today. */
export function EarningsCard({ region, spot }: EarningsCardProps) {
  const { t } = useTranslation();
  const { data: day } = useQuery(spotQuery(region, DAY_HOURS));
  const peak = lastPeak((day ?? spot)?.intervals ?? []);
  const [wanted, setWanted] = useState<Window>("peak");
  const now = useNow(30_000);
  const today: Span = { from: nemMidnight(now), to: Math.ceil(now / INTERVAL) * INTERVAL };
  const shown: Window = peak ? wanted : "today";
  const options = [
    ...(peak ? [{ value: "peak", label: t("earnings.peak", { from: sayTime(peak.from), to: sayTime(peak.to) }) } as const] : []),
    { value: "today", label: t("earnings.today") } as const,
  ];
  return (
    <Card
      title={t("earnings.title")}
      testId="earnings"
      className="min-w-0"
      aside={<Segmented label={t("earnings.window")} value={shown} options={options} onChange={setWanted} testId="earnings-window" />}
    >
      <Earned region={region} span={shown === "peak" && peak ? peak : today} />
    </Card>
  );
}

function Earned({ region, span }: { readonly region: Region; readonly span: Span }) {
  const { t } = useTranslation();
  const { data, error, isPending, refetch } = useQuery(earningsQuery(region, span));
  if (isPending) return <Skeleton className="h-52" />;
  if (error && !data) return <Failure error={error} onRetry={() => void refetch()} />;
  if (data.settled_intervals === 0) {
    return (
      <Empty icon="clock" title={t("earnings.none")} testId="earnings-none">
        {t("earnings.none_remedy")}
      </Empty>
    );
  }
  return (
    <div className="grid gap-x-10 gap-y-7 lg:grid-cols-[15rem_minmax(0,1fr)_minmax(18rem,24rem)]">
      <Totals earned={data} intervals={Math.round((span.to - span.from) / INTERVAL)} />
      <Histogram bins={data.histogram} />
      <EarningHomes homes={data.top} all={data.homes} span={span} />
    </div>
  );
}

function Totals({ earned, intervals }: { readonly earned: Earnings; readonly intervals: number }) {
  const { t } = useTranslation();
  const facts = [
    { name: t("earnings.range"), value: `${sayAudExactly(earned.min_aud)} – ${sayAudExactly(earned.max_aud)}` },
    { name: t("earnings.total"), value: sayAud(earned.total_aud) },
    { name: t("earnings.energy"), value: sayEnergy(earned.energy_kwh) },
    { name: t("earnings.homes"), value: sayCount(earned.homes) },
    { name: t("earnings.settled"), value: t("earnings.settled_of", { settled: sayCount(earned.settled_intervals), all: sayCount(intervals) }) },
  ];
  return (
    <div>
      <p className="eyebrow">{t("earnings.mean")}</p>
      <p className="mt-0.5 text-[2.5rem] leading-none font-semibold tracking-[-0.03em] tabular-nums" data-testid="earnings-mean">
        {sayAudExactly(earned.mean_aud)}
      </p>
      <dl className="mt-4 space-y-1.5 text-[0.8125rem]">
        {facts.map(({ name, value }) => (
          <div key={name} className="flex justify-between gap-3">
            <dt className="text-ink-3">{name}</dt>
            <dd className="font-medium whitespace-nowrap tabular-nums">{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
