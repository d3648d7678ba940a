import type { ButtonHTMLAttributes } from "react";
import { classes } from "./classes";
import { Icon, type IconName } from "./Icon";

const LOOKS = {
  primary: "bg-accent text-on-accent hover:bg-accent-hover border-transparent",
  quiet: "bg-surface text-ink border-line-strong hover:bg-hover",
  bare: "bg-transparent text-ink-2 border-transparent hover:bg-hover hover:text-ink",
  danger: "bg-bad text-surface border-transparent hover:opacity-90",
} as const;

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly look?: keyof typeof LOOKS;
  readonly icon?: IconName;
}

export function Button({ look = "quiet", icon, className, children, type = "button", ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      className={classes(
        "press inline-flex items-center justify-center gap-2 rounded-lg border px-3.5 text-sm font-medium whitespace-nowrap transition-colors disabled:opacity-55",
        LOOKS[look],
        className,
      )}
      {...rest}
    >
      {icon && <Icon name={icon} className="size-4.5 shrink-0" />}
      {children}
    </button>
  );
}

interface IconButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "children"> {
  readonly icon: IconName;
  readonly label: string;
}

export function IconButton({ icon, label, className, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={classes(
        "press inline-flex aspect-square items-center justify-center rounded-lg text-ink-3 transition-colors hover:bg-hover hover:text-ink disabled:opacity-55",
        className,
      )}
      {...rest}
    >
      <Icon name={icon} className="size-4.5" />
    </button>
  );
}
