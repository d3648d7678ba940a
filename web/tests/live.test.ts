import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FleetMessage, LiveMessage, RegionOverview } from "@/api/types.gen";
import { perFrame } from "@/live/frame";
import { backoff, type Connection, decode, keepOpen, liveAddress } from "@/live/socket";
import { fold, keyOf, type Live } from "@/live/store";
import { outdated } from "@/live/useStream";

const price = (region: "NSW1" | "SA1", per_mwh: number): LiveMessage => ({
  kind: "price", region, per_mwh, status: "firm", interval_end: "2026-01-14T08:10:00Z",
});

const fleet = (at: string): FleetMessage => ({ kind: "fleet", at, fleet: FLEET, regions: [] });

const FLEET = {
  sites: 2, heard: 2, power_kw: 1, battery_kw: 1, pv_kw: 0, load_kw: -1, stored_kwh: 5, capacity_kwh: 10,
  headroom_up_kw: 1, headroom_down_kw: -1, leased: 0, revenue_today_aud: "0.000000",
};

const NOTHING: Live = { connection: "live", fleet: null, prices: new Map(), story: null, trace: [] };

describe("once a frame", () => {
  it("only the newest of each key is shown", () => {
    let flush: (() => void) | undefined;
    const shown: (readonly LiveMessage[])[] = [];
    const frame = { request: (show: () => void) => ((flush = show), 1), cancel: () => undefined };
    const { take } = perFrame(keyOf, (newest: readonly LiveMessage[]) => shown.push(newest), frame);
    take(price("NSW1", 80));
    take(price("SA1", 90));
    take(price("NSW1", 12_500));
    expect(shown).toEqual([]);
    flush?.();
    expect(shown).toEqual([[price("NSW1", 12_500), price("SA1", 90)]]);
  });
});

describe("what is known", () => {
  it("takes the newest in and keeps the rest", () => {
    const before = fold(NOTHING, [price("SA1", 90)]);
    const after = fold(before, [price("NSW1", 12_500)]);
    expect([...after.prices.values()].map((each) => each.per_mwh)).toEqual([90, 12_500]);
  });

  it("takes a price that was lost from the fleet's next message, and never an older one", () => {
    const region: RegionOverview = {
      ...FLEET, region: "NSW1", price_per_mwh: 12_500, price_status: "firm", price_interval_end: "2026-01-14T08:15:00Z", price_age_s: 3, health: "good",
    };
    const before = fold(NOTHING, [price("NSW1", 80)]);
    const after = fold(before, [{ ...fleet("2026-01-14T08:10:30Z"), regions: [region] }]);
    expect(after.prices.get("NSW1")?.per_mwh).toBe(12_500);
    expect(fold(after, [price("NSW1", 80)]).prices).toBe(after.prices);
    expect(fold(after, [{ ...fleet("2026-01-14T08:10:31Z"), regions: [region] }]).prices).toBe(after.prices);
  });

  it("begins its trace anew when time runs back", () => {
    const one = fold(NOTHING, [fleet("2026-01-14T08:00:01Z")]);
    const two = fold(one, [fleet("2026-01-14T08:00:02Z")]);
    expect(two.trace).toHaveLength(2);
    expect(fold(two, [fleet("2026-01-14T08:00:02Z")]).trace).toHaveLength(2);
    expect(fold(two, [fleet("2026-01-14T07:00:00Z")]).trace).toHaveLength(1);
  });

  it("has the right questions asked again", () => {
    expect(outdated(price("SA1", 1))).toEqual([["spot", "SA1"]]);
    expect(outdated({ kind: "changed", subject: "rules" })).toEqual([["rules"]]);
    expect(outdated(fleet("2026-01-14T08:00:01Z"))).toEqual([]);
  });
});

describe("a message", () => {
  it.each(["", "{", "null", "7", '{"kind":"other"}', '{"at":"now"}'])("that is not ours (%s) is nothing", (data) => {
    expect(decode(data)).toBeNull();
  });
});

it("waits longer with each try, spread, and never too long", () => {
  expect(backoff(0, 0)).toBe(250);
  expect(backoff(0, 1)).toBe(500);
  expect(backoff(3, 1)).toBe(4_000);
  expect(backoff(50, 1)).toBe(15_000);
});

it("speaks in secret where the page does", () => {
  expect(liveAddress({ protocol: "https:", host: "manta.example" })).toBe("wss://manta.example/api/live");
});

describe("a stream that is lost", () => {
  const sockets: FakeSocket[] = [];

  class FakeSocket {
    static readonly OPEN = 1;
    readyState = 0;
    onopen: (() => void) | null = null;
    onmessage: ((event: { data: string }) => void) | null = null;
    onclose: (() => void) | null = null;
    onerror: (() => void) | null = null;
    constructor() {
      sockets.push(this);
    }
    close(): void {
      this.readyState = 3;
    }
  }

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("WebSocket", FakeSocket);
    sockets.length = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const hear = (socket: FakeSocket | undefined): void => socket?.onmessage?.({ data: JSON.stringify(price("SA1", 1)) });

  it("is opened again, and says so", () => {
    const states: Connection[] = [];
    const close = keepOpen("ws://x/api/live", { heard: () => undefined, became: (connection) => states.push(connection) });
    hear(sockets[0]);
    sockets[0]?.onclose?.();
    vi.advanceTimersByTime(600);
    hear(sockets[1]);
    expect(states).toEqual(["connecting", "live", "reconnecting", "live"]);
    close();
    vi.advanceTimersByTime(60_000);
    expect(sockets).toHaveLength(2);
  });

  it("is also taken for lost when it falls silent", () => {
    const close = keepOpen("ws://x/api/live", { heard: () => undefined, became: () => undefined });
    hear(sockets[0]);
    vi.advanceTimersByTime(10_600);
    expect(sockets.length).toBeGreaterThan(1);
    close();
  });
});
