import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Region, Rule } from "@/api/types.gen";
import { rulesQuery, spotQuery } from "@/live/queries";
import { isRegion } from "@/words";
import { CumulativeCard } from "./CumulativeCard";
import { DispatchPanel } from "./DispatchPanel";
import { EarningsCard } from "./EarningsCard";
import { PriceCard } from "./PriceCard";
import { PriceNow } from "./PriceNow";
import { RegionTabs } from "./RegionTabs";
import { hoursOf, type Range } from "./range";
import { RulesPanel } from "./RulesPanel";
import { StoryCard } from "./StoryCard";

const route = getRouteApi("/shell/spot/$region");

export function SpotPage() {
  const { t } = useTranslation();
  const params = route.useParams();
  const region: Region = isRegion(params.region) ? params.region : "NSW1";
  const [range, setRange] = useState<Range>("6h");
  const spot = useQuery(spotQuery(region, hoursOf(range)));
  const rules = useRulesOf(region);
  return (
    <div className="space-y-4 sm:space-y-5" data-testid="spot">
      <h1 className="sr-only">{t("nav.spot")}</h1>
      <RegionTabs current={region} />
      <PriceNow region={region} spot={spot.data} />
      <div className="flex justify-end empty:hidden">
        <StoryCard />
      </div>
      <PriceCard region={region} spot={spot} rules={rules} range={range} onRange={setRange} />
      <CumulativeCard region={region} />
      <EarningsCard key={region} region={region} spot={spot.data} />
      <div className="grid items-start gap-4 sm:gap-5 xl:grid-cols-[minmax(0,1fr)_24rem]">
        <DispatchPanel region={region} />
        <RulesPanel region={region} spot={spot.data} />
      </div>
    </div>
  );
}

function useRulesOf(region: Region): readonly Rule[] {
  const { data } = useQuery(rulesQuery);
  return data?.rules.filter((rule) => rule.vpp.region === region) ?? [];
}
