/** The mark: a manta ray seen from above. */
const BODY =
  "M20.4 6.5c-.7 2.6 0 4.6 1.6 5.5 1.2.7 2.8.7 4 0 1.6-.9 2.3-2.9 1.6-5.5 2.3 1.6 3.3 3.9 3.6 6.2 5.2 1.2 10.6 5.1 14.8 13.1-5.6-2.6-10.6-2-14.2.7-2.9 2.2-5 4.5-6.5 7.1-.4 4-.6 7.4-1.1 11.4h-.4c-.5-4-.7-7.4-1.1-11.4-1.5-2.6-3.6-4.9-6.5-7.1-3.6-2.7-8.6-3.3-14.2-.7 4.2-8 9.6-11.9 14.8-13.1.3-2.3 1.3-4.6 3.6-6.2Z";

export function Manta({ className = "size-7" }: { readonly className?: string }) {
  return (
    <svg viewBox="0 0 48 50" className={className} aria-hidden="true">
      <path d={BODY} fill="currentColor" />
    </svg>
  );
}
