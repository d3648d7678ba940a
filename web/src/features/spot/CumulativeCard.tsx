import { useQuery } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import type { Cumulative, Region, RegionStanding } from "@/api/types.gen";
import { regionsQuery } from "@/live/market";
import { instant, sayDay, sayTime } from "@/time";
import { Card } from "@/ui/Card";
import { Failure } from "@/ui/Failure";
import { Meter } from "@/ui/Meter";
import { Skeleton } from "@/ui/Skeleton";
import { sayAudWhole, sayCount, sayPrice, sayShare, sayThreshold, share } from "@/units";
import { REGIONS } from "@/words";

/** What a week of prices adds up to, beside the threshold beyond which AEMO administers them. */
export function CumulativeCard({ region }: { readonly region: Region }) {
  const { t } = useTranslation();
  const { data, error, refetch } = useQuery(regionsQuery);
  const standing = data?.regions.find((each) => each.region === region);
  return (
    <Card title={t("cumulative.title")} testId="cumulative">
      {standing ? (
        <div className="grid gap-x-10 gap-y-5 lg:grid-cols-[minmax(0,1.5fr)_minmax(0,1fr)]">
          <Sum standing={standing} />
          <Others regions={data?.regions ?? []} current={region} />
        </div>
      ) : error ? (
        <Failure error={error} onRetry={() => void refetch()} />
      ) : (
        <Skeleton className="h-24" />
      )}
    </Card>
  );
}

function Sum({ standing: { cumulative, status } }: { readonly standing: RegionStanding }) {
  const { t } = useTranslation();
  const { per_mwh, threshold_per_mwh } = cumulative;
  const part = share(per_mwh, threshold_per_mwh);
  const said = per_mwh === null ? t("cumulative.unknown") : t("cumulative.of", { sum: sayAudWhole(per_mwh), threshold: sayAudWhole(threshold_per_mwh) });
  return (
    <div>
      <p className="flex flex-wrap items-baseline justify-between gap-x-4 text-ink">
        <span className="text-xl font-semibold tracking-tight tabular-nums" data-testid="cumulative-sum">
          {said}
        </span>
        {part !== null && <span className="text-sm font-medium text-ink-2 tabular-nums">{sayShare(part)}</span>}
      </p>
      <div className="mt-2.5">
        <Meter share={part} label={`${t("cumulative.title")}: ${said}`} className={tone(part)} />
      </div>
      <div className="mt-3 space-y-1 text-[0.8125rem] text-pretty text-ink-2">
        <p>{sayPace(cumulative, t)}</p>
        <p className={status === "administered" ? "font-medium text-warn" : "text-ink-3"}>
          {t(status === "administered" ? "cumulative.administered" : "cumulative.beyond", {
            cap: sayThreshold(cumulative.administered_cap_per_mwh),
            floor: sayThreshold(-cumulative.administered_cap_per_mwh),
          })}
        </p>
      </div>
    </div>
  );
}

function tone(part: number | null): string {
  if (part === null || part < 0.6) return "bg-battery";
  return part < 0.85 ? "bg-warn" : "bg-bad";
}

/** Where it is going, as far as that is known. */
export function sayPace(cumulative: Cumulative, t: TFunction): string {
  const { per_mwh, threshold_per_mwh, crosses_at, day_mean_per_mwh, summed_intervals, window_intervals, summed_per_mwh } = cumulative;
  if (per_mwh === null) {
    return t("cumulative.known_part", { known: sayCount(summed_intervals), all: sayCount(window_intervals), sum: sayAudWhole(summed_per_mwh) });
  }
  if (per_mwh > threshold_per_mwh) return t("cumulative.over");
  if (day_mean_per_mwh === null || summed_intervals < window_intervals) return t("cumulative.week");
  const mean = sayPrice(day_mean_per_mwh);
  if (crosses_at === null) return t("cumulative.stays", { mean });
  return t("cumulative.crosses", { mean, at: `${sayDay(instant(crosses_at))} ${sayTime(instant(crosses_at))}` });
}

function Others({ regions, current }: { readonly regions: readonly RegionStanding[]; readonly current: Region }) {
  const { t } = useTranslation();
  return (
    <ul className="grid content-start gap-y-2 text-[0.8125rem]" aria-label={t("cumulative.regions")}>
      {REGIONS.map((region) => {
        const sum = regions.find((each) => each.region === region)?.cumulative;
        const part = share(sum?.per_mwh, sum?.threshold_per_mwh);
        return (
          <li key={region} className={`grid grid-cols-[2.5rem_minmax(0,1fr)_5.5rem] items-center gap-3 tabular-nums ${region === current ? "font-medium text-ink" : "text-ink-3"}`}>
            <span>{t(`region_short.${region}`)}</span>
            <Meter share={part} label={`${t(`region.${region}`)}: ${sayShare(part)}`} className={tone(part)} />
            <span className="text-right">{sayAudWhole(sum?.per_mwh)}</span>
          </li>
        );
      })}
    </ul>
  );
}
