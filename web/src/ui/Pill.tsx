import type { ReactNode } from "react";
import { classes } from "./classes";

const TONES = {
  good: "bg-good-soft text-good",
  warn: "bg-warn-soft text-warn",
  bad: "bg-bad-soft text-bad",
  accent: "bg-accent-soft text-accent",
  plain: "bg-sunken text-ink-2",
} as const;

export type Tone = keyof typeof TONES;

/** A state in a word; the dot repeats the tone, the word carries the meaning. */
export function Pill({ tone, children, testId }: { readonly tone: Tone; readonly children: ReactNode; readonly testId?: string }) {
  return (
    <span
      data-testid={testId}
      className={classes("inline-flex items-center gap-1.5 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap", TONES[tone])}
    >
      <span className="size-1.5 rounded-full bg-current" aria-hidden="true" />
      {children}
    </span>
  );
}
