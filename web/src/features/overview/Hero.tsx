import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { FleetNow, Overview } from "@/api/types.gen";
import { useLive } from "@/live/store";
import { instant, sayTimeExactly } from "@/time";
import { direction, energy, join, power, type Said, sayAud, sayCount, sayShare, share } from "@/units";
import { Meter } from "@/ui/Meter";
import { Skeleton } from "@/ui/Skeleton";

/** The fleet at this moment, in five figures. A fleet that nobody hears has no power: it is unknown, not 0. */
export function Hero({ now }: { readonly now: Overview }) {
  const { t } = useTranslation();
  const { fleet } = now;
  const heard = fleet.heard > 0;
  const grid = heard ? fleet.power_kw : null;
  const battery = heard ? fleet.battery_kw : null;
  return (
    <section
      aria-label={t("overview.fleet")}
      data-testid="hero"
      className="surface-sea relative isolate overflow-hidden rounded-card p-5 shadow-card sm:p-7"
    >
      <Waves />
      <div className="flex flex-wrap items-start justify-between gap-x-6">
        <p className="text-[0.8125rem] font-medium text-white/70">{t("overview.at_the_grid")}</p>
        <AsOf at={now.at} />
      </div>
      <div className="mt-1 grid gap-6 lg:grid-cols-[minmax(15rem,1fr)_minmax(0,2.6fr)] lg:items-end lg:gap-10">
        <div>
          <p className="flex items-baseline gap-2 text-[3.25rem] leading-none font-semibold tracking-[-0.035em] sm:text-[4rem]" data-testid="fleet-power">
            <Figure said={power(grid)} />
          </p>
          <p className="mt-2 text-[0.9375rem] text-white/85">{t(`direction.${direction(grid)}`)}</p>
        </div>
        <dl className="grid grid-cols-2 gap-x-5 gap-y-6 sm:grid-cols-4 lg:gap-x-8">
          <Fact name={t("overview.batteries")} testId="battery-power" value={<Figure said={power(battery)} />} about={t(`battery.${direction(battery)}`)} />
          <Stored fleet={fleet} />
          <Fact name={t("overview.revenue_today")} testId="revenue-today" value={sayAud(fleet.revenue_today_aud)} about={t("overview.since_midnight")} />
          <Fact name={t("overview.homes_heard")} testId="homes-heard" value={sayCount(fleet.heard)} about={t("overview.of_homes", { homes: sayCount(fleet.sites) })} />
        </dl>
      </div>
    </section>
  );
}

function Figure({ said }: { readonly said: Said }) {
  return (
    <>
      <span className="tabular-nums">{said.figure}</span>
      {said.unit && <span className="text-[max(0.45em,0.875rem)] font-medium tracking-normal text-white/75">{said.unit}</span>}
    </>
  );
}

interface FactProps {
  readonly name: string;
  readonly value: ReactNode;
  readonly about: ReactNode;
  readonly testId: string;
}

function Fact({ name, value, about, testId }: FactProps) {
  return (
    <div className="min-w-0 border-white/15 sm:border-l sm:pl-5 lg:pl-6">
      <dt className="text-[0.8125rem] text-white/70">{name}</dt>
      <dd data-testid={testId} className="mt-1 flex items-baseline gap-1.5 text-2xl leading-tight font-semibold tracking-tight tabular-nums">
        {value}
      </dd>
      <dd className="mt-1 text-[0.8125rem] text-white/75">{about}</dd>
    </div>
  );
}

function Stored({ fleet }: { readonly fleet: FleetNow }) {
  const { t } = useTranslation();
  const stored = fleet.heard > 0 ? fleet.stored_kwh : null;
  const part = share(stored, fleet.capacity_kwh);
  const about = part === null ? t("battery.unknown") : t("overview.of_capacity", { share: sayShare(part), capacity: join(energy(fleet.capacity_kwh)) });
  return (
    <Fact
      name={t("overview.stored")}
      testId="stored"
      value={<Figure said={energy(stored)} />}
      about={
        <>
          <span className="mt-2 mb-1.5 block">
            <Meter share={part} label={about} className="bg-[#62e0df]" track="bg-white/15" />
          </span>
          {about}
        </>
      }
    />
  );
}

/** Figures that no longer move say how old they are. */
function AsOf({ at }: { readonly at: string }) {
  const { t } = useTranslation();
  const connection = useLive((live) => live.connection);
  if (connection === "live") return null;
  return (
    <p className="rounded-full bg-white/15 px-2.5 py-0.5 text-xs" data-testid="as-of">
      {t("overview.as_of", { time: sayTimeExactly(instant(at)) })}
    </p>
  );
}

function Waves() {
  return (
    <svg aria-hidden="true" viewBox="0 0 1200 260" preserveAspectRatio="none" className="absolute inset-0 -z-10 size-full">
      {[168, 192, 216, 240].map((y, index) => (
        <path
          key={y}
          d={`M0 ${y} C 220 ${y - 40 + index * 8}, 380 ${y + 36}, 620 ${y} S 1000 ${y - 44}, 1200 ${y - 6}`}
          fill="none"
          stroke="#8ff0ef"
          strokeOpacity={0.05 + index * 0.025}
          strokeWidth="1.25"
          vectorEffect="non-scaling-stroke"
        />
      ))}
    </svg>
  );
}

export function HeroSkeleton() {
  return <Skeleton className="h-56 rounded-card lg:h-44" />;
}
