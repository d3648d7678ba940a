/** The way of a dispatch from its price to the last answer. */
import type { DispatchDetail } from "@/api/types.gen";
import { instant } from "@/time";

export interface Step {
  readonly name: "price" | "decided" | "leased" | "first_ack" | "last_ack";
  /** Milliseconds since 1970, or unknown. */
  readonly at: number | null;
}

/** When each step was, from the instants and the durations that the record has. */
export function stepsOf(dispatch: Pick<DispatchDetail, "decided_at" | "signed_at" | "price_to_leases_s" | "first_ack_s" | "last_ack_s">): readonly Step[] {
  const leased = dispatch.signed_at === null ? null : instant(dispatch.signed_at);
  const after = (seconds: number | null): number | null => (leased === null || seconds === null ? null : leased + seconds * 1_000);
  const untilLeased = dispatch.price_to_leases_s;
  return [
    { name: "price", at: after(untilLeased === null ? null : -untilLeased) },
    { name: "decided", at: instant(dispatch.decided_at) },
    { name: "leased", at: leased },
    { name: "first_ack", at: after(dispatch.first_ack_s) },
    { name: "last_ack", at: after(dispatch.last_ack_s) },
  ];
}
