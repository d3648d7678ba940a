import { classes } from "./classes";

/** The shape of what is being fetched. */
export function Skeleton({ className }: { readonly className?: string }) {
  return <div aria-hidden="true" className={classes("animate-breathe rounded-lg bg-hover", className)} />;
}
