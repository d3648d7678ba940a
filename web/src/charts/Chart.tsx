/** The one wrapper around ECharts: a canvas that fills its box, follows its size and is described in words. */
import { useEffect, useRef } from "react";
import { type ChartInstance, type ChartOption, init } from "./echarts";

interface ChartProps {
  readonly option: ChartOption;
  /** What the picture shows, for those who do not see it. */
  readonly label: string;
  readonly className: string;
  readonly testId?: string;
  /** Given the chart once it is made; what it returns is called before the chart goes. */
  readonly onMade?: (chart: ChartInstance) => () => void;
}

export function Chart({ option, label, className, testId, onMade }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<ChartInstance | null>(null);

  useEffect(() => {
    if (!box.current) return;
    const made = init(box.current);
    const sizes = new ResizeObserver(() => made.resize());
    sizes.observe(box.current);
    chart.current = made;
    const leave = onMade?.(made);
    return () => {
      leave?.();
      sizes.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, [onMade]);

  useEffect(() => {
    chart.current?.setOption(option, { replaceMerge: ["series", "yAxis"], lazyUpdate: true });
  }, [option, onMade]);

  return <div ref={box} role="img" aria-label={label} data-testid={testId} className={className} />;
}
