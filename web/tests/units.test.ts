import { describe, expect, it } from "vitest";
import {
  direction, fractionOf, percentOf, readNumber, sayAud, sayAudExactly, sayCountdown, sayDuration, sayEnergy, sayPower, sayPrice, sayShare,
  sayThreshold, share, UNKNOWN,
} from "@/units";

const plain = (text: string): string => text.replaceAll("\u00a0", " ");

describe("what is unknown", () => {
  it("is a dash and never 0", () => {
    for (const said of [sayPower(null), sayEnergy(undefined), sayPrice(null), sayAud(null), sayShare(null), sayPower(NaN), sayThreshold(null)]) {
      expect(said).toBe(UNKNOWN);
    }
    expect(direction(null)).toBe("unknown");
  });

  it("is also the share of a whole that is nothing", () => {
    expect(share(0, 0)).toBeNull();
    expect(share(null, 5)).toBeNull();
    expect(share(6, 5)).toBe(1);
  });
});

describe("power", () => {
  it.each([
    [0, "0 kW"], [8.7, "8.70 kW"], [583.4, "583 kW"], [999.4, "999 kW"], [999.6, "1.00 MW"], [43_512, "43.5 MW"], [-2_100, "2.10 MW"],
  ])("of %d kW is said as %s", (kw, said) => expect(plain(sayPower(kw))).toBe(said));

  it("leaves the direction to words", () => {
    expect([direction(3), direction(-3), direction(0.01)]).toEqual(["exporting", "importing", "idle"]);
  });
});

describe("prices", () => {
  it.each([
    [12_500, "$12,500"], [84.119, "$84.12"], [-20, "−$20.00"], [0, "$0.00"], [999.999, "$1,000"],
  ])("of %d $/MWh is said as %s", (perMwh, said) => expect(sayPrice(perMwh)).toBe(said));
});

describe("money", () => {
  it.each([
    ["50.070000", "$50.07"], ["127906.123456", "$127,906"], ["33380.00", "$33,380.00"], ["-0.001", "$0.00"], ["-12.345", "−$12.35"],
  ])("of %s is said as %s", (aud, said) => expect(sayAud(aud)).toBe(said));

  it("keeps digits that a float would lose", () => {
    expect(sayAudExactly("9007199254740993.12")).toBe("$9,007,199,254,740,993.12");
  });

  it("that is not a decimal is unknown", () => {
    expect(sayAud("NaN")).toBe(UNKNOWN);
    expect(sayAud("<b>1</b>")).toBe(UNKNOWN);
  });
});

describe("typed numbers", () => {
  it.each([
    ["300", 300], [" 12,500.5 ", 12_500.5], ["−20", -20], ["", null], ["x", null], ["1e9", null], ["Infinity", null],
  ])("%s is read as %s", (text, number) => expect(readNumber(text)).toBe(number));

  it("come back from a fraction as they were typed", () => {
    for (const percent of [0, 7, 20, 33.3, 100]) expect(percentOf(fractionOf(percent))).toBe(percent);
  });
});

describe("durations", () => {
  it("go from milliseconds to minutes", () => {
    expect([sayDuration(0.083), sayDuration(1.24), sayDuration(125), sayCountdown(-3)].map(plain)).toEqual(["83 ms", "1.2 s", "2:05", "0:00"]);
  });
});
