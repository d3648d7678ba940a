import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { signOut } from "@/api/sdk.gen";
import { chooseLanguage, type Language } from "@/i18n";
import { useSession } from "@/live/queries";
import { chooseTheme, type Theme, useTheme } from "@/theme";
import { Icon } from "@/ui/Icon";
import { Menu, MenuChoice, MenuItem, MenuLine } from "@/ui/Menu";
import { useSay } from "@/ui/Toast";

export function UserMenu() {
  const { t, i18n } = useTranslation();
  const session = useSession();
  const theme = useTheme();
  const leave = useLeave();
  const themes = [
    { value: "system", label: t("theme.system"), icon: "screen" },
    { value: "light", label: t("theme.light"), icon: "sun" },
    { value: "dark", label: t("theme.dark"), icon: "moon" },
  ] as const satisfies readonly { value: Theme; label: string; icon: string }[];
  const languages = [
    { value: "en", label: "English" },
    { value: "zh", label: "简体中文" },
  ] as const satisfies readonly { value: Language; label: string }[];
  const trigger = (
    <button
      type="button"
      aria-label={t("user_menu")}
      data-testid="user-menu"
      className="grid size-9 shrink-0 place-items-center rounded-full bg-sunken text-ink-2 transition-colors hover:bg-hover hover:text-ink pointer-coarse:size-11"
    >
      <Icon name="user" />
    </button>
  );
  return (
    <Menu trigger={trigger} testId="user-menu-content">
      {session && (
        <div className="px-2.5 pt-1.5 pb-2">
          <p className="font-medium">{session.user.name}</p>
          <p className="text-xs text-ink-3">{session.user.email}</p>
          <p className="mt-1 text-xs text-ink-3">
            {session.tenant.name} · {t(`role.${session.user.role}`)}
          </p>
        </div>
      )}
      <MenuLine />
      <MenuChoice label={t("theme.label")} value={theme} options={themes} onChange={chooseTheme} />
      <MenuLine />
      <MenuChoice label={t("language")} value={i18n.language === "zh" ? "zh" : "en"} options={languages} onChange={chooseLanguage} />
      <MenuLine />
      <MenuItem icon="leave" onSelect={() => leave.mutate()} testId="sign-out">
        {t("sign_out")}
      </MenuItem>
    </Menu>
  );
}

function useLeave() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const say = useSay();
  return useMutation({
    mutationFn: () => signOut({ throwOnError: true }),
    onSuccess: async () => {
      await navigate({ to: "/sign-in" });
      queries.clear();
    },
    onError: () => say(t("sign_out_failed")),
  });
}
