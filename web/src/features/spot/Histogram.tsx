import { useTranslation } from "react-i18next";
import type { EarningsBin } from "@/api/types.gen";
import { Tip } from "@/ui/Tip";
import { sayAudExactly, sayCount } from "@/units";

/** How many homes earned how much. */
export function Histogram({ bins }: { readonly bins: readonly EarningsBin[] }) {
  const { t } = useTranslation();
  const most = Math.max(1, ...bins.map(({ homes }) => homes));
  const marks = [bins[0]?.from_aud, bins[Math.floor(bins.length / 2)]?.from_aud, bins.at(-1)?.to_aud];
  return (
    <figure className="flex min-w-0 flex-col" data-testid="histogram">
      <figcaption className="eyebrow mb-3">{t("earnings.histogram")}</figcaption>
      <div className="flex min-h-36 flex-1 items-end gap-[3px] border-b border-line-strong">
        {bins.map((bin) => (
          <Bin key={bin.from_aud} bin={bin} height={bin.homes / most} />
        ))}
      </div>
      <div className="mt-1.5 flex justify-between text-xs text-ink-3 tabular-nums" aria-hidden="true">
        {marks.map((mark, index) => (
          <span key={index}>{sayAudExactly(mark)}</span>
        ))}
      </div>
    </figure>
  );
}

function Bin({ bin, height }: { readonly bin: EarningsBin; readonly height: number }) {
  const { t } = useTranslation();
  const said = t("earnings.bin", { homes: sayCount(bin.homes), from: sayAudExactly(bin.from_aud), to: sayAudExactly(bin.to_aud) });
  return (
    <Tip text={said}>
      <button type="button" aria-label={said} className="group flex h-36 min-w-0 flex-1 items-end rounded-t-sm lg:h-full">
        <span
          className="w-full rounded-t-sm bg-battery/70 transition-[height,background-color] duration-500 group-hover:bg-battery"
          style={{ height: bin.homes > 0 ? `max(2px, ${height * 100}%)` : "0" }}
        />
      </button>
    </Tip>
  );
}
