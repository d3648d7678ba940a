/** The parts of ECharts that we draw with, and no others. */
import { CustomChart, type CustomSeriesOption, LineChart, type LineSeriesOption } from "echarts/charts";
import {
  GridComponent, type GridComponentOption, MarkLineComponent, type MarkLineComponentOption,
  TooltipComponent, type TooltipComponentOption,
} from "echarts/components";
import { type ComposeOption, init, use as draw } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

draw([LineChart, CustomChart, GridComponent, TooltipComponent, MarkLineComponent, CanvasRenderer]);

export type ChartOption = ComposeOption<
  LineSeriesOption | CustomSeriesOption | GridComponentOption | TooltipComponentOption | MarkLineComponentOption
>;

export type { CustomSeriesOption, LineSeriesOption, TooltipComponentOption };
export { init };
