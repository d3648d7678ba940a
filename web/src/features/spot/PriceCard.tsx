import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Region, Rule, Spot } from "@/api/types.gen";
import type { ForecastPiece } from "@/charts/forecast";
import { PriceChart, type Threshold } from "@/charts/PriceChart";
import type { Scale } from "@/charts/symlog";
import { useNow } from "@/live/clock";
import { forecastQuery } from "@/live/market";
import { dispatchesQuery } from "@/live/queries";
import { useLive } from "@/live/store";
import { sayReason } from "@/reason";
import { HOUR, instant, INTERVAL, sayTime } from "@/time";
import { Card } from "@/ui/Card";
import { Failure } from "@/ui/Failure";
import { Empty } from "@/ui/Notice";
import { Segmented } from "@/ui/Segmented";
import { Skeleton } from "@/ui/Skeleton";
import { Tip } from "@/ui/Tip";
import { sayCount } from "@/units";
import { HistoryPicture } from "./HistoryPicture";
import { piecesAfter } from "./outlook";
import { batterySamples, pricedIntervals, thresholdsOf } from "./picture";
import { newestQuote } from "./quote";
import { AHEAD_HOURS, isLive, type Live, LIVE_HOURS, type Range, RANGES } from "./range";

const REASONS = 200;

interface PriceCardProps {
  readonly region: Region;
  readonly spot: UseQueryResult<Spot>;
  readonly rules: readonly Rule[];
  readonly range: Range;
  readonly onRange: (range: Range) => void;
}

export function PriceCard({ region, spot, rules, range, onRange }: PriceCardProps) {
  const { t } = useTranslation();
  const [scale, setScale] = useState<Scale>("log");
  const ranges = RANGES.map((value) => ({ value, label: t(`range.${value}`), title: t(`range.${value}_hint`) }));
  const scales = [
    { value: "log", label: t("spot.log"), title: t("spot.log_hint") },
    { value: "linear", label: t("spot.linear"), title: t("spot.linear_hint") },
  ] as const;
  const thresholds = useMemo(() => thresholdsOf(rules, t("rule.sell_line"), t("rule.buy_line")), [rules, t]);
  const forecast = useForecast(region, spot.data);
  const picture = { region, scale, thresholds, forecast };
  return (
    <Card
      title={t(isLive(range) ? "spot.title" : "spot.history_title")}
      className="min-w-0"
      testId="price-card"
      aside={
        <div className="flex flex-wrap items-center gap-x-3 gap-y-2 sm:gap-x-4">
          <Legend battery={isLive(range)} forecast={forecast} />
          <Segmented label={t("spot.scale")} value={scale} options={scales} onChange={setScale} testId="scale" />
          <Segmented label={t("spot.range_label")} value={range} options={ranges} onChange={onRange} testId="range" />
        </div>
      }
    >
      {isLive(range) ? <LivePicture {...picture} spot={spot} range={range} /> : <HistoryPicture key={`${region} ${range}`} {...picture} length={range} />}
    </Card>
  );
}

interface PictureProps {
  readonly region: Region;
  readonly thresholds: readonly Threshold[];
  readonly forecast: readonly ForecastPiece[];
  readonly scale: Scale;
  readonly range: Live;
}

function LivePicture({ spot, ...rest }: PictureProps & { readonly spot: UseQueryResult<Spot> }) {
  if (spot.data) return <Picture spot={spot.data} {...rest} />;
  return spot.error ? <Failure error={spot.error} onRetry={() => void spot.refetch()} /> : <Skeleton className="h-80 sm:h-[26rem]" />;
}

function Picture({ region, spot, thresholds, forecast, range, scale }: PictureProps & { readonly spot: Spot }) {
  const { t } = useTranslation();
  const now = useNow(5_000);
  const hours = LIVE_HOURS[range];
  const intervals = useIntervals(region, spot);
  const trace = useLive((live) => live.trace);
  const power = useMemo(() => batterySamples(spot, trace), [spot, trace]);
  if (intervals.length === 0) {
    return (
      <Empty icon="spot" title={t("spot.none")}>
        {t("spot.none_remedy")}
      </Empty>
    );
  }
  const end = (Math.floor(now / INTERVAL) + 1) * INTERVAL;
  const expected = Math.min(forecast.at(-1)?.to ?? end, end + AHEAD_HOURS[range] * HOUR);
  return (
    <PriceChart
      region={t(`region.${region}`)}
      intervals={intervals}
      power={power}
      thresholds={thresholds}
      forecast={forecast}
      scale={scale}
      from={now - hours * HOUR}
      to={Math.max(end + (hours > 6 ? 2 : 1) * INTERVAL, expected)}
      now={now}
      className="h-80 sm:h-[26rem]"
    />
  );
}

/** What is expected after the newest price that is known. */
function useForecast(region: Region, spot: Spot | undefined): readonly ForecastPiece[] {
  const { t } = useTranslation();
  const { data } = useQuery(forecastQuery(region));
  const heard = useLive((live) => live.prices.get(region));
  const known = newestQuote(spot?.region === region ? spot.intervals.findLast(({ per_mwh }) => per_mwh !== null) : undefined, heard)?.end;
  return useMemo(() => {
    if (data?.region !== region) return [];
    return piecesAfter(known ?? 0, data.runs, (run, ranged) =>
      t(ranged ? "spot.forecast_source" : "spot.forecast_alone", {
        source: run.source === "P5MIN" ? "P5MIN" : t("spot.predispatch"),
        at: sayTime(instant(run.made_at)),
        runs: sayCount(run.compared_runs),
        days: run.compared_days,
      }),
    );
  }, [data, known, region, t]);
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

interface LegendProps {
  readonly battery: boolean;
  readonly forecast: readonly ForecastPiece[];
}

function Legend({ battery, forecast }: LegendProps) {
  const { t } = useTranslation();
  return (
    <ul className="flex flex-wrap gap-x-4 gap-y-1 text-[0.8125rem] text-ink-2 max-sm:w-full">
      <li className="level-calm flex items-center gap-1.5">
        <span aria-hidden="true" className="size-2.5 rounded-xs bg-level" />
        {t("spot.price")}
      </li>
      {battery && (
        <li className="flex items-center gap-1.5">
          <span aria-hidden="true" className="h-0.5 w-4 rounded-full bg-battery" />
          {t("power.battery")}
        </li>
      )}
      {forecast.length > 0 && (
        <li className="flex items-center gap-1.5" data-testid="legend-forecast">
          <span aria-hidden="true" className="w-4 border-t-2 border-dashed border-grid" />
          {t("spot.forecast")}
        </li>
      )}
      {forecast.some(({ low }) => low !== null) && (
        <li className="flex items-center gap-1.5">
          <span aria-hidden="true" className="h-2.5 w-4 rounded-xs bg-grid opacity-20" />
          <Tip text={t("spot.forecast_range_hint")}>
            <button type="button" className="underline decoration-dotted underline-offset-3">
              {t("spot.forecast_range")}
            </button>
          </Tip>
        </li>
      )}
    </ul>
  );
}
