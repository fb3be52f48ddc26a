/** How figures look: the only place with decimals. Decimal strings are rounded as text, never as floats. */

export const NONE = "—";
const MINUS = "\u2212";
const NBSP = "\u00a0";

type Figure = string | number | null | undefined;

interface Digits {
  negative: boolean;
  whole: string;
  fraction: string;
}

/** The digits of a decimal string (or a number), its point moved `shift` places to the right. */
function digits(value: string | number, shift = 0): Digits | null {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i.exec(String(value).trim());
  if (!match || !(match[2] || match[3])) return null;
  let whole = match[2] ?? "";
  let fraction = match[3] ?? "";
  const exponent = Number(match[4] ?? 0) + shift;
  if (exponent > 0) {
    fraction = fraction.padEnd(exponent, "0");
    whole += fraction.slice(0, exponent);
    fraction = fraction.slice(exponent);
  } else if (exponent < 0) {
    whole = whole.padStart(-exponent, "0");
    fraction = whole.slice(exponent) + fraction;
    whole = whole.slice(0, exponent);
  }
  return { negative: match[1] === "-", whole: whole.replace(/^0+(?=\d)/, "") || "0", fraction };
}

/** The sum, to the last digit; null where one of them is no figure. */
export function sum(values: readonly Figure[]): string | null {
  const all = values.map((value) => (value === null || value === undefined ? null : digits(value)));
  if (all.includes(null)) return null;
  const places = Math.max(0, ...all.map((one) => one!.fraction.length));
  const total = all.reduce((before, one) => {
    const scaled = BigInt(one!.whole + one!.fraction.padEnd(places, "0"));
    return one!.negative ? before - scaled : before + scaled;
  }, 0n);
  const text = (total < 0n ? -total : total).toString().padStart(places + 1, "0");
  return `${total < 0n ? "-" : ""}${text.slice(0, text.length - places)}${places ? `.${text.slice(-places)}` : ""}`;
}

export function minus(value: Figure, other: Figure): string | null {
  const opposite = other === null || other === undefined ? null : String(other).trim();
  return sum([value, opposite === null ? null : opposite.startsWith("-") ? opposite.slice(1) : `-${opposite.replace(/^\+/, "")}`]);
}

function group(whole: string): string {
  return whole.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `places` decimals, halves away from zero, thousands grouped; zero never has a sign. */
export function fixed(value: Figure, places: number, { signed = false, shift = 0 } = {}): string {
  const parts = value === null || value === undefined ? null : digits(value, shift);
  if (!parts) return NONE;
  let scaled = BigInt(parts.whole + parts.fraction.slice(0, places).padEnd(places, "0"));
  if ((parts.fraction[places] ?? "0") >= "5") scaled += 1n;
  const text = scaled.toString().padStart(places + 1, "0");
  const whole = group(text.slice(0, text.length - places));
  const sign = scaled === 0n ? "" : parts.negative ? MINUS : signed ? "+" : "";
  return sign + whole + (places ? `.${text.slice(-places)}` : "");
}

/** −1, 0 or 1, read from the figure as shown, so that its color and arrow never disagree with it. */
export function sign(shown: string): -1 | 0 | 1 {
  return shown.startsWith("+") ? 1 : shown.startsWith(MINUS) ? -1 : 0;
}

/** Decimals that a price of this size deserves: 64,210.50 · 145.23 · 1.2345 · 0.00001234. */
export function priceDecimals(value: Figure): number {
  const size = Math.abs(Number(value));
  if (!Number.isFinite(size) || size === 0 || size >= 100) return 2;
  if (size >= 1) return 4;
  return Math.min(12, Math.ceil(-Math.log10(size)) + 3);
}

export function price(value: Figure): string {
  return fixed(value, priceDecimals(value));
}

export function quantity(value: Figure): string {
  if (value === null || value === undefined) return NONE;
  const size = Math.abs(Number(value));
  const small = size > 0 && size < 1e-3 ? Math.min(18, Math.ceil(-Math.log10(size)) + 3) : 6;
  const text = fixed(value, size >= 1000 ? 2 : size >= 1 ? 4 : small);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** Two decimals and the currency; `signed` puts a plus before a gain. */
export function money(value: Figure, currency = "", signed = false): string {
  const text = fixed(value, 2, { signed });
  return text === NONE || !currency ? text : `${text}${NBSP}${currency}`;
}

/** Every digit there is, at least two decimals: figures that are to be added up. */
export function exact(value: Figure, currency = "", signed = false): string {
  const parts = value === null || value === undefined ? null : digits(value);
  if (!parts) return NONE;
  const text = fixed(value, Math.max(2, parts.fraction.replace(/0+$/, "").length), { signed });
  return currency ? `${text}${NBSP}${currency}` : text;
}

/** A figure of the market as a model may state it: six digits that say something, whatever its size. */
export function significant(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))).replaceAll("-", MINUS) : NONE;
}

/** What a question to a model costs: small sums keep the digits that say something. */
export function usd(value: Figure): string {
  const size = Math.abs(Number(value));
  const text = fixed(value, size === 0 || size >= 1 ? 2 : size >= 0.001 ? 4 : size >= 1e-6 ? 6 : 9);
  return text === NONE ? text : `${text}${NBSP}USD`;
}

/** 0.0125 → 1.25 % */
export function ratio(value: Figure, places = 2, signed = false): string {
  const text = fixed(value, places, { signed, shift: 2 });
  return text === NONE ? text : `${text}${NBSP}%`;
}

export function multiple(value: Figure, unit: string, signed = false): string {
  const text = fixed(value, 2, { signed });
  return text === NONE ? text : `${text}${NBSP}${unit}`;
}

export function number(value: Figure, places = 2): string {
  return fixed(value, places);
}

/** Large counts in short: 1,234 · 12.3 k · 4.56 M · 3.21 T. */
export function compact(value: number): string {
  const size = Math.abs(value);
  // What would round up to the next one is told in it.
  if (size >= 999.995e9) return `${fixed(value / 1e12, 2)}${NBSP}T`;
  if (size >= 999.995e6) return `${fixed(value / 1e9, 2)}${NBSP}B`;
  if (size >= 999_950) return `${fixed(value / 1e6, 2)}${NBSP}M`;
  if (size >= 1e4) return `${fixed(value / 1e3, 1)}${NBSP}k`;
  return fixed(value, size >= 100 ? 0 : 2);
}

/** ▲ ▼ or nothing: what green and red say, for those who do not see them. */
export function arrow(shown: string): string {
  return { "-1": "▼", "0": "", "1": "▲" }[sign(shown)];
}

const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
  ["s", 1],
];

/** Milliseconds → the two largest units: "2 h 10 min", "45 s". */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return NONE;
  let seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds >= 3600) seconds -= seconds % 60;
  const said: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count || (unit === "s" && !said.length)) said.push(`${count}${NBSP}${unit}`);
    if (said.length === 2) break;
  }
  return said.join(" ");
}

export function between(from: string, to: string | null): string {
  return to === null ? NONE : duration(Date.parse(to) - Date.parse(from));
}

/** "5 min ago" by the market's clock. */
export function age(at: string, now: string | null): string {
  if (now === null) return NONE;
  const ms = Date.parse(now) - Date.parse(at);
  return ms < 1000 ? "now" : `${duration(ms).split(" ")[0]} ago`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** "22 Nov 10:54", UTC. */
export function time(at: string | number | null | undefined): string {
  if (at === null || at === undefined) return NONE;
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return NONE;
  return `${date.getUTCDate()}${NBSP}${MONTHS[date.getUTCMonth()]} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
}

/** "2026-11-22 10:54:03 UTC". */
export function instant(at: string | number | null | undefined): string {
  if (at === null || at === undefined) return NONE;
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return NONE;
  return `${date.toISOString().slice(0, 10)} ${date.toISOString().slice(11, 19)} UTC`;
}

/** "14 Sep 2025": the day, where the hour says nothing. */
export function day(at: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return NONE;
  return `${date.getUTCDate()}${NBSP}${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

export function clock(at: string | null): string {
  return at === null ? NONE : instant(at).slice(11, 19);
}

export function quoteOf(symbol: string): string {
  return symbol.split("/")[1] ?? "";
}
