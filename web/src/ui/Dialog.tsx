import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { IconButton } from "./Button";
import { classes } from "./classes";

interface DialogProps {
  readonly open: boolean;
  readonly onClose: () => void;
  readonly title: string;
  readonly about?: ReactNode;
  readonly closeLabel: string;
  readonly children: ReactNode;
  readonly shape?: keyof typeof SHAPES;
  readonly testId?: string;
}

const SHAPES = {
  dialog:
    "animate-rise inset-x-0 bottom-0 max-h-[94dvh] rounded-t-2xl sm:inset-auto sm:top-1/2 sm:left-1/2 sm:w-[min(60rem,calc(100vw-3rem))] sm:-translate-x-1/2 sm:-translate-y-1/2 sm:rounded-2xl",
  small:
    "animate-rise inset-x-0 bottom-0 max-h-[94dvh] rounded-t-2xl sm:inset-auto sm:top-1/2 sm:left-1/2 sm:w-[min(28rem,calc(100vw-3rem))] sm:-translate-x-1/2 sm:-translate-y-1/2 sm:rounded-2xl",
  drawer: "animate-slide inset-y-0 right-0 w-[min(30rem,100vw)] sm:rounded-l-2xl",
} as const;

/**
 * Something that wants an answer first, over the page. The backdrop is ours: Radix's own writes a style tag
 * into the page, which the content security policy forbids; styles.css stops the scrolling instead.
 */
export function Dialog({ open, onClose, title, about, closeLabel, children, shape = "dialog", testId }: DialogProps) {
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <div data-modal="" aria-hidden="true" className="fixed inset-0 z-40 animate-appear bg-[rgb(4_18_26/0.5)]" />
        <Radix.Content
          data-testid={testId}
          {...(about === undefined ? { "aria-describedby": undefined } : {})}
          className={classes("fixed z-40 flex flex-col overflow-hidden border border-line bg-surface shadow-float outline-none", SHAPES[shape])}
        >
          <header className="flex items-start justify-between gap-4 border-b border-line py-3.5 pr-3 pl-5">
            <div className="min-w-0 py-1">
              <Radix.Title className="text-base font-semibold">{title}</Radix.Title>
              {about !== undefined && (
                <Radix.Description asChild>
                  <div className="mt-0.5 text-[0.8125rem] text-ink-3">{about}</div>
                </Radix.Description>
              )}
            </div>
            <Radix.Close asChild>
              <IconButton icon="close" label={closeLabel} />
            </Radix.Close>
          </header>
          <div className="min-h-0 flex-1 overflow-y-auto overscroll-contain">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
