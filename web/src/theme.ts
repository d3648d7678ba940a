/** The colour theme: what was chosen, and what it comes to. */
import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";
export type Shade = "light" | "dark";

const KEY = "manta.theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

export function readTheme(): Theme {
  const stored = remembered();
  return stored === "light" || stored === "dark" ? stored : "system";
}

export function chooseTheme(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Storage may be refused; the choice then lasts as long as the page.
  }
  chosen = theme;
  apply();
}

function remembered(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

let chosen = readTheme();

function shade(): Shade {
  if (chosen === "system") return system.matches ? "dark" : "light";
  return chosen;
}

function apply(): void {
  document.documentElement.dataset.theme = shade();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

system.addEventListener("change", apply);

export const useTheme = (): Theme => useSyncExternalStore(subscribe, () => chosen);
export const useShade = (): Shade => useSyncExternalStore(subscribe, shade);
