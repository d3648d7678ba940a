import { useTranslation } from "react-i18next";
import { chooseLanguage, type Language } from "@/i18n";
import { Segmented } from "./Segmented";

const OPTIONS: readonly { readonly value: Language; readonly label: string; readonly title: string }[] = [
  { value: "en", label: "EN", title: "English" },
  { value: "zh", label: "中文", title: "简体中文" },
];

/** Each language is named in itself. */
export function LanguageSwitch({ className }: { readonly className?: string }) {
  const { t, i18n } = useTranslation();
  return (
    <div className={className}>
      <Segmented label={t("language")} value={i18n.language === "zh" ? "zh" : "en"} options={OPTIONS} onChange={chooseLanguage} testId="language" />
    </div>
  );
}
