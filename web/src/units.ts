/**
 * Numbers with a unit, said for a reader. The API's names carry the unit (`power_kw`); this is the only
 * place where anything is rounded. What is unknown is said as a dash, never as 0.
 */
export const UNKNOWN = "—";

/** A figure and its unit apart, so that a page can set them in different sizes. */
export interface Said {
  readonly figure: string;
  readonly unit: string;
}

type Maybe = number | null | undefined;

const formats = new Map<string, Intl.NumberFormat>();

function digits(least: number, most = least): Intl.NumberFormat {
  const key = `${least}-${most}`;
  const known = formats.get(key);
  if (known) return known;
  const made = new Intl.NumberFormat("en-AU", { minimumFractionDigits: least, maximumFractionDigits: most });
  formats.set(key, made);
  return made;
}

function known(value: Maybe): value is number {
  return value !== null && value !== undefined && Number.isFinite(value);
}

/** Three figures, more where the number is longer. */
function three(size: number): string {
  return digits(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2).format(size);
}

function scaled(size: number, small: string, large: string): Said {
  if (size < 0.005) return { figure: "0", unit: small };
  return size < 999.5 ? { figure: three(size), unit: small } : { figure: three(size / 1_000), unit: large };
}

/** Say the size of a power; its direction is left to words. */
export function power(kw: Maybe): Said {
  return known(kw) ? scaled(Math.abs(kw), "kW", "MW") : { figure: UNKNOWN, unit: "" };
}

/** Say an energy that is stored or moved, as a size. */
export function energy(kwh: Maybe): Said {
  return known(kwh) ? scaled(Math.abs(kwh), "kWh", "MWh") : { figure: UNKNOWN, unit: "" };
}

/** Put a figure and its unit on one line, with a space that does not break. */
export function join(said: Said): string {
  return said.unit ? `${said.figure}\u00a0${said.unit}` : said.figure;
}

export const sayPower = (kw: Maybe): string => join(power(kw));
export const sayEnergy = (kwh: Maybe): string => join(energy(kwh));

/** Say a power with its sign, for axes and tables: positive is toward the grid. */
export function saySignedPower(kw: Maybe): string {
  if (!known(kw)) return UNKNOWN;
  return Math.abs(kw) < 0.005 ? "0" : `${kw < 0 ? "−" : ""}${sayPower(kw)}`;
}

/** Say a power as short as an axis wants it. */
export function sayAxisPower(kw: number): string {
  const size = Math.abs(kw);
  if (size < 0.005) return "0";
  const said = size < 1_000 ? `${digits(0, 1).format(size)}\u00a0kW` : `${digits(0, 1).format(size / 1_000)}\u00a0MW`;
  return kw < 0 ? `−${said}` : said;
}

/** Say an energy with its sign and three decimals, as a ledger has it. */
export function sayLedgerEnergy(kwh: Maybe): string {
  return known(kwh) ? `${kwh < 0 ? "−" : ""}${digits(3).format(Math.abs(kwh))}\u00a0kWh` : UNKNOWN;
}

export type Direction = "exporting" | "importing" | "idle" | "unknown";

/** Name the direction of a connection point's power, positive toward the grid. */
export function direction(kw: Maybe): Direction {
  if (!known(kw)) return "unknown";
  if (Math.abs(kw) < 0.05) return "idle";
  return kw > 0 ? "exporting" : "importing";
}

/** Say a price in dollars; the caller names the unit, $/MWh. */
export function sayPrice(perMwh: Maybe): string {
  if (!known(perMwh)) return UNKNOWN;
  const size = Math.abs(perMwh);
  return `${perMwh < 0 ? "−" : ""}$${digits(size < 999.995 ? 2 : 0).format(size)}`;
}

/** The unit that prices are said in. */
export const PER_MWH = "/MWh";

/** Say a threshold as short as it is exact. */
export function sayThreshold(perMwh: Maybe): string {
  return known(perMwh) ? `${perMwh < 0 ? "−" : ""}$${digits(0, 2).format(Math.abs(perMwh))}` : UNKNOWN;
}

/** Say a sum of prices in whole dollars. */
export function sayAudWhole(sum: Maybe): string {
  return known(sum) ? `${sum < 0 ? "−" : ""}$${digits(0).format(Math.abs(sum))}` : UNKNOWN;
}

const DECIMAL = /^-?\d+(\.\d+)?$/;
type Decimal = `${number}`;

function isDecimal(text: string): text is Decimal {
  return DECIMAL.test(text);
}

/** Say money from the ledger's decimal string; the digits are never made a float. */
export function sayAud(aud: string | null | undefined): string {
  return money(aud, (whole) => (whole.length > 5 ? 0 : 2));
}

/** Say money to the cent, however much it is. */
export function sayAudExactly(aud: string | null | undefined): string {
  return money(aud, () => 2);
}

/** Say money in whole dollars, for the labels of an axis. */
export function sayAudShort(aud: string | null | undefined): string {
  return money(aud, (whole) => (whole.length > 2 ? 0 : 2));
}

function money(aud: string | null | undefined, decimals: (whole: string) => number): string {
  if (aud === null || aud === undefined || !isDecimal(aud)) return UNKNOWN;
  const negative = aud.startsWith("-");
  const size = (negative ? aud.slice(1) : aud) as Decimal;
  const said = digits(decimals(size.split(".")[0] ?? "")).format(size);
  return `${negative && /[1-9]/.test(said) ? "−" : ""}$${said}`;
}

export const sayCount = (count: Maybe): string => (known(count) ? digits(0).format(count) : UNKNOWN);

/** Say a fraction as a percentage. */
export function sayShare(share: Maybe): string {
  return known(share) ? `${digits(0).format(share * 100)}%` : UNKNOWN;
}

/** What part of a whole something is, 0 to 1; unknown where the whole is nothing. */
export function share(part: Maybe, whole: Maybe): number | null {
  return known(part) && known(whole) && whole > 0 ? Math.min(1, Math.max(0, part / whole)) : null;
}

/** Say how long something took, from milliseconds to minutes. */
export function sayDuration(seconds: Maybe): string {
  if (!known(seconds)) return UNKNOWN;
  if (seconds < 1) return `${digits(0).format(seconds * 1_000)}\u00a0ms`;
  return seconds < 60 ? `${digits(1).format(seconds)}\u00a0s` : sayCountdown(seconds);
}

/** Say minutes and seconds, as on a stop-watch. */
export function sayCountdown(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Read what someone typed as a number; thousands may be separated, nothing else is guessed. */
export function readNumber(text: string): number | null {
  const cleaned = text.trim().replace(/^−/, "-").replaceAll(",", "");
  return /^[-+]?(\d+\.?\d*|\.\d+)$/.test(cleaned) ? Number(cleaned) : null;
}

/** Write a number as one types it. */
export const plain = (value: number): string => String(value);

/** A fraction as a percentage and back, without the dust of binary fractions. */
export const percentOf = (fraction: number): number => Number((fraction * 100).toFixed(4));
export const fractionOf = (percent: number): number => Number((percent / 100).toFixed(6));
