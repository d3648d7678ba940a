/** The parts of ECharts that we draw with, and no others. */
import { CustomChart, type CustomSeriesOption, LineChart, type LineSeriesOption } from "echarts/charts";
import {
  DataZoomInsideComponent, type DataZoomComponentOption, DataZoomSliderComponent, GridComponent, type GridComponentOption,
  MarkLineComponent, type MarkLineComponentOption, TooltipComponent, type TooltipComponentOption,
} from "echarts/components";
import { type ComposeOption, init, use as draw } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

draw([
  LineChart, CustomChart, GridComponent, TooltipComponent, MarkLineComponent, DataZoomInsideComponent, DataZoomSliderComponent, CanvasRenderer,
]);

export type ChartOption = ComposeOption<
  | LineSeriesOption | CustomSeriesOption | GridComponentOption | TooltipComponentOption | MarkLineComponentOption
  | DataZoomComponentOption
>;

export type ChartInstance = ReturnType<typeof init>;
export type { CustomSeriesOption, DataZoomComponentOption, LineSeriesOption, TooltipComponentOption };
export { init };
