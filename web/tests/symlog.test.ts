import { describe, expect, it } from "vitest";
import { alignZeros, bend, ticks } from "@/charts/symlog";

describe("the bent axis", () => {
  it("keeps zero, order and symmetry", () => {
    expect(bend(0, "log")).toBe(0);
    expect(bend(-300, "log")).toBeCloseTo(-bend(300, "log"));
    const prices = [-1_000, -20, 0, 80, 300, 12_500];
    const bent = prices.map((price) => bend(price, "log"));
    expect([...bent].sort((one, other) => one - other)).toEqual(bent);
  });

  it("gives $80 room enough to be read beside $12,500", () => {
    expect(bend(80, "log") / bend(12_500, "log")).toBeGreaterThan(0.15);
  });

  it("names only prices that it reaches", () => {
    expect(ticks(-50, 500, "log")).toEqual([0, 100, 300]);
    expect(ticks(0, 1_000, "linear")).toEqual([0, 200, 400, 600, 800, 1_000]);
  });
});

it("puts the zeros of two axes at the same height", () => {
  const [left, right] = alignZeros({ min: 0, max: 8 }, { min: -5, max: 20 });
  expect(-left.min / (left.max - left.min)).toBeCloseTo(-right.min / (right.max - right.min));
  expect(right).toEqual({ min: -5, max: 20 });
});
