/** The world's clock: simulated or not, it runs on from the last instant that the server named. */
import { useEffect, useState } from "react";

interface Anchor {
  readonly at: number;
  readonly heard: number;
  readonly speed: number;
}

/** A difference below this is the network's, not the clock's. */
const TOLERANCE = 2_500;

let anchor: Anchor = { at: Date.now(), heard: performance.now(), speed: 1 };

export function worldNow(): number {
  return anchor.at + (performance.now() - anchor.heard) * anchor.speed;
}

/** Set the clock from the session, which knows the speed too. */
export function setWorld(at: number, speed: number): void {
  anchor = { at, heard: performance.now(), speed };
}

/** Correct the clock where the stream tells another time. */
export function heardAt(at: number): void {
  if (Math.abs(worldNow() - at) > TOLERANCE * Math.max(1, anchor.speed)) setWorld(at, anchor.speed);
}

/** The world's time, read again every so many milliseconds. */
export function useNow(every = 1_000): number {
  const [now, setNow] = useState(worldNow);
  useEffect(() => {
    const timer = window.setInterval(() => setNow(worldNow()), every);
    return () => window.clearInterval(timer);
  }, [every]);
  return now;
}
