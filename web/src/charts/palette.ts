/** The tokens of ui/styles.css as a canvas needs them: resolved colours, read again when the theme changes. */
import { useMemo } from "react";
import { type Shade, useShade } from "@/theme";
import type { PriceLevel } from "@/words";

export interface Palette {
  readonly shade: Shade;
  readonly ink: string;
  readonly faint: string;
  readonly line: string;
  readonly surface: string;
  readonly battery: string;
  readonly grid: string;
  readonly accent: string;
  readonly forecast: string;
  readonly levels: Readonly<Record<PriceLevel, string>>;
}

function read(shade: Shade): Palette {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string): string => style.getPropertyValue(`--${name}`).trim() || "#888888";
  return {
    shade,
    ink: token("ink"),
    faint: token("ink-3"),
    line: token("line"),
    surface: token("surface"),
    battery: token("battery"),
    grid: token("grid"),
    accent: token("accent"),
    forecast: token("grid"),
    levels: {
      unknown: token("level-unknown"),
      negative: token("level-negative"),
      calm: token("level-calm"),
      warm: token("level-warm"),
      high: token("level-high"),
      peak: token("level-peak"),
    },
  };
}

export function usePalette(): Palette {
  const shade = useShade();
  return useMemo(() => read(shade), [shade]);
}
