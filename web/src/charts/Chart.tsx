/** The one wrapper around ECharts: a canvas that fills its box, follows its size and is described in words. */
import { useEffect, useRef } from "react";
import { type ChartOption, init } from "./echarts";

interface ChartProps {
  readonly option: ChartOption;
  /** What the picture shows, for those who do not see it. */
  readonly label: string;
  readonly className: string;
  readonly testId?: string;
}

type Instance = ReturnType<typeof init>;

export function Chart({ option, label, className, testId }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<Instance | null>(null);

  useEffect(() => {
    if (!box.current) return;
    const made = init(box.current);
    const sizes = new ResizeObserver(() => made.resize());
    sizes.observe(box.current);
    chart.current = made;
    return () => {
      sizes.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, []);

  useEffect(() => {
    chart.current?.setOption(option, { replaceMerge: ["series", "yAxis"], lazyUpdate: true });
  }, [option]);

  return <div ref={box} role="img" aria-label={label} data-testid={testId} className={className} />;
}
