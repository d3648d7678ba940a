/** The NEM's five regions in a few strokes: longitude and latitude, rounded until only the gesture is left. */
import type { Region } from "@/api/types.gen";

type Corner = readonly [longitude: number, latitude: number];

const OUTLINES: Readonly<Record<Region, readonly Corner[]>> = {
  QLD1: [
    [138, -26], [138, -16.8], [139.6, -17.6], [141, -17.4], [141.6, -14.6], [141.7, -12.4], [142.5, -10.8], [143.5, -12.8], [143.8, -14.4],
    [145.2, -15], [146, -17.8], [147.2, -19.4], [148.8, -20.5], [149.6, -22.4], [150.9, -23.5], [152.9, -25.2], [153.2, -27], [153.5, -28.2],
    [152, -28.5], [151.6, -29], [141, -29], [141, -26],
  ],
  NSW1: [
    [141, -29], [151.6, -29], [152, -28.5], [153.5, -28.2], [153.2, -30], [152.5, -32.2], [151.3, -33.7], [150.6, -35.3], [150, -37.4],
    [148.1, -36.8], [147.8, -36], [146, -36], [144.4, -35.9], [143.3, -35], [142.3, -34.3], [141, -34],
  ],
  VIC1: [
    [141, -34], [142.3, -34.3], [143.3, -35], [144.4, -35.9], [146, -36], [147.8, -36], [148.1, -36.8], [150, -37.4], [147.8, -38],
    [146.4, -39], [145.2, -38.4], [144.5, -38.2], [143.5, -38.8], [141.7, -38.4], [141, -38.1],
  ],
  SA1: [
    [129, -26], [141, -26], [141, -38.1], [139.9, -37.3], [139.4, -35.8], [138.3, -35.6], [138.2, -34], [137.4, -35.1], [136.9, -34.2],
    [135.8, -34.9], [134.2, -32.8], [132.4, -32], [131, -31.5], [129, -31.7],
  ],
  TAS1: [[144.7, -40.7], [146.2, -41.1], [148.2, -40.9], [148.2, -42.2], [147.4, -43.3], [146.1, -43.5], [145.3, -42.6]],
};

/** Degrees of longitude are shorter than those of latitude this far south. */
const SQUEEZE = 0.88;
const UNIT = 10;

const place = ([longitude, latitude]: Corner): Corner => [(longitude - 129) * SQUEEZE * UNIT, -(latitude + 10) * UNIT];

export function outline(region: Region): string {
  return `M${OUTLINES[region].map((corner) => place(corner).map((each) => each.toFixed(1)).join(" ")).join("L")}Z`;
}

export interface Label {
  readonly at: Corner;
  readonly anchor: "middle" | "start";
}

/** Where a region's name and price are written: on it, or beside it at sea where it is small. */
export const LABEL: Readonly<Record<Region, Label>> = {
  QLD1: { at: place([145.5, -22.8]), anchor: "middle" },
  NSW1: { at: place([147, -31.9]), anchor: "middle" },
  VIC1: { at: place([150.4, -38.7]), anchor: "start" },
  SA1: { at: place([135.1, -28.6]), anchor: "middle" },
  TAS1: { at: place([149.2, -42.2]), anchor: "start" },
};

export const VIEW = "-6 2 262 340";
