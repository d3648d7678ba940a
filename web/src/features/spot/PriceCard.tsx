import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Region, Rule, Spot } from "@/api/types.gen";
import { PriceChart } from "@/charts/PriceChart";
import type { Scale } from "@/charts/symlog";
import { useNow } from "@/live/clock";
import { dispatchesQuery } from "@/live/queries";
import { useLive } from "@/live/store";
import { sayReason } from "@/reason";
import { HOUR, INTERVAL } from "@/time";
import { Card } from "@/ui/Card";
import { Failure } from "@/ui/Failure";
import { Empty } from "@/ui/Notice";
import { Segmented } from "@/ui/Segmented";
import { Skeleton } from "@/ui/Skeleton";
import { batterySamples, pricedIntervals, thresholdsOf } from "./picture";

const RANGES = ["1", "3", "6", "24"] as const;
const REASONS = 200;

interface PriceCardProps {
  readonly region: Region;
  readonly spot: UseQueryResult<Spot>;
  readonly rules: readonly Rule[];
  readonly hours: number;
  readonly onHours: (hours: number) => void;
}

export function PriceCard({ region, spot, rules, hours, onHours }: PriceCardProps) {
  const { t } = useTranslation();
  const [scale, setScale] = useState<Scale>("log");
  const ranges = RANGES.map((value) => ({ value, label: t("spot.range", { hours: value }) }));
  const scales = [
    { value: "log", label: t("spot.log"), title: t("spot.log_hint") },
    { value: "linear", label: t("spot.linear"), title: t("spot.linear_hint") },
  ] as const;
  const range = RANGES.find((each) => Number(each) === hours) ?? "3";
  return (
    <Card
      title={t("spot.title")}
      className="min-w-0"
      aside={
        <div className="flex flex-wrap items-center gap-x-3 gap-y-2 sm:gap-x-4">
          <Legend />
          <Segmented label={t("spot.scale")} value={scale} options={scales} onChange={setScale} testId="scale" />
          <Segmented label={t("spot.range_label")} value={range} options={ranges} onChange={(value) => onHours(Number(value))} testId="range" />
        </div>
      }
    >
      {spot.data ? (
        <Picture region={region} spot={spot.data} rules={rules} hours={hours} scale={scale} />
      ) : spot.error ? (
        <Failure error={spot.error} onRetry={() => void spot.refetch()} />
      ) : (
        <Skeleton className="h-80 sm:h-96" />
      )}
    </Card>
  );
}

interface PictureProps {
  readonly region: Region;
  readonly spot: Spot;
  readonly rules: readonly Rule[];
  readonly hours: number;
  readonly scale: Scale;
}

function Picture({ region, spot, rules, hours, scale }: PictureProps) {
  const { t } = useTranslation();
  const now = useNow(5_000);
  const intervals = useIntervals(region, spot);
  const trace = useLive((live) => live.trace);
  const power = useMemo(() => batterySamples(spot, trace), [spot, trace]);
  const thresholds = useMemo(() => thresholdsOf(rules, t("rule.sell_line"), t("rule.buy_line")), [rules, t]);
  if (intervals.length === 0) {
    return (
      <Empty icon="spot" title={t("spot.none")}>
        {t("spot.none_remedy")}
      </Empty>
    );
  }
  return (
    <PriceChart
      region={t(`region.${region}`)}
      intervals={intervals}
      power={power}
      thresholds={thresholds}
      scale={scale}
      from={now - hours * HOUR}
      to={(Math.floor(now / INTERVAL) + 1) * INTERVAL + (hours > 3 ? 2 : 1) * INTERVAL}
      now={now}
      className="h-80 sm:h-[26rem]"
    />
  );
}

function useIntervals(region: Region, spot: Spot) {
  const { t } = useTranslation();
  const heard = useLive((live) => live.prices.get(region));
  const { data } = useQuery(dispatchesQuery(region, REASONS));
  return useMemo(
    () =>
      pricedIntervals(
        spot, heard, data?.dispatches ?? [],
        (status) => t(status ? `status.${status}` : "status.none"),
        (because) => sayReason(because, t),
      ),
    [spot, heard, data, t],
  );
}

function Legend() {
  const { t } = useTranslation();
  return (
    <ul className="flex gap-4 text-[0.8125rem] text-ink-2 max-sm:w-full">
      <li className="level-calm flex items-center gap-1.5">
        <span aria-hidden="true" className="size-2.5 rounded-xs bg-level" />
        {t("spot.price")}
      </li>
      <li className="flex items-center gap-1.5">
        <span aria-hidden="true" className="h-0.5 w-4 rounded-full bg-battery" />
        {t("power.battery")}
      </li>
    </ul>
  );
}
