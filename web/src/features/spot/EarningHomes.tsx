import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { HomeEarnings } from "@/api/types.gen";
import type { Span } from "@/live/queries";
import { Icon } from "@/ui/Icon";
import { sayAudExactly, sayCount, sayLedgerEnergy } from "@/units";
import { LedgerDrawer } from "./LedgerDrawer";

interface EarningHomesProps {
  readonly homes: readonly HomeEarnings[];
  readonly all: number;
  readonly span: Span;
}

/** The homes that earned most; each opens its ledger. */
export function EarningHomes({ homes, all, span }: EarningHomesProps) {
  const { t } = useTranslation();
  const [open, setOpen] = useState<HomeEarnings | null>(null);
  return (
    <div className="min-w-0">
      <p className="eyebrow mb-2">{t("earnings.top", { shown: sayCount(homes.length), homes: sayCount(all) })}</p>
      <ul className="-mx-2 max-h-52 overflow-y-auto overscroll-contain" data-testid="earning-homes">
        {homes.map((home) => (
          <li key={home.site}>
            <button
              type="button"
              data-testid="earning-home"
              onClick={() => setOpen(home)}
              className="press flex w-full items-center gap-3 rounded-lg px-2 text-left text-[0.8125rem] transition-colors hover:bg-hover"
            >
              <span className="min-w-0 flex-1 truncate font-medium">{home.name}</span>
              <span className="text-ink-3 tabular-nums">{sayLedgerEnergy(home.energy_kwh)}</span>
              <span className="w-16 text-right font-semibold tabular-nums">{sayAudExactly(home.amount_aud)}</span>
              <Icon name="chevron" className="size-3.5 text-ink-3" />
            </button>
          </li>
        ))}
      </ul>
      {open && <LedgerDrawer home={open} span={span} onClose={() => setOpen(null)} />}
    </div>
  );
}
