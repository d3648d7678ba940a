/** What is expected of prices to come: a dashed line over its intervals, and how far it may be out, shaded. */
import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemReturn } from "echarts";
import { asNemAxis } from "@/time";
import type { CustomSeriesOption, LineSeriesOption } from "./echarts";
import type { Palette } from "./palette";
import { bend, type Scale } from "./symlog";

/** The price expected over one interval; its range is unknown where too few forecasts can be compared. */
export interface ForecastPiece {
  readonly from: number;
  readonly to: number;
  readonly perMwh: number;
  readonly low: number | null;
  readonly high: number | null;
  /** Whose forecast it is, and what its range comes from. */
  readonly source: string;
}

export function forecastSeries(pieces: readonly ForecastPiece[], scale: Scale, palette: Palette, name: string): (LineSeriesOption | CustomSeriesOption)[] {
  return pieces.length === 0 ? [] : [rangeBand(pieces, scale, palette, name), expectedLine(pieces, scale, palette, name)];
}

function rangeBand(pieces: readonly ForecastPiece[], scale: Scale, palette: Palette, name: string): CustomSeriesOption {
  const data = pieces.flatMap(({ from, to, low, high }) =>
    low === null || high === null ? [] : [[asNemAxis(from), asNemAxis(to), bend(low, scale), bend(high, scale)]],
  );
  return {
    type: "custom",
    name: `${name} range`,
    yAxisIndex: 0,
    clip: true,
    silent: true,
    encode: { x: [0, 1], y: [2, 3], tooltip: [] },
    data,
    z: 1,
    renderItem: (_, api) => band(api, palette),
  };
}

/** Edges on whole pixels, so that bands that touch leave no seam between them. */
function band(api: CustomSeriesRenderItemAPI, palette: Palette): CustomSeriesRenderItemReturn {
  const [left = 0, bottom = 0] = api.coord([api.value(0), api.value(2)]);
  const [right = 0, top = 0] = api.coord([api.value(1), api.value(3)]);
  const x = Math.round(left);
  return {
    type: "rect",
    shape: { x, y: top, width: Math.max(1, Math.round(right) - x), height: Math.max(1, bottom - top) },
    style: { fill: palette.forecast, opacity: 0.15 },
  };
}

function expectedLine(pieces: readonly ForecastPiece[], scale: Scale, palette: Palette, name: string): LineSeriesOption {
  return {
    type: "line",
    name,
    yAxisIndex: 0,
    data: stairs(pieces).map(([at, perMwh]) => [asNemAxis(at), perMwh === null ? null : bend(perMwh, scale)]),
    showSymbol: false,
    symbol: "circle",
    silent: true,
    emphasis: { disabled: true },
    itemStyle: { color: palette.forecast },
    lineStyle: { width: 2, type: [5, 4], color: palette.forecast },
    z: 3,
  };
}

/** A price over each interval, as the corners of a line that breaks where intervals do not touch. */
export function stairs(pieces: readonly Pick<ForecastPiece, "from" | "to" | "perMwh">[]): (readonly [number, number | null])[] {
  return pieces.flatMap(({ from, to, perMwh }, index) => {
    const before = pieces[index - 1];
    const apart = before !== undefined && before.to < from;
    return [...(apart ? [[before.to, null] as const] : []), [from, perMwh] as const, [to, perMwh] as const];
  });
}

/** The piece in which an instant lies. */
export function expectedAt(pieces: readonly ForecastPiece[], at: number): ForecastPiece | undefined {
  return pieces.find(({ from, to }) => from <= at && at < to);
}
