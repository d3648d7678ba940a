/** The axis of prices: bent or straight, and named in dollars. */
import { sayPrice } from "@/units";
import { textStyle, valueAxisLook } from "./axes";
import type { Palette } from "./palette";
import { bend, type Extent, type Scale, ticks } from "./symlog";

/** An axis that reaches as far as ``bent`` and names the prices within ``wanted``. */
export function priceAxis(wanted: Extent, bent: Extent, scale: Scale, palette: Palette) {
  const said = new Map(ticks(wanted.min, wanted.max, scale).map((perMwh) => [bend(perMwh, scale), sayTick(perMwh)]));
  const places = [...said.keys()];
  return {
    type: "value" as const,
    ...bent,
    ...valueAxisLook(palette),
    axisTick: { show: false, customValues: places },
    splitLine: { lineStyle: { color: palette.line } },
    axisLabel: {
      ...textStyle,
      color: palette.faint,
      customValues: places,
      formatter: (value: number) => said.get(value) ?? "",
    },
  };
}

function sayTick(perMwh: number): string {
  return sayPrice(perMwh).replace(/\.00$/, "");
}
