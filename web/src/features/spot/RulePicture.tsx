import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Region, Spot } from "@/api/types.gen";
import { PriceChart, type Threshold } from "@/charts/PriceChart";
import { useNow } from "@/live/clock";
import { HOUR, INTERVAL } from "@/time";
import { Skeleton } from "@/ui/Skeleton";
import { readNumber } from "@/units";
import { batterySamples, pricedIntervals } from "./picture";
import type { RuleText } from "./ruleForm";

interface RulePictureProps {
  readonly region: Region;
  readonly spot: Spot | undefined;
  readonly text: RuleText;
}

const HOURS = 3;
const NO_FORECAST = [] as const;

/** The latest prices with the thresholds that are being chosen, and how often they would have been crossed. */
export function RulePicture({ region, spot, text }: RulePictureProps) {
  const { t } = useTranslation();
  const now = useNow(10_000);
  const intervals = useMemo(() => (spot ? pricedIntervals(spot, undefined, [], (status) => t(status ? `status.${status}` : "status.none"), String) : []), [spot, t]);
  const power = useMemo(() => (spot ? batterySamples(spot, []) : []), [spot]);
  const sell = readNumber(text.sell);
  const buy = readNumber(text.buy);
  const thresholds = useMemo(
    (): Threshold[] => [
      ...(sell === null ? [] : [{ perMwh: sell, name: t("rule.sell_line"), side: "sell" as const, weight: "draft" as const }]),
      ...(buy === null ? [] : [{ perMwh: buy, name: t("rule.buy_line"), side: "buy" as const, weight: "draft" as const }]),
    ],
    [sell, buy, t],
  );
  const recent = intervals.filter(({ end }) => end > now - HOURS * HOUR);
  const sold = recent.filter(({ perMwh }) => perMwh !== null && sell !== null && perMwh > sell).length;
  const bought = recent.filter(({ perMwh }) => perMwh !== null && buy !== null && perMwh < buy).length;
  return (
    <div className="order-1 border-line bg-sunken p-4 max-sm:border-b sm:order-2 sm:border-l sm:p-5">
      <p className="eyebrow mb-2">{t("rule.picture")}</p>
      {spot ? (
        <PriceChart
          region={t(`region.${region}`)}
          intervals={intervals}
          power={power}
          thresholds={thresholds}
          forecast={NO_FORECAST}
          scale="log"
          from={now - HOURS * HOUR}
          to={now + INTERVAL}
          now={now}
          className="h-44 sm:h-80"
          testId="rule-picture"
        />
      ) : (
        <Skeleton className="h-44 sm:h-80" />
      )}
      <p className="mt-3 text-[0.8125rem] text-pretty text-ink-2" data-testid="rule-would">
        {t("rule.would", { all: recent.length, sold, bought })}
      </p>
    </div>
  );
}
