import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Region } from "@/api/types.gen";
import { useLive } from "@/live/store";
import { sayPrice } from "@/units";
import { LEVEL_CLASS, priceLevel, REGIONS } from "@/words";

/** The regions with their prices; a tab is an address, so that it can be kept and sent. */
export function RegionTabs({ current }: { readonly current: Region }) {
  const { t } = useTranslation();
  const prices = useLive((live) => live.prices);
  const priceOf = (region: Region): number | null =>
    prices.get(region)?.per_mwh ?? null;
  return (
    <nav aria-label={t("spot.regions")} className="-mx-3 max-w-[100vw] overflow-x-auto px-3 [scrollbar-width:none] sm:mx-0 sm:px-0" data-testid="region-tabs">
      <ul className="flex gap-1.5">
        {REGIONS.map((region) => (
          <li key={region}>
            <Link
              to="/spot/$region"
              params={{ region }}
              aria-current={region === current ? "page" : undefined}
              data-testid={`tab-${region}`}
              className={`flex min-h-11 flex-col justify-center rounded-xl border px-3.5 py-1 leading-tight transition-colors ${LEVEL_CLASS[priceLevel(priceOf(region))]} ${
                region === current ? "border-accent bg-surface shadow-card" : "border-transparent hover:bg-hover"
              }`}
            >
              <span className={`text-[0.8125rem] font-semibold ${region === current ? "text-ink" : "text-ink-2"}`}>{region}</span>
              <span className="flex items-center gap-1.5 text-xs text-ink-3 tabular-nums">
                <span aria-hidden="true" className="size-1.5 rounded-full bg-level" />
                {sayPrice(priceOf(region))}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
