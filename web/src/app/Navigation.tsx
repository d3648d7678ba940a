import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { Icon, type IconName } from "@/ui/Icon";

interface Place {
  readonly to: "/" | "/spot";
  readonly icon: IconName;
  readonly name: "nav.overview" | "nav.spot";
}

/** Only pages that work. */
const PLACES: readonly Place[] = [
  { to: "/", icon: "overview", name: "nav.overview" },
  { to: "/spot", icon: "spot", name: "nav.spot" },
];

const ACTIVE = { className: "is-active" };

export function SideBar() {
  const { t } = useTranslation();
  return (
    <nav aria-label={t("nav.label")} className="sticky top-14 hidden h-[calc(100dvh-3.5rem)] w-24 shrink-0 border-r border-line bg-surface px-2 py-3 md:block">
      <ul className="space-y-1">
        {PLACES.map(({ to, icon, name }) => (
          <li key={to}>
            <Link
              to={to}
              activeOptions={{ exact: to === "/" }}
              activeProps={ACTIVE}
              data-testid={`nav-${icon}`}
              className="flex min-h-16 flex-col items-center justify-center gap-1 rounded-xl px-1 text-center text-xs font-medium text-ink-2 transition-colors hover:bg-hover hover:text-ink [&.is-active]:bg-accent-soft [&.is-active]:text-accent"
            >
              <Icon name={icon} className="size-5.5" />
              {t(name)}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

export function BottomBar() {
  const { t } = useTranslation();
  return (
    <nav
      aria-label={t("nav.label")}
      className="fixed inset-x-0 bottom-0 z-30 border-t border-line bg-surface/95 pb-[env(safe-area-inset-bottom)] backdrop-blur md:hidden"
    >
      <ul className="grid grid-cols-2">
        {PLACES.map(({ to, icon, name }) => (
          <li key={to}>
            <Link
              to={to}
              activeOptions={{ exact: to === "/" }}
              activeProps={ACTIVE}
              data-testid={`bar-${icon}`}
              className="flex min-h-14 flex-col items-center justify-center gap-0.5 text-[0.6875rem] font-medium text-ink-3 [&.is-active]:text-accent"
            >
              <Icon name={icon} className="size-5.5" />
              {t(name)}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
