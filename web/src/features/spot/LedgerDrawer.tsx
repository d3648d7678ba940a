import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { HomeEarnings, SiteLedger } from "@/api/types.gen";
import { ledgerQuery, type Span } from "@/live/queries";
import { instant, sayDay, sayInterval } from "@/time";
import { Dialog } from "@/ui/Dialog";
import { Failure } from "@/ui/Failure";
import { Empty } from "@/ui/Notice";
import { Skeleton } from "@/ui/Skeleton";
import { sayAudExactly, sayLedgerEnergy, sayPrice } from "@/units";

interface LedgerDrawerProps {
  readonly home: HomeEarnings;
  readonly span: Span;
  readonly onClose: () => void;
}

/** One home's ledger: each interval's energy, price and amount, as it stands after revisions. */
export function LedgerDrawer({ home, span, onClose }: LedgerDrawerProps) {
  const { t } = useTranslation();
  const { data, error, refetch } = useQuery(ledgerQuery(home.site, span));
  const about = t("ledger.about", { site: home.site, day: sayDay(span.from) });
  return (
    <Dialog open onClose={onClose} shape="drawer" title={home.name} about={about} closeLabel={t("close")} testId="ledger">
      <div className="p-5">
        {data ? <Entries ledger={data} /> : error ? <Failure error={error} onRetry={() => void refetch()} /> : <Skeleton className="h-64" />}
      </div>
    </Dialog>
  );
}

function Entries({ ledger }: { readonly ledger: SiteLedger }) {
  const { t } = useTranslation();
  if (ledger.entries.length === 0) {
    return (
      <Empty icon="clock" title={t("ledger.none")}>
        {t("earnings.none_remedy")}
      </Empty>
    );
  }
  return (
    <>
      <p className="text-3xl font-semibold tracking-tight tabular-nums" data-testid="ledger-total">
        {sayAudExactly(ledger.total_aud)}
      </p>
      <p className="mt-0.5 text-[0.8125rem] text-ink-3">{t("ledger.for_energy", { energy: sayLedgerEnergy(ledger.energy_kwh) })}</p>
      <table className="mt-5 w-full text-[0.8125rem] tabular-nums">
        <thead className="text-left text-xs text-ink-3">
          <tr className="border-b border-line">
            <th scope="col" className="py-2 font-medium">{t("ledger.interval")}</th>
            <th scope="col" className="py-2 text-right font-medium">{t("ledger.energy")}</th>
            <th scope="col" className="py-2 text-right font-medium">{t("ledger.price")}</th>
            <th scope="col" className="py-2 text-right font-medium">{t("ledger.amount")}</th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {ledger.entries.map((entry) => (
            <tr key={entry.interval_end}>
              <td className="py-2">
                {sayInterval(instant(entry.interval_end))}
                {entry.revision > 0 && <span className="block text-xs text-warn">{t("ledger.revised", { revision: entry.revision })}</span>}
              </td>
              <td className="py-2 text-right">{sayLedgerEnergy(entry.energy_kwh)}</td>
              <td className="py-2 text-right">{sayPrice(entry.price_per_mwh)}</td>
              <td className="py-2 text-right font-medium">{sayAudExactly(entry.amount_aud)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="mt-4 text-xs text-pretty text-ink-3">{t("ledger.note")}</p>
    </>
  );
}
