import { Manta } from "@/ui/Manta";

/** Depth lines and a ray gliding over them; ornament only. */
export function Sea() {
  return (
    <div aria-hidden="true" className="pointer-events-none absolute inset-0 -z-10">
      <svg viewBox="0 0 800 900" preserveAspectRatio="xMidYMid slice" className="absolute inset-0 size-full opacity-60">
        {LINES.map((y, index) => (
          <path
            key={y}
            d={`M-20 ${y} C 160 ${y - 46}, 300 ${y + 58}, 460 ${y + 4} S 700 ${y - 52}, 830 ${y + 20}`}
            fill="none"
            stroke="#7fe3e6"
            strokeOpacity={0.05 + index * 0.022}
            strokeWidth="1.5"
          />
        ))}
      </svg>
      <Manta className="absolute -top-8 -right-10 size-64 rotate-[24deg] text-white/[0.06] sm:size-96 lg:top-[9%] lg:right-[6%] lg:size-[33rem]" />
    </div>
  );
}

const LINES = [120, 230, 340, 450, 560, 670, 780];
