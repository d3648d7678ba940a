import { expect, it } from "vitest";
import { tooltip } from "@/charts/tooltip";

const ATTACK = "<img src=x onerror=alert(1)>";

it("shows a name from the record as text, whatever it contains", () => {
  const box = tooltip({ title: ATTACK, rows: [{ name: ATTACK, value: ATTACK }], note: ATTACK });
  expect(box.querySelector("img")).toBeNull();
  expect(box.textContent.split(ATTACK)).toHaveLength(5);
});
