import { Switch } from "radix-ui";
import { type ReactNode, useId } from "react";
import { classes } from "./classes";

interface FieldProps {
  readonly label: string;
  readonly hint?: ReactNode;
  readonly error?: string | undefined;
  readonly before?: string;
  readonly after?: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly type?: "text" | "email" | "password";
  readonly inputMode?: "text" | "decimal" | "email";
  readonly autoComplete?: string;
  readonly required?: boolean;
  readonly autoFocus?: boolean;
  readonly name: string;
  readonly maxLength?: number;
}

/** A labelled input with its unit, its hint and what is wrong with it. */
export function Field({ label, hint, error, before, after, value, onChange, type = "text", ...input }: FieldProps) {
  const id = useId();
  const said = `${id}-said`;
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-[0.8125rem] font-medium text-ink-2">
        {label}
      </label>
      <div
        className={classes(
          "flex min-h-10 items-center rounded-lg border bg-surface px-3 transition-colors focus-within:border-accent focus-within:ring-2 focus-within:ring-accent/25 pointer-coarse:min-h-12",
          error ? "border-bad" : "border-field",
        )}
      >
        {before && <span className="mr-1 text-ink-3">{before}</span>}
        <input
          id={id}
          type={type}
          value={value}
          onChange={(event) => onChange(event.target.value)}
          aria-invalid={error !== undefined}
          aria-describedby={hint || error ? said : undefined}
          data-testid={`field-${input.name}`}
          className="min-w-0 flex-1 bg-transparent py-2 text-base outline-none sm:text-sm"
          {...input}
        />
        {after && <span className="ml-2 text-[0.8125rem] whitespace-nowrap text-ink-3">{after}</span>}
      </div>
      <p id={said} className={classes("mt-1 text-xs text-pretty", error ? "text-bad" : "text-ink-3")}>
        {error ?? hint}
      </p>
    </div>
  );
}

interface ToggleProps {
  readonly label: string;
  readonly hint?: string;
  readonly on: boolean;
  readonly onChange: (on: boolean) => void;
  readonly name: string;
}

export function Toggle({ label, hint, on, onChange, name }: ToggleProps) {
  const id = useId();
  return (
    <div className="flex items-center justify-between gap-4">
      <label htmlFor={id} className="min-w-0">
        <span className="block text-sm font-medium">{label}</span>
        {hint && <span className="block text-xs text-ink-3">{hint}</span>}
      </label>
      <Switch.Root
        id={id}
        checked={on}
        onCheckedChange={onChange}
        data-testid={`field-${name}`}
        className="relative h-6 w-10 shrink-0 rounded-full bg-line-strong transition-colors data-[state=checked]:bg-accent"
      >
        <Switch.Thumb className="block size-5 translate-x-0.5 rounded-full bg-white shadow transition-transform data-[state=checked]:translate-x-4.5" />
      </Switch.Root>
    </div>
  );
}
