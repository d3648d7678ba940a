import { DropdownMenu } from "radix-ui";
import type { ReactNode } from "react";
import { Icon, type IconName } from "./Icon";

const ITEM =
  "flex min-h-9 items-center gap-2.5 rounded-lg px-2.5 text-sm outline-none select-none data-highlighted:bg-hover pointer-coarse:min-h-11";

/** A menu that hangs from a button; not modal, because Radix's scroll lock writes a style tag. */
export function Menu({ trigger, children, testId }: { readonly trigger: ReactNode; readonly children: ReactNode; readonly testId?: string }) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="end"
          sideOffset={6}
          collisionPadding={12}
          data-testid={testId}
          className="z-50 min-w-56 animate-appear rounded-xl border border-line bg-surface p-1.5 shadow-float"
        >
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

interface ItemProps {
  readonly icon: IconName;
  readonly onSelect: () => void;
  readonly children: ReactNode;
  readonly testId?: string;
}

export function MenuItem({ icon, onSelect, children, testId }: ItemProps) {
  return (
    <DropdownMenu.Item onSelect={onSelect} data-testid={testId} className={ITEM}>
      <Icon name={icon} className="size-4.5 text-ink-3" />
      {children}
    </DropdownMenu.Item>
  );
}

interface ChoiceProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly { readonly value: T; readonly label: string; readonly icon?: IconName }[];
  readonly onChange: (value: T) => void;
}

export function MenuChoice<T extends string>({ label, value, options, onChange }: ChoiceProps<T>) {
  return (
    <DropdownMenu.RadioGroup value={value}>
      <DropdownMenu.Label className="px-2.5 pt-2 pb-1 text-xs font-medium text-ink-3">{label}</DropdownMenu.Label>
      {options.map((option) => (
        <DropdownMenu.RadioItem key={option.value} value={option.value} onSelect={() => onChange(option.value)} className={ITEM}>
          {option.icon && <Icon name={option.icon} className="size-4.5 text-ink-3" />}
          <span className="flex-1">{option.label}</span>
          <DropdownMenu.ItemIndicator>
            <Icon name="check" className="size-4 text-accent" />
          </DropdownMenu.ItemIndicator>
        </DropdownMenu.RadioItem>
      ))}
    </DropdownMenu.RadioGroup>
  );
}

export function MenuLine() {
  return <DropdownMenu.Separator className="my-1.5 h-px bg-line" />;
}
