import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { Overview } from "@/api/types.gen";
import { overviewQuery } from "@/live/queries";
import { useLive } from "@/live/store";
import { Empty } from "@/ui/Notice";
import { Failure } from "@/ui/Failure";
import { Card } from "@/ui/Card";
import { REGIONS } from "@/words";
import { Hero, HeroSkeleton } from "./Hero";
import { LatestDispatches } from "./LatestDispatches";
import { MarketMap } from "./MarketMap";
import { PowerCard } from "./PowerCard";
import { RegionCards, RegionCardsSkeleton } from "./RegionCards";

export function OverviewPage() {
  const { t } = useTranslation();
  const { now, error, retry } = useOverview();
  return (
    <div className="space-y-4 sm:space-y-5" data-testid="overview">
      <h1 className="sr-only">{t("nav.overview")}</h1>
      {error !== null && !now ? <Failure error={error} onRetry={retry} /> : now ? <Hero now={now} /> : <HeroSkeleton />}
      <div className="grid gap-4 sm:gap-5 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <PowerCard />
        <MarketMap regions={now?.regions} />
      </div>
      {now ? <Regions now={now} /> : error === null && <RegionCardsSkeleton />}
      <LatestDispatches />
    </div>
  );
}

/** The fleet as the stream has it; until it speaks, as the API has it. */
function useOverview() {
  const live = useLive(({ fleet }) => fleet);
  const { data, error, refetch } = useQuery(overviewQuery);
  const now: Overview | undefined = live ?? data;
  return { now, error, retry: () => void refetch() };
}

const inOrder = (regions: Overview["regions"]): Overview["regions"] =>
  [...regions].sort((one, other) => REGIONS.indexOf(one.region) - REGIONS.indexOf(other.region));

function Regions({ now }: { readonly now: Overview }) {
  const { t } = useTranslation();
  if (now.regions.length > 0) return <RegionCards regions={inOrder(now.regions)} />;
  return (
    <Card title={t("overview.regions")}>
      <Empty icon="home" title={t("overview.no_homes")}>
        {t("overview.no_homes_remedy")}
      </Empty>
    </Card>
  );
}
