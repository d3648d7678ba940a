/** English and Simplified Chinese, from the first string. */
import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import en from "./en.json";
import zh from "./zh.json";

export const LANGUAGES = ["en", "zh"] as const;
export type Language = (typeof LANGUAGES)[number];

const KEY = "manta.language";

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "translation";
    resources: { translation: typeof en };
  }
}

function preferred(): Language {
  try {
    const stored = localStorage.getItem(KEY);
    if (stored === "en" || stored === "zh") return stored;
  } catch {
    // Storage may be refused; the browser's own language is used then.
  }
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function chooseLanguage(language: Language): void {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // The choice then lasts as long as the page.
  }
  void i18next.changeLanguage(language);
}

function mark(language: string): void {
  document.documentElement.lang = language === "zh" ? "zh-Hans-AU" : "en-AU";
}

i18next.on("languageChanged", mark);

void i18next.use(initReactI18next).init({
  resources: { en: { translation: en }, zh: { translation: zh } },
  lng: preferred(),
  fallbackLng: "en",
  interpolation: { escapeValue: false },
  returnNull: false,
});
