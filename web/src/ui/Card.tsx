import type { ReactNode } from "react";
import { classes } from "./classes";

interface CardProps {
  readonly title?: ReactNode;
  readonly aside?: ReactNode;
  readonly className?: string;
  readonly children: ReactNode;
  readonly testId?: string;
}

/** A surface with a caption; a section that a screen reader can jump to. */
export function Card({ title, aside, className, children, testId }: CardProps) {
  return (
    <section
      data-testid={testId}
      className={classes("rounded-card border border-line bg-surface p-4 shadow-card sm:p-5", className)}
    >
      {(title !== undefined || aside !== undefined) && (
        <header className="mb-3 flex min-h-8 flex-wrap items-center justify-between gap-x-4 gap-y-2">
          <h2 className="text-[0.9375rem] font-semibold tracking-[-0.005em] text-ink">{title}</h2>
          {aside}
        </header>
      )}
      {children}
    </section>
  );
}
