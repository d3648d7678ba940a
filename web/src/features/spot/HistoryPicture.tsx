import { useQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { PriceHistory, Region } from "@/api/types.gen";
import type { ForecastPiece } from "@/charts/forecast";
import { HistoryChart, keyed } from "@/charts/HistoryChart";
import type { Window } from "@/charts/historySeries";
import type { Threshold } from "@/charts/PriceChart";
import type { Scale } from "@/charts/symlog";
import { useNow } from "@/live/clock";
import { historyQuery, wholeHistoryQuery } from "@/live/market";
import { instant, INTERVAL, sayDay, sayTime } from "@/time";
import { IconButton } from "@/ui/Button";
import { Failure } from "@/ui/Failure";
import { Empty } from "@/ui/Notice";
import { Skeleton } from "@/ui/Skeleton";
import { sayPrice } from "@/units";
import { sayStretch } from "./stretch";
import { COARSE, extremes, FINE, layered, type Length, LENGTHS, toFetch } from "./history";

interface HistoryPictureProps {
  readonly region: Region;
  readonly length: Length;
  readonly forecast: readonly ForecastPiece[];
  readonly thresholds: readonly Threshold[];
  readonly scale: Scale;
}

/** Prices of days to years; whoever moves through them sees the coarse picture at once and the fine one soon after. */
export function HistoryPicture({ region, ...rest }: HistoryPictureProps) {
  const { t } = useTranslation();
  const whole = useQuery(wholeHistoryQuery(region, COARSE));
  if (whole.error && !whole.data) return <Failure error={whole.error} onRetry={() => void whole.refetch()} />;
  if (!whole.data) return <Skeleton className="h-80 sm:h-[28rem]" />;
  if (whole.data.intervals === 0) {
    return (
      <Empty icon="spot" title={t("spot.no_history")} testId="no-history">
        {t("spot.no_history_remedy")}
        <Command words="manta market import" />
      </Empty>
    );
  }
  return <Explorer region={region} whole={whole.data} {...rest} />;
}

interface ExplorerProps extends HistoryPictureProps {
  readonly whole: PriceHistory;
}

function Explorer({ region, whole, length, forecast, thresholds, scale }: ExplorerProps) {
  const { t } = useTranslation();
  const now = Math.floor(useNow(15_000) / INTERVAL) * INTERVAL;
  const known = useMemo(() => ({ from: instant(whole.first ?? whole.start) - INTERVAL, to: instant(whole.last ?? whole.end) }), [whole]);
  const limits = useLimits(known, now, forecast, length);
  const [moved, setMoved] = useState<Window | null>(null);
  const view = useMemo(() => moved ?? latest(limits, now, length), [moved, limits, now, length]);
  const part = toFetch(view, known);
  const fine = useQuery({ ...historyQuery(region, part ?? known, FINE), enabled: part !== null });
  const detail = part ? fine.data : undefined;
  const columns = useMemo(() => layered(whole, detail, view, (status) => t(`status.${status}`)), [whole, detail, view, t]);
  const stretch = useCallback((step: number) => t("spot.stretch", { stretch: sayStretch(step, t) }), [t]);
  const drawn = extremes(columns, view);
  return (
    <>
      <HistoryChart
        region={t(`region.${region}`)}
        columns={columns}
        forecast={forecast}
        thresholds={thresholds}
        scale={scale}
        limits={limits}
        view={view}
        now={now}
        onView={setMoved}
        sayStretch={stretch}
        className="h-80 sm:h-[28rem]"
      />
      <div className="mt-2 flex flex-wrap items-center justify-between gap-x-4 gap-y-1">
        <p className="text-[0.8125rem] text-pretty text-ink-2 tabular-nums" aria-live="polite" data-testid="history-words">
          <span className="text-ink-3">{t("spot.from_to", { from: sayMoment(view.from), to: sayMoment(view.to) })}</span>
          {drawn && <span className="ml-3">{t("spot.extremes", { least: sayPrice(drawn.least.perMwh), greatest: sayPrice(drawn.greatest.perMwh), at: sayMoment(drawn.greatest.end - INTERVAL) })}</span>}
        </p>
        <Moves view={view} limits={limits} onView={setMoved} back={moved ? () => setMoved(null) : null} />
      </div>
      {known.from > view.from + INTERVAL && (
        <p className="mt-1 text-xs text-ink-3" data-testid="history-begins">
          {t("spot.begins", { at: sayMoment(known.from) })} <Command words="manta market import" />
        </p>
      )}
    </>
  );
}

/** As far as one can go: what is known or was chosen, to the end of what is expected. */
function useLimits(known: Window, now: number, forecast: readonly ForecastPiece[], length: Length): Window {
  const expected = forecast.at(-1)?.to ?? now;
  return useMemo(() => {
    const chosen = length === "all" ? known.from : now - LENGTHS[length];
    return { from: Math.min(known.from, chosen), to: Math.max(known.to, now + INTERVAL, expected) };
  }, [known, now, expected, length]);
}

/** The last part of the time, of the length that was chosen. */
function latest(limits: Window, now: number, length: Length): Window {
  return { from: length === "all" ? limits.from : Math.max(limits.from, now - LENGTHS[length]), to: limits.to };
}

interface MovesProps {
  readonly view: Window;
  readonly limits: Window;
  readonly onView: (view: Window) => void;
  readonly back: (() => void) | null;
}

const MOVES = [
  { key: "ArrowLeft", icon: "back", name: "spot.earlier" },
  { key: "ArrowRight", icon: "chevron", name: "spot.later" },
  { key: "-", icon: "minus", name: "spot.zoom_out" },
  { key: "+", icon: "plus", name: "spot.zoom_in" },
] as const;

/** The same by buttons as by hand and by key. */
function Moves({ view, limits, onView, back }: MovesProps) {
  const { t } = useTranslation();
  const press = (key: string): void => {
    const next = keyed(key, view, limits);
    if (next) onView(next);
  };
  return (
    <div className="flex items-center gap-0.5" role="toolbar" aria-label={t("spot.moves")}>
      <span className="mr-2 hidden text-xs text-ink-3 lg:inline">{t("spot.moves_hint")}</span>
      {back && <IconButton icon="undo" label={t("spot.back_to_now")} onClick={back} data-testid="back-to-now" />}
      {MOVES.map(({ key, icon, name }) => (
        <IconButton key={key} icon={icon} label={t(name)} onClick={() => press(key)} data-testid={`move-${icon}`} />
      ))}
    </div>
  );
}

function Command({ words }: { readonly words: string }) {
  return <code className="mx-1 rounded bg-sunken px-1.5 py-0.5 font-mono text-xs whitespace-nowrap text-ink-2">{words}</code>;
}

function sayMoment(at: number): string {
  return `${sayDay(at)} ${sayTime(at)}`;
}
