/**
 * Thousands of prices as upright strokes, one a column of pixels. A line through them, or an area under it, costs a
 * browser without a graphics card up to a second a frame; as many rectangles cost it next to nothing.
 */
export interface Plane {
  /** Pixels of an instant and of a bent price, each as offset and scale. */
  readonly x: readonly [offset: number, scale: number];
  readonly y: readonly [offset: number, scale: number];
  readonly left: number;
  readonly right: number;
  /** How wide a column is, in pixels. */
  readonly column: number;
}

/** From top to bottom of what happened in each column, in pixels; NaN where nothing is known. */
export interface Stems {
  readonly top: Float64Array;
  readonly bottom: Float64Array;
}

/** Rectangles one after another: x, y, width, height. */
export type Boxes = number[];

/** Fold points into columns. A point holds from the one before it to itself, unless a null lies between. */
export function stemsOf(at: readonly number[], bent: readonly (number | null)[], plane: Plane): Stems {
  const count = Math.max(0, Math.ceil((plane.right - plane.left) / plane.column));
  const top = new Float64Array(count).fill(NaN);
  const bottom = new Float64Array(count).fill(NaN);
  const place = (instant: number): number => Math.floor((plane.x[0] + plane.x[1] * instant - plane.left) / plane.column);
  const mark = (column: number, y: number): void => {
    if (!((top[column] ?? NaN) <= y)) top[column] = y;
    if (!((bottom[column] ?? NaN) >= y)) bottom[column] = y;
  };
  let before: { readonly column: number; readonly y: number } | null = null;
  for (let index = firstAfter(at, (plane.left - plane.x[0]) / plane.x[1]); index < at.length; index += 1) {
    const price = bent[index];
    if (price === null || price === undefined) {
      before = null;
      continue;
    }
    const column = place(at[index] ?? NaN);
    const y = plane.y[0] + plane.y[1] * price;
    const from = Math.max(0, before ? before.column : column);
    for (let each = from; each <= Math.min(column, count - 1); each += 1) mark(each, y);
    if (before && before.column >= 0 && before.column < count) mark(before.column, before.y);
    if (column >= count) break;
    before = { column, y };
  }
  return { top, bottom };
}

/** The point before the first one that is seen: the line comes from there. */
function firstAfter(at: readonly number[], left: number): number {
  let low = 0;
  let high = at.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((at[middle] ?? Infinity) < left) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** Cut the stems where one level of price ends and the next begins; ``edges`` run upward, so their pixels fall. */
export function boxesByLevel({ top, bottom }: Stems, edges: readonly number[], plane: Plane, thick: number): Boxes[] {
  const boxes: Boxes[] = Array.from({ length: edges.length + 1 }, () => []);
  top.forEach((high, column) => {
    const low = bottom[column];
    if (Number.isNaN(high) || low === undefined) return;
    const slack = Math.max(0, thick - (low - high)) / 2;
    const x = plane.left + column * plane.column;
    boxes.forEach((level, index) => {
      const floor = index === 0 ? Infinity : (edges[index - 1] ?? Infinity);
      const ceiling = edges[index] ?? -Infinity;
      const from = Math.max(high, ceiling);
      const to = Math.min(low, floor);
      if (from < to || (from === to && from !== floor)) level.push(x, from - slack, plane.column, to - from + 2 * slack);
    });
  });
  return boxes;
}

/** What lies between zero and the stems, above it and below. */
export function boxesToZero({ top, bottom }: Stems, zero: number, plane: Plane): readonly [above: Boxes, below: Boxes] {
  const [above, below]: [Boxes, Boxes] = [[], []];
  top.forEach((high, column) => {
    const low = bottom[column];
    if (Number.isNaN(high) || low === undefined) return;
    const x = plane.left + column * plane.column;
    if (low < zero) above.push(x, low, plane.column, zero - low);
    if (high > zero) below.push(x, zero, plane.column, high - zero);
  });
  return [above, below];
}
