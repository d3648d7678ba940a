/** A fine bar that shows a share of a whole; an unknown share is an empty, dashed bar. */
interface MeterProps {
  readonly share: number | null;
  readonly label: string;
  readonly className?: string;
  readonly track?: string;
}

export function Meter({ share, label, className = "bg-battery", track = "bg-sunken" }: MeterProps) {
  if (share === null) {
    return <div role="img" aria-label={label} className="h-1.5 rounded-full border border-dashed border-line-strong" />;
  }
  return (
    <div
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(share * 100)}
      className={`h-1.5 overflow-hidden rounded-full ${track}`}
    >
      <div className={`h-full rounded-full transition-[width] duration-700 ${className}`} style={{ width: `${share * 100}%` }} />
    </div>
  );
}
