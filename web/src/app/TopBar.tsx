import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useNow } from "@/live/clock";
import { useSession } from "@/live/queries";
import { useLive } from "@/live/store";
import { sayTime } from "@/time";
import { Manta } from "@/ui/Manta";
import { Tip } from "@/ui/Tip";
import { dayPart } from "@/words";
import { LanguageSwitch } from "@/ui/LanguageSwitch";
import { UserMenu } from "./UserMenu";

export function TopBar() {
  const { t } = useTranslation();
  const session = useSession();
  return (
    <header className="sticky top-0 z-30 flex h-14 items-center gap-2 border-b border-line bg-surface/95 px-3 backdrop-blur sm:gap-3 sm:px-5">
      <Link to="/" className="flex items-center gap-2.5 rounded-lg text-accent">
        <Manta className="size-8" />
        <span className="text-[1.0625rem] font-semibold tracking-tight text-ink max-sm:sr-only">{t("brand")}</span>
      </Link>
      {session && (
        <span className="truncate border-l border-line pl-3 text-ink-2 max-md:hidden" data-testid="tenant">
          {session.tenant.name}
        </span>
      )}
      <div className="flex-1" />
      <WorldClock />
      <ConnectionState />
      <LanguageSwitch className="max-sm:hidden" />
      <UserMenu />
    </header>
  );
}

/** Whose time this is, and what time it is. */
function WorldClock() {
  const { t } = useTranslation();
  const world = useSession()?.world;
  const now = useNow();
  if (!world) return null;
  const simulated = world.kind === "simulate";
  return (
    <Tip text={t(simulated ? "world.simulated_hint" : "world.live_hint")}>
      <button
        type="button"
        data-testid="world-clock"
        className={`flex min-h-8 min-w-0 items-center gap-2 rounded-full px-3 text-[0.8125rem] ${simulated ? "bg-warn-soft text-warn" : "bg-sunken text-ink-2"}`}
      >
        <span className="truncate max-lg:hidden">{simulated ? t(`world.${dayPart(now)}`) : t("world.live")}</span>
        <span className="truncate lg:hidden">{t(simulated ? "world.simulated" : "world.live")}</span>
        <span aria-hidden="true" className="opacity-50">
          ·
        </span>
        <time className="font-semibold whitespace-nowrap tabular-nums">{sayTime(now)}</time>
        <span className="whitespace-nowrap max-sm:hidden">{t("world.nem_time")}</span>
      </button>
    </Tip>
  );
}

const DOT = {
  connecting: "bg-level-unknown animate-breathe text-ink-3",
  live: "text-good",
  reconnecting: "animate-breathe text-warn",
} as const;

function ConnectionState() {
  const { t } = useTranslation();
  const connection = useLive((live) => live.connection);
  return (
    <Tip text={t(`connection.${connection}_hint`)}>
      <button
        type="button"
        data-testid="connection"
        data-state={connection}
        className="flex min-h-8 items-center gap-2 rounded-full px-1.5 text-[0.8125rem] text-ink-2"
      >
        <span aria-hidden="true" className={`size-2 rounded-full bg-current ${DOT[connection]}`} />
        <span role="status" className="max-lg:sr-only">
          {t(`connection.${connection}`)}
        </span>
      </button>
    </Tip>
  );
}
