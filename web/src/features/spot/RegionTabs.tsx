import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Region, RegionStanding } from "@/api/types.gen";
import { useNow } from "@/live/clock";
import { regionsQuery } from "@/live/market";
import { useLive } from "@/live/store";
import { Pill } from "@/ui/Pill";
import { PER_MWH, sayPower, sayPrice } from "@/units";
import { LEVEL_CLASS, priceLevel, REGIONS, STATUS_TONE } from "@/words";
import { ageOf, newestQuote, type Quote } from "./quote";
import { sayStretch } from "./stretch";

/** Every region with its price, its standing and its age; a tab is an address, so that it can be kept and sent. */
export function RegionTabs({ current }: { readonly current: Region }) {
  const { t } = useTranslation();
  const { data } = useQuery(regionsQuery);
  return (
    <nav
      aria-label={t("spot.regions")}
      className="-mx-3 max-w-[100vw] snap-x scroll-px-3 overflow-x-auto px-3 pt-0.5 pb-1 [scrollbar-width:none] sm:-mx-1 sm:px-1"
      data-testid="region-tabs"
    >
      <ul className="flex gap-2 sm:gap-3 lg:grid lg:grid-cols-5">
        {REGIONS.map((region) => (
          <li key={region} className="w-40 shrink-0 snap-start lg:w-auto">
            <RegionTab region={region} current={region === current} standing={data?.regions.find((each) => each.region === region)} />
          </li>
        ))}
      </ul>
    </nav>
  );
}

interface RegionTabProps {
  readonly region: Region;
  readonly current: boolean;
  readonly standing: RegionStanding | undefined;
}

function RegionTab({ region, current, standing }: RegionTabProps) {
  const { t } = useTranslation();
  const heard = useLive((live) => live.prices.get(region));
  const now = useNow();
  const quote = newestQuote(standing, heard);
  const { age, late } = quote ? ageOf(quote, now) : { age: 0, late: false };
  return (
    <Link
      to="/spot/$region"
      params={{ region }}
      aria-current={current ? "page" : undefined}
      data-testid={`tab-${region}`}
      className={`block h-full rounded-card border bg-surface p-3 leading-tight transition-colors sm:px-4 ${LEVEL_CLASS[late ? "unknown" : priceLevel(quote?.perMwh)]} ${
        current ? "border-accent shadow-card ring-1 ring-accent" : "border-line hover:border-line-strong hover:bg-hover"
      }`}
    >
      <span className="flex items-baseline justify-between gap-2">
        <span className={`text-[0.8125rem] font-semibold ${current ? "text-ink" : "text-ink-2"}`}>{t(`region_short.${region}`)}</span>
        <span className="truncate text-xs text-ink-3 tabular-nums">{standing?.demand_kw != null && <span title={t("spot.demand_hint")}>{sayPower(standing.demand_kw)}</span>}</span>
      </span>
      <span className="mt-1.5 flex items-center gap-2">
        <span aria-hidden="true" className="h-6 w-1 rounded-full bg-level" />
        <span className="text-xl font-semibold tracking-tight text-level tabular-nums">{sayPrice(quote?.perMwh)}</span>
        <span className="text-xs text-ink-3 max-sm:hidden">{PER_MWH}</span>
      </span>
      <Standing quote={quote} age={age} late={late} />
    </Link>
  );
}

interface StandingProps {
  readonly quote: Quote | undefined;
  readonly age: number;
  readonly late: boolean;
}

function Standing({ quote, age, late }: StandingProps) {
  const { t } = useTranslation();
  if (!quote) return <span className="mt-2 block text-xs text-ink-3">{t("status.none")}</span>;
  return (
    <span className="mt-2 flex flex-wrap items-center gap-x-2 gap-y-1 text-xs text-ink-3 tabular-nums">
      {late ? (
        <Pill tone="warn">{t("spot.late")}</Pill>
      ) : (
        <Pill tone={STATUS_TONE[quote.status]}>{t(`status.${quote.status}`)}</Pill>
      )}
      {late ? t("spot.age", { age: sayStretch(age, t) }) : t("spot.since", { age: sayStretch(age, t) })}
    </span>
  );
}
