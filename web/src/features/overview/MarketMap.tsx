import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Region, RegionOverview } from "@/api/types.gen";
import { useLive } from "@/live/store";
import { Card } from "@/ui/Card";
import { sayPrice } from "@/units";
import { LEVEL_CLASS, type PriceLevel, priceLevel, REGIONS } from "@/words";
import { LABEL, outline, VIEW } from "./mapShapes";

const LEGEND: readonly Exclude<PriceLevel, "unknown">[] = ["negative", "calm", "warm", "high", "peak"];

/** The market at a glance: each region in the colour of its price. */
export function MarketMap({ regions }: { readonly regions: readonly RegionOverview[] | undefined }) {
  const { t } = useTranslation();
  const heard = useLive((live) => live.prices);
  const priceOf = (region: Region): number | null =>
    heard.get(region)?.per_mwh ?? regions?.find((each) => each.region === region)?.price_per_mwh ?? null;
  return (
    <Card title={t("map.title")} className="flex flex-col" testId="market-map">
      <svg viewBox={VIEW} role="group" aria-label={t("map.title")} className="mx-auto -mt-3 max-h-80 w-full flex-1">
        {REGIONS.map((region) => (
          <Shape key={region} region={region} price={priceOf(region)} />
        ))}
      </svg>
      <ul className="mt-3 flex flex-wrap justify-center gap-x-2.5 gap-y-1 text-[0.6875rem] whitespace-nowrap text-ink-3">
        {LEGEND.map((level) => (
          <li key={level} className={`flex items-center gap-1 ${LEVEL_CLASS[level]}`}>
            <span aria-hidden="true" className="size-2 rounded-full bg-level" />
            {t(`level.${level}`)}
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Shape({ region, price }: { readonly region: Region; readonly price: number | null }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { at: [x, y], anchor } = LABEL[region];
  const level = priceLevel(price);
  const open = (): void => void navigate({ to: "/spot/$region", params: { region } });
  return (
    <g
      role="link"
      tabIndex={0}
      aria-label={t("map.region", { short: t(`region_short.${region}`), region: t(`region.${region}`), price: sayPrice(price) })}
      onClick={open}
      onKeyDown={(event) => event.key === "Enter" && open()}
      className={`group cursor-pointer outline-none ${LEVEL_CLASS[level]}`}
    >
      <path
        d={outline(region)}
        strokeWidth="2.5"
        strokeLinejoin="round"
        className="fill-level stroke-surface opacity-55 transition-opacity group-hover:opacity-80 group-focus-visible:stroke-accent group-focus-visible:opacity-80"
      />
      <text x={x} y={y} textAnchor={anchor} className="pointer-events-none fill-ink-2 text-[10.5px] font-medium">
        {t(`region_short.${region}`)}
      </text>{" "}
      <text x={x} y={y + 15} textAnchor={anchor} className="pointer-events-none fill-ink text-[14px] font-semibold tracking-tight tabular-nums">
        {sayPrice(price)}
      </text>
    </g>
  );
}
