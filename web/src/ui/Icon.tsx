/** The few icons that pages use, drawn on a 20 px grid with one stroke. */
const PATHS = {
  overview: "M3 10.5 10 4l7 6.5M5 9v7h10V9M8.5 16v-4h3v4",
  spot: "M3 16.5h14M5 13.5v-3M8.5 13.5V8M12 13.5v-9M15.5 13.5V9.5",
  user: "M10 10.5a3.25 3.25 0 1 0 0-6.5 3.25 3.25 0 0 0 0 6.5ZM3.75 17c.6-3.2 3.1-4.5 6.25-4.5s5.65 1.3 6.25 4.5",
  sun: "M10 13.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.35 4.350l1.05 1.050M14.6 14.6l1.05 1.050M15.65 4.35 14.6 5.4M5.4 14.6l-1.05 1.05",
  moon: "M16.5 12A6.75 6.75 0 0 1 8 3.5 6.75 6.75 0 1 0 16.5 12Z",
  screen: "M3 4.5h14v9H3zM7.5 17h5M10 13.5V17",
  language: "M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15ZM2.75 10h14.5M10 2.5c2 2.1 3 4.6 3 7.5s-1 5.4-3 7.5c-2-2.1-3-4.6-3-7.5s1-5.4 3-7.5Z",
  check: "m4.5 10.5 3.5 3.5 7.5-8",
  close: "m5 5 10 10M15 5 5 15",
  chevron: "m7.5 5 5 5-5 5",
  back: "m12.5 5-5 5 5 5",
  down: "m5 7.5 5 5 5-5",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  pencil: "m4 16 .8-3.5L13 4.3a1.4 1.4 0 0 1 2 0l.7.7a1.4 1.4 0 0 1 0 2L7.5 15.2 4 16Z",
  trash: "M4 6h12M8 6V4h4v2M5.5 6l.7 10.5h7.6L14.5 6M8.5 9v4.5M11.5 9v4.5",
  play: "M6.5 4.5v11l9-5.5-9-5.5Z",
  bolt: "M11 2.5 4.5 11.5H9.5L9 17.5l6.5-9H10.5L11 2.5Z",
  battery: "M3 6.5h12v7H3zM17 8.5v3M5.5 9v2M8 9v2",
  home: "M3.5 9.5 10 4l6.5 5.5M5 8.5V16h10V8.5",
  leave: "M12 4H4.5v12H12M9 10h8M14 7l3 3-3 3",
  alert: "M10 3 2.5 16.5h15L10 3ZM10 8.5v3.5M10 14.2v.1",
  clock: "M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15ZM10 5.5V10l3 2",
  undo: "M7.5 5 4 8.5 7.5 12M4 8.5h7.5a4 4 0 0 1 0 8H8",
  up: "M10 16V4M5 9l5-5 5 5",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, className = "size-5" }: { readonly name: IconName; readonly className?: string }) {
  return (
    <svg viewBox="0 0 20 20" className={className} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
