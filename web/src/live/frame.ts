/** Gather messages between frames and hand them over once a frame, the newest of each key. */
export interface Frame {
  readonly request: (show: () => void) => number;
  readonly cancel: (id: number) => void;
}

export const browserFrame: Frame = {
  request: (show) => requestAnimationFrame(show),
  cancel: (id) => cancelAnimationFrame(id),
};

export interface PerFrame<T> {
  readonly take: (message: T) => void;
  readonly stop: () => void;
}

export function perFrame<T>(keyOf: (message: T) => string, show: (newest: readonly T[]) => void, frame = browserFrame): PerFrame<T> {
  let waiting = new Map<string, T>();
  let asked = 0;
  const flush = (): void => {
    const newest = [...waiting.values()];
    [waiting, asked] = [new Map<string, T>(), 0];
    show(newest);
  };
  return {
    take(message) {
      waiting.set(keyOf(message), message);
      asked ||= frame.request(flush);
    },
    stop() {
      if (asked) frame.cancel(asked);
      [waiting, asked] = [new Map<string, T>(), 0];
    },
  };
}
