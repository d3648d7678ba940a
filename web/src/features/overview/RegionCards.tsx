import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { RegionOverview } from "@/api/types.gen";
import { Meter } from "@/ui/Meter";
import { Pill } from "@/ui/Pill";
import { Skeleton } from "@/ui/Skeleton";
import { direction, PER_MWH, sayAud, sayCount, sayEnergy, sayPower, sayPrice, sayShare, share } from "@/units";
import { HEALTH_TONE, LEVEL_CLASS, priceLevel } from "@/words";

const GRID = "grid gap-4 sm:grid-cols-2 sm:gap-5 xl:grid-cols-4";

export function RegionCards({ regions }: { readonly regions: readonly RegionOverview[] }) {
  const { t } = useTranslation();
  return (
    <section aria-label={t("overview.regions")}>
      <div className={GRID}>
        {regions.map((region) => (
          <RegionCard key={region.region} now={region} />
        ))}
      </div>
    </section>
  );
}

function RegionCard({ now }: { readonly now: RegionOverview }) {
  const { t } = useTranslation();
  const heard = now.heard > 0;
  const stored = heard ? now.stored_kwh : null;
  const part = share(stored, now.capacity_kwh);
  return (
    <Link
      to="/spot/$region"
      params={{ region: now.region }}
      data-testid={`region-${now.region}`}
      className={`group block rounded-card border border-line bg-surface p-4 shadow-card transition-colors hover:border-line-strong sm:p-5 ${LEVEL_CLASS[priceLevel(now.price_per_mwh)]}`}
    >
      <div className="flex items-start justify-between gap-2">
        <div className="min-w-0">
          <h2 className="truncate text-[0.9375rem] font-semibold">{t(`region.${now.region}`)}</h2>
          <p className="text-xs text-ink-3">{now.region}</p>
        </div>
        <Pill tone={HEALTH_TONE[now.health]} testId={`health-${now.region}`}>
          {t(`health.${now.health}`)}
        </Pill>
      </div>
      <Price now={now} />
      <dl className="mt-4 space-y-2 text-[0.8125rem]">
        <Line name={heard ? t(`direction_short.${direction(now.power_kw)}`) : t("overview.power")}>{sayPower(heard ? now.power_kw : null)}</Line>
        <Line name={t("overview.stored")} below={<Meter share={part} label={t("overview.stored_share", { share: sayShare(part) })} />}>
          {sayEnergy(stored)} <span className="font-normal text-ink-3">{part === null ? "" : sayShare(part)}</span>
        </Line>
        <Line name={t("overview.homes_heard")}>{t("overview.heard_of", { heard: sayCount(now.heard), homes: sayCount(now.sites) })}</Line>
        <Line name={t("overview.leased")}>{sayCount(now.leased)}</Line>
        <Line name={t("overview.revenue_today")}>{sayAud(now.revenue_today_aud)}</Line>
      </dl>
    </Link>
  );
}

function Price({ now }: { readonly now: RegionOverview }) {
  const { t } = useTranslation();
  return (
    <div className="mt-3 flex items-baseline gap-2">
      <span aria-hidden="true" className="h-6 w-1 self-center rounded-full bg-level" />
      <p className="text-2xl font-semibold tracking-tight text-level tabular-nums" data-testid={`price-${now.region}`}>
        {sayPrice(now.price_per_mwh)}
        <span className="ml-1 text-xs font-medium tracking-normal text-ink-3">{PER_MWH}</span>
      </p>
      <p className="ml-auto text-xs text-ink-3">{now.price_status ? t(`status.${now.price_status}`) : t("status.none")}</p>
    </div>
  );
}

function Line({ name, children, below }: { readonly name: string; readonly children: ReactNode; readonly below?: ReactNode }) {
  return (
    <div className="flex flex-wrap items-baseline justify-between gap-x-3">
      <dt className="text-ink-3">{name}</dt>
      <dd className="font-medium whitespace-nowrap tabular-nums">{children}</dd>
      {below && <dd className="mt-1.5 mb-0.5 w-full">{below}</dd>}
    </div>
  );
}

export function RegionCardsSkeleton() {
  return (
    <div className={GRID}>
      {[1, 2, 3, 4].map((each) => (
        <Skeleton key={each} className="h-64 rounded-card" />
      ))}
    </div>
  );
}
