import type { TFunction } from "i18next";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Region, Spot } from "@/api/types.gen";
import { useNow } from "@/live/clock";
import { useLive } from "@/live/store";
import { sayInterval } from "@/time";
import { Meter } from "@/ui/Meter";
import { Pill } from "@/ui/Pill";
import { Tip } from "@/ui/Tip";
import { direction, PER_MWH, sayCount, sayCountdown, sayEnergy, sayPower, sayPrice, sayShare, share } from "@/units";
import { LEVEL_CLASS, priceLevel, STATUS_TONE } from "@/words";
import { ageOf, newestQuote, type Quote } from "./quote";
import { sayStretch } from "./stretch";

interface PriceNowProps {
  readonly region: Region;
  readonly spot: Spot | undefined;
}

/** The price in force, large, with its standing and its age; beside it what the region's homes do. */
export function PriceNow({ region, spot }: PriceNowProps) {
  const { t } = useTranslation();
  const quote = useQuote(region, spot);
  return (
    <section
      aria-label={t("spot.now_label")}
      className={`flex flex-wrap items-center justify-between gap-x-10 gap-y-5 rounded-card border border-line bg-surface p-4 shadow-card sm:p-5 ${LEVEL_CLASS[priceLevel(quote?.perMwh)]}`}
    >
      <div className="flex items-stretch gap-4">
        <span aria-hidden="true" className="w-1.5 rounded-full bg-level" />
        <div>
          <p className="eyebrow">{t("spot.price_in", { region: t(`region.${region}`) })}</p>
          <p className="mt-0.5 text-[2.5rem] leading-none font-semibold tracking-[-0.03em] text-level tabular-nums sm:text-5xl" data-testid="price-now">
            {sayPrice(quote?.perMwh)}
            <span className="ml-1.5 text-base font-medium tracking-normal text-ink-3">{PER_MWH}</span>
          </p>
          <Standing quote={quote} />
        </div>
      </div>
      <RegionNow region={region} />
    </section>
  );
}

/** The newest price of either source; the stream is quicker, the request is there first. */
function useQuote(region: Region, spot: Spot | undefined): Quote | undefined {
  const heard = useLive((live) => live.prices.get(region));
  const read = spot?.region === region ? spot.intervals.findLast(({ per_mwh }) => per_mwh !== null) : undefined;
  return newestQuote(read, heard);
}

function Standing({ quote }: { readonly quote: Quote | undefined }) {
  const { t } = useTranslation();
  const now = useNow();
  if (!quote) return <p className="mt-2 text-[0.8125rem] text-ink-3">{t("spot.no_price")}</p>;
  const { age, late } = ageOf(quote, now);
  return (
    <div className="mt-2.5 flex flex-wrap items-center gap-x-3 gap-y-1.5 text-[0.8125rem] text-ink-3">
      <Pill tone={STATUS_TONE[quote.status]}>{t(`status.${quote.status}`)}</Pill>
      {late && (
        <Tip text={t("spot.late_hint")}>
          <button type="button" data-testid="price-late">
            <Pill tone="warn">{t("spot.late")}</Pill>
          </button>
        </Tip>
      )}
      <span data-testid="price-interval">
        {t("spot.interval", { interval: sayInterval(quote.end) })}
        <span aria-hidden="true"> · </span>
        {late ? t("spot.age", { age: sayStretch(age, t) }) : sayLeft(quote.end - now, t)}
      </span>
    </div>
  );
}

function sayLeft(left: number, t: TFunction): string {
  return left > 0 ? t("spot.left", { left: sayCountdown(left / 1_000) }) : t("spot.due");
}

function RegionNow({ region }: { readonly region: Region }) {
  const { t } = useTranslation();
  const fleet = useLive((live) => live.fleet);
  const now = fleet?.regions.find((each) => each.region === region);
  if (fleet && !now) return <p className="text-[0.8125rem] text-ink-3">{t("spot.no_homes")}</p>;
  const heard = now !== undefined && now.heard > 0;
  const part = share(heard ? now.stored_kwh : null, now?.capacity_kwh);
  return (
    <dl className="grid w-full grid-cols-2 gap-x-8 gap-y-4 sm:w-auto sm:grid-cols-4">
      <Fact name={t("overview.batteries")} value={sayPower(heard ? now.battery_kw : null)} testId="region-battery">
        {t(`battery.${direction(heard ? now.battery_kw : null)}`)}
      </Fact>
      <Fact name={t("overview.at_the_grid")} value={sayPower(heard ? now.power_kw : null)}>
        {t(`direction_short.${direction(heard ? now.power_kw : null)}`)}
      </Fact>
      <Fact name={t("overview.stored")} value={sayEnergy(heard ? now.stored_kwh : null)}>
        <span className="flex items-center gap-2">
          <span className="block w-14">
            <Meter share={part} label={t("overview.stored_share", { share: sayShare(part) })} />
          </span>
          {sayShare(part)}
        </span>
      </Fact>
      <Fact name={t("overview.leased")} value={sayCount(now?.leased)}>
        {t("overview.of_homes", { homes: sayCount(now?.sites) })}
      </Fact>
    </dl>
  );
}

interface FactProps {
  readonly name: string;
  readonly value: string;
  readonly children: ReactNode;
  readonly testId?: string;
}

function Fact({ name, value, children, testId }: FactProps) {
  return (
    <div className="min-w-24">
      <dt className="eyebrow">{name}</dt>
      <dd className="mt-0.5 text-lg font-semibold tracking-tight tabular-nums" data-testid={testId}>
        {value}
      </dd>
      <dd className="text-xs text-ink-3">{children}</dd>
    </div>
  );
}
