import type { ReactNode } from "react";
import { classes } from "./classes";
import { Icon, type IconName } from "./Icon";

const TONES = {
  plain: "bg-sunken text-ink-2",
  warn: "bg-warn-soft text-warn",
  bad: "bg-bad-soft text-bad",
  good: "bg-good-soft text-good",
} as const;

interface NoticeProps {
  readonly tone: keyof typeof TONES;
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
  readonly icon?: IconName;
  readonly testId?: string;
}

/** Something that the reader should know, with what to do about it. */
export function Notice({ tone, title, children, action, icon = "alert", testId }: NoticeProps) {
  return (
    <div role={tone === "bad" ? "alert" : "status"} data-testid={testId} className={classes("flex gap-3 rounded-xl px-4 py-3", TONES[tone])}>
      <Icon name={icon} className="mt-0.5 size-4.5 shrink-0" />
      <div className="min-w-0 flex-1">
        <p className="font-medium text-pretty">{title}</p>
        {children && <div className="mt-0.5 text-[0.8125rem] text-ink-2">{children}</div>}
        {action && <div className="mt-2.5 flex flex-wrap gap-2">{action}</div>}
      </div>
    </div>
  );
}

interface EmptyProps {
  readonly icon: IconName;
  readonly title: string;
  readonly children?: ReactNode;
  readonly testId?: string;
}

/** Nothing here yet, why, and what will fill it. */
export function Empty({ icon, title, children, testId }: EmptyProps) {
  return (
    <div data-testid={testId} className="flex flex-col items-center justify-center px-4 py-7 text-center">
      <span className="mb-3 grid size-10 place-items-center rounded-full bg-sunken text-ink-3">
        <Icon name={icon} />
      </span>
      <p className="font-medium text-ink">{title}</p>
      {children && <div className="mt-1 max-w-sm text-[0.8125rem] text-pretty text-ink-3">{children}</div>}
    </div>
  );
}
