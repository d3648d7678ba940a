/** The newest of everything that the stream tells, replaced once a frame and read by React. */
import { useSyncExternalStore } from "react";
import type { FleetMessage, LiveMessage, PriceMessage, RegionOverview, StoryMessage } from "@/api/types.gen";
import { instant } from "@/time";
import type { Connection } from "./socket";

export interface Live {
  readonly connection: Connection;
  readonly fleet: FleetMessage | null;
  readonly prices: ReadonlyMap<string, PriceMessage>;
  readonly story: StoryMessage | null;
  /** The last minutes of the fleet, oldest first, to continue a chart whose history came by request. */
  readonly trace: readonly FleetMessage[];
}

const TRACE_LENGTH = 240;
const NOTHING: Live = { connection: "connecting", fleet: null, prices: new Map(), story: null, trace: [] };

let live: Live = NOTHING;
const listeners = new Set<() => void>();

function replace(next: Live): void {
  live = next;
  for (const listener of listeners) listener();
}

export function keyOf(message: LiveMessage): string {
  switch (message.kind) {
    case "price":
      return `price ${message.region}`;
    case "dispatch":
      return `dispatch ${message.id}`;
    case "changed":
      return `changed ${message.subject}`;
    default:
      return message.kind;
  }
}

/** Fold one frame's messages into what was known. */
export function fold(before: Live, newest: readonly LiveMessage[]): Live {
  let { fleet, prices, story, trace } = before;
  for (const message of newest) {
    if (message.kind === "fleet") {
      fleet = message;
      trace = extend(trace, message);
      prices = message.regions.map(priceIn).reduce(withPrice, prices);
    } else if (message.kind === "price") {
      prices = withPrice(prices, message);
    } else if (message.kind === "story") {
      story = message;
    }
  }
  return { ...before, fleet, prices, story, trace };
}

/** The fleet's message repeats each region's price, so that one that was lost on the way is known a second later. */
function priceIn({ region, price_per_mwh, price_status, price_interval_end }: RegionOverview): PriceMessage | null {
  if (price_per_mwh === null || price_status === null || price_interval_end === null) return null;
  return { kind: "price", region, per_mwh: price_per_mwh, status: price_status, interval_end: price_interval_end };
}

type Prices = Live["prices"];

function withPrice(prices: Prices, price: PriceMessage | null): Prices {
  if (!price) return prices;
  const known = prices.get(price.region);
  if (known && isSame(known, price)) return prices;
  if (known && instant(known.interval_end) > instant(price.interval_end)) return prices;
  return new Map(prices).set(price.region, price);
}

function isSame(one: PriceMessage, other: PriceMessage): boolean {
  return one.per_mwh === other.per_mwh && one.status === other.status && instant(one.interval_end) === instant(other.interval_end);
}

/** Time never runs back in a trace: a message from the past begins it anew. */
function extend(trace: readonly FleetMessage[], message: FleetMessage): readonly FleetMessage[] {
  const last = trace.at(-1);
  if (last && instant(message.at) <= instant(last.at)) return instant(message.at) === instant(last.at) ? trace : [message];
  return [...trace.slice(1 - TRACE_LENGTH), message];
}

export const show = (newest: readonly LiveMessage[]): void => replace(fold(live, newest));
export const forget = (): void => replace(NOTHING);

export function became(connection: Connection): void {
  if (live.connection !== connection) replace({ ...live, connection });
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Read one part of what is live; the page redraws only when that part is another. */
export function useLive<T>(select: (live: Live) => T): T {
  return useSyncExternalStore(subscribe, () => select(live));
}
