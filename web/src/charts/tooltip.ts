/** Tooltips as elements, never as markup: a name from the record is text, whatever it contains. */
export interface TooltipRow {
  readonly name: string;
  readonly value: string;
  readonly color?: string;
}

export interface TooltipSays {
  readonly title: string;
  readonly rows: readonly TooltipRow[];
  readonly note?: string | undefined;
}

function element(tag: string, className: string, text?: string): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export function tooltip({ title, rows, note }: TooltipSays): HTMLElement {
  const box = element("div", "max-w-64 text-xs leading-normal whitespace-normal text-ink");
  box.append(element("p", "mb-1 font-semibold", title));
  for (const row of rows) {
    const line = element("p", "flex items-center gap-2 py-px");
    const dot = element("span", "size-2 shrink-0 rounded-full");
    dot.style.backgroundColor = row.color ?? "transparent";
    line.append(dot, element("span", "flex-1 pr-4 text-ink-2", row.name), element("span", "font-medium tabular-nums", row.value));
    box.append(line);
  }
  if (note) box.append(element("p", "mt-1.5 border-t border-line pt-1.5 text-ink-2", note));
  return box;
}
