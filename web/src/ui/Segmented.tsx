import { ToggleGroup } from "radix-ui";
import { classes } from "./classes";

interface SegmentedProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly { readonly value: T; readonly label: string; readonly title?: string }[];
  readonly onChange: (value: T) => void;
  readonly testId?: string;
}

/** One of a few, all of them in sight. */
export function Segmented<T extends string>({ label, value, options, onChange, testId }: SegmentedProps<T>) {
  const choose = (next: string): void => {
    const option = options.find((each) => each.value === next);
    if (option) onChange(option.value);
  };
  return (
    <ToggleGroup.Root
      type="single"
      aria-label={label}
      data-testid={testId}
      value={value}
      onValueChange={choose}
      className="inline-flex rounded-lg bg-sunken p-0.5"
    >
      {options.map((option) => (
        <ToggleGroup.Item
          key={option.value}
          value={option.value}
          title={option.title}
          className={classes(
            "min-h-7 rounded-md px-2.5 text-[0.8125rem] font-medium whitespace-nowrap text-ink-3 transition-colors hover:text-ink pointer-coarse:min-h-10",
            "data-[state=on]:bg-raised data-[state=on]:text-ink data-[state=on]:shadow-sm",
          )}
        >
          {option.label}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}
