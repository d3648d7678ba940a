/** One WebSocket that comes back: with jitter, at once when the network does, and never to a session that has ended. */
import type { LiveMessage } from "@/api/types.gen";

export type Connection = "connecting" | "live" | "reconnecting";

export interface SocketEvents {
  readonly heard: (message: LiveMessage) => void;
  readonly became: (connection: Connection) => void;
}

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;
/** The fleet is heard each second; this long without a word means that the line is dead. */
const SILENCE = 10_000;

/** How long to wait before a try: doubling, capped, and spread so that pages do not come back together. */
export function backoff(tries: number, random: number): number {
  return (0.5 + random / 2) * Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** tries);
}

export function liveAddress(location: Pick<Location, "protocol" | "host">): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/live`;
}

/** Keep a stream open until the returned function is called. */
export function keepOpen(address: string, events: SocketEvents): () => void {
  let socket: WebSocket | null = null;
  let tries = 0;
  let retry: number | undefined;
  let silence: number | undefined;
  let over = false;

  const listen = (): void => {
    window.clearTimeout(silence);
    silence = window.setTimeout(() => lose(), SILENCE);
  };
  const lose = (): void => {
    if (over) return;
    window.clearTimeout(silence);
    window.clearTimeout(retry);
    drop();
    events.became("reconnecting");
    retry = window.setTimeout(open, backoff(tries, Math.random()));
    tries += 1;
  };
  const drop = (): void => {
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
    socket = null;
  };
  const open = (): void => {
    window.clearTimeout(retry);
    drop();
    socket = new WebSocket(address);
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      const message = decode(data);
      listen();
      if (!message) return;
      tries = 0;
      events.became("live");
      events.heard(message);
    };
    socket.onclose = () => lose();
    listen();
  };
  const hurry = (): void => {
    if (socket?.readyState !== WebSocket.OPEN) open();
  };

  window.addEventListener("online", hurry);
  events.became("connecting");
  open();
  return () => {
    over = true;
    window.removeEventListener("online", hurry);
    window.clearTimeout(retry);
    window.clearTimeout(silence);
    drop();
  };
}

const KINDS = new Set(["fleet", "price", "dispatch", "changed", "story", "ping"]);

/** Read a message, or nothing where it is not one of ours. */
export function decode(data: unknown): LiveMessage | null {
  if (typeof data !== "string") return null;
  try {
    const value: unknown = JSON.parse(data);
    return isMessage(value) ? value : null;
  } catch {
    return null;
  }
}

function isMessage(value: unknown): value is LiveMessage {
  return typeof value === "object" && value !== null && "kind" in value && KINDS.has(String(value.kind));
}
