/** How a history chart paints its prices: in the colours of their levels, and all of them small in the strip below. */
import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemParams } from "echarts";
import { asNemAxis } from "@/time";
import type { CustomSeriesOption } from "./echarts";
import type { HistoryPicture } from "./historySeries";
import type { Palette } from "./palette";
import { type Boxes, boxesByLevel, boxesToZero, type Plane, stemsOf } from "./stems";
import { bend, type Scale } from "./symlog";

/** Where the strip lies under the chart, in pixels. */
export const STRIP = { left: 8, right: 16, bottom: 6, height: 30 } as const;
const STRIP_AIR = 3;
/** Prices from which on the next level's colour begins. */
const EDGES = [0, 150, 300, 1_000] as const;
const LEVELS = ["negative", "calm", "warm", "high", "peak"] as const;
const THICK = 1.75;

export function bentAt(perMwh: readonly (number | null)[], index: number, scale: Scale): number | null {
  const price = perMwh[index];
  return price === null || price === undefined ? null : bend(price, scale);
}

export function priceStems({ columns, scale, limits }: HistoryPicture, palette: Palette): CustomSeriesOption {
  const at = columns.ends.map(asNemAxis);
  const bent = columns.ends.map((_, index) => bentAt(columns.perMwh, index, scale));
  const whole = { from: asNemAxis(limits.from), to: asNemAxis(limits.to) };
  const canvas = document.createElement("canvas");
  return {
    type: "custom",
    name: "stems",
    yAxisIndex: 0,
    silent: true,
    clip: false,
    encode: { x: 0, y: 1, tooltip: [] },
    // One mark paints all prices; it has no place of its own.
    data: [[NaN, NaN]],
    tooltip: { show: false },
    z: 2,
    renderItem: (params, api) => {
      const [width, height] = [api.getWidth(), api.getHeight()];
      const brush = cleared(canvas, width, height, api.getDevicePixelRatio());
      if (brush) {
        paintSeen(brush, at, bent, planeOf(params, api), scale, palette);
        paintStrip(brush, at, bent, stripOf(bent, whole, width, height), palette);
      }
      return { type: "image", silent: true, style: { image: canvas, x: 0, y: 0, width, height } };
    },
  };
}

type Brush = CanvasRenderingContext2D;

/** A canvas beside the chart's own: there a rectangle is a rectangle, in the chart it would be a path. */
function cleared(canvas: HTMLCanvasElement, width: number, height: number, ratio: number): Brush | null {
  canvas.width = Math.ceil(width * ratio);
  canvas.height = Math.ceil(height * ratio);
  const brush = canvas.getContext("2d");
  brush?.scale(ratio, ratio);
  return brush;
}

function fill(brush: Brush, boxes: Boxes, color: string, opacity: number): void {
  brush.fillStyle = color;
  brush.globalAlpha = opacity;
  for (let index = 0; index < boxes.length; index += 4) {
    brush.fillRect(boxes[index] ?? 0, boxes[index + 1] ?? 0, boxes[index + 2] ?? 0, boxes[index + 3] ?? 0);
  }
}

type Prices = readonly (number | null)[];

/** The prices that are looked at. */
function paintSeen(brush: Brush, at: readonly number[], bent: Prices, plane: Plane, scale: Scale, palette: Palette): void {
  const stems = stemsOf(at, bent, plane);
  const edges = EDGES.map((edge) => plane.y[0] + plane.y[1] * bend(edge, scale));
  const [above, below] = boxesToZero(stems, edges[0] ?? 0, plane);
  fill(brush, above, palette.levels.calm, 0.18);
  fill(brush, below, palette.levels.negative, 0.18);
  boxesByLevel(stems, edges, plane, THICK).forEach((level, index) => fill(brush, level, palette.levels[LEVELS[index] ?? "calm"], 1));
}

/** All of the time, small, for the slider to lie on. */
function paintStrip(brush: Brush, at: readonly number[], bent: Prices, plane: Plane, palette: Palette): void {
  const [above, below] = boxesToZero(wide(stemsOf(at, bent, plane)), plane.y[0], plane);
  fill(brush, above, palette.faint, 0.45);
  fill(brush, below, palette.faint, 0.45);
}

interface Whole {
  readonly from: number;
  readonly to: number;
}

function stripOf(bent: Prices, { from, to }: Whole, width: number, height: number): Plane {
  let [least, greatest] = [0, 1];
  for (const price of bent) {
    least = Math.min(least, price ?? 0);
    greatest = Math.max(greatest, price ?? 0);
  }
  const [left, right] = [STRIP.left, width - STRIP.right];
  const across = (right - left) / (to - from);
  const tall = (STRIP.height - 2 * STRIP_AIR) / (greatest - least);
  const foot = height - STRIP.bottom - STRIP_AIR;
  return { x: [left - from * across, across], y: [foot + least * tall, -tall], left, right, column: 1 };
}

/** In the strip a column reaches as far from zero as its prices did, not as near. */
function wide({ top, bottom }: ReturnType<typeof stemsOf>): ReturnType<typeof stemsOf> {
  return { top: bottom, bottom: top };
}

/** How instants and prices lie on the canvas; both axes are straight, so two points of each tell. */
function planeOf(params: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI): Plane {
  const box = params.coordSys as unknown as { readonly x: number; readonly width: number };
  const [x0 = 0, y0 = 0] = api.coord([0, 0]);
  const [x1 = 0, y1 = 0] = api.coord([YEAR, 1]);
  return {
    x: [x0, (x1 - x0) / YEAR],
    y: [y0, y1 - y0],
    left: Math.round(box.x),
    right: Math.round(box.x + box.width),
    column: 1 / Math.min(2, Math.max(1, api.getDevicePixelRatio())),
  };
}

const YEAR = 365 * 24 * 60 * 60_000;
