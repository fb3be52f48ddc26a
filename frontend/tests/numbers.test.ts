import type { TemplateResult } from "lit";
import { describe, expect, test, vi } from "vitest";
import { barOf } from "../src/figures";
import { zones } from "../src/charts/zones";
import type { CalibrationView, CostsView, Estimate } from "../src/shapes";
import { position, statistics, trade } from "./views";

vi.stubGlobal("matchMedia", () => ({ matches: false }));
const { longer, place, rests, statisticsBody } = await import("../src/panels/statistics");
const { axis, calibrationBody, verdict } = await import("../src/panels/calibration");
const { accountName, average, cost, costsBody } = await import("../src/panels/costs");
const { holdNow } = await import("../src/panels/equity");

/** The words of a template and every value that it is given, in order. */
function words(part: unknown): string {
  if (Array.isArray(part)) return part.map(words).join("");
  if (typeof part !== "object" || part === null || !("strings" in part)) return typeof part === "string" || typeof part === "number" ? String(part) : "";
  const { strings, values } = part as TemplateResult;
  return strings.map((string, index) => string + (index < values.length ? words(values[index]) : "")).join("").replaceAll("\u00a0", " ");
}

const estimate = (change: Partial<Estimate>): Estimate => ({
  name: "mean_r", value: 0.1, low: -0.2, high: 0.4, of: "trades", n: 26, effective: 26, needed: null, method: "", why: null, ...change,
});

describe("statistics", () => {
  test("a figure says what it rests on, and how much of that is independent", () => {
    expect(rests(estimate({}))).toBe("n = 26 closed trades");
    expect(rests(estimate({ effective: 17.2 }))).toBe("n = 26 closed trades, at least 17 independent");
    expect(rests(estimate({ n: 12, effective: 7.6 }))).toBe("n = 12 closed trades, at least 7 independent");
    expect(rests(estimate({ of: "marks", n: 1200, effective: null }))).toBe("n = 1,200 marks of equity");
  });

  test("an interval tells something when it leaves out what says nothing", () => {
    expect(place(-0.2, 0.1, 0.4, 0).tells).toBe(false);
    expect(place(0.1, 0.2, 0.4, 0)).toMatchObject({ tells: true, nothing: 4, to: 96 });
    expect(place(0.3, 0.4, 0.5, null)).toMatchObject({ tells: false, nothing: null, from: 4, to: 96 });
    expect(place(1, 1, 1, 1).at).toBe(4);
  });

  test("a Sharpe ratio says how much longer the record must be", () => {
    const sharpe = estimate({ name: "sharpe", of: "marks", n: 600 });
    expect(longer(sharpe, 2190)).toBe("");
    expect(longer({ ...sharpe, needed: 590 }, 2190)).toContain("long enough");
    expect(longer({ ...sharpe, needed: 660 }, 2190).replaceAll("\u00a0", " ")).toContain("10 d more");
    expect(longer({ ...sharpe, needed: 600 + 2190 * 12 }, 2190)).toContain("12 years more");
  });

  test("what is undefined says why, and money keeps its currency", () => {
    const told = words(statisticsBody({
      verdict: "unclear", said: "Nothing shows an edge yet.", bars_per_year: 2190, statistics: statistics({ net_pnl_quote: "12.345" }),
      figures: [
        estimate({ name: "profit_factor", value: null, low: null, high: null, why: "no trade has lost yet" }),
        estimate({ name: "expectancy", value: -1.5, low: -4, high: 1 }),
      ],
    }, "USDC"));

    expect(told).toContain("Undefined: no trade has lost yet");
    expect(told).toContain("\u22124.00 USDC to +1.00 USDC");
    expect(told).toContain("+12.35 USDC");
  });
});

describe("calibration", () => {
  const told = (low: number | null, high: number | null): CalibrationView => ({
    horizon: "24 h", forecasts: 900, effective: 300, up_ratio: 0.5, brier: 0.25, brier_skill: 0, skill_low: low, skill_high: high, log_loss: 0.69, bins: [],
  });

  test("skill is told from luck by its interval alone", () => {
    expect(verdict(told(-0.01, 0.03))[1]).toContain("No skill shows");
    expect(verdict(told(0.01, 0.03))[0]).toBe("up");
    expect(verdict(told(-0.05, -0.01))[0]).toBe("down");
    expect(verdict(told(null, null))[1]).toContain("Too few");
    expect(verdict({ ...told(0.01, 0.03), effective: 40 })[1]).toContain("rough guess");
  });

  test("as many as are independent at least are never told as more", () => {
    const bin = { lowest: 0.5, highest: 0.5, stated: 0.5, happened: 0.5, forecasts: 9, effective: 3.9, low: 0.2, high: 0.8 };
    const shown = words(calibrationBody({ ...told(-0.01, 0.03), forecasts: 12, effective: 7.6, bins: [bin] }, true, () => undefined));
    expect(shown).toContain("at least 7 independent");
    expect(shown).toContain("(3)");
  });

  test("an axis has a few round steps around what is drawn", () => {
    const rounded = (shares: number[]): number[] => axis(shares).map((one) => Math.round(one * 100));
    expect(rounded([0.486, 0.517])).toEqual([48, 49, 50, 51, 52]);
    expect(rounded([0.32, 0.78])).toEqual([20, 40, 60, 80]);
    expect(rounded([0, 1])).toEqual([0, 25, 50, 75, 100]);
    expect(rounded([0.5])).toEqual([50, 51]);
    expect(rounded([1])).toEqual([99, 100]);
  });
});

describe("costs", () => {
  const total = {
    calls: 12, faults: 1, unasked: 0, input_tokens: 52_000, input_untold: 0, output_tokens: null, output_untold: 12, thinking_tokens: null,
    thinking_untold: 12, cost_usd: "0.0123", cost_untold: 2, mean_latency_s: 2, median_latency_s: 1.5,
  };
  const view = (change: Partial<CostsView>): CostsView => ({ total, days: [], providers: [], models: [], earlier_days: 0, decisions: 6, budget: null, ...change });
  const plain = (text: string): string => text.replaceAll("\u00a0", " ");

  test("what nobody told is no zero", () => {
    expect(plain(cost(total))).toBe("0.0123 USD +");
    expect(cost({ cost_usd: null, cost_untold: 9 })).toBe("untold");
    expect(words(costsBody(view({}), "gemini"))).toContain("untold <small>12 untold");
  });

  test("a decision costs what all of them cost, shared", () => {
    expect(plain(average({ total, decisions: 6 }))).toBe("0.0021 USD +");
    expect(average({ total, decisions: 0 })).toBe("—");
    expect(average({ total: { ...total, cost_usd: null }, decisions: 6 })).toBe("untold");
  });

  test("an account is called by its time", () => {
    expect(accountName("2026-11-28")).toBe("Today");
    expect(accountName("2026-11")).toBe("This month");
    expect(accountName("blockrun 2026-11-28")).toBe("Today, blockrun");
    expect(accountName("other")).toBe("other");
  });

  test("where no model was asked it says who decides", () => {
    const none = { ...total, calls: 0, faults: 0, cost_usd: null, cost_untold: 0 };
    expect(words(costsBody(view({ total: none }), "rules-analyst"))).toContain("rules-analyst decides here. It is built in and costs nothing.");
  });
});

describe("charts", () => {
  const HOUR = 3_600_000;
  const snap = (at: string): number => barOf(at, 4 * HOUR);

  test("a bar begins on its boundary, a week on Monday", () => {
    const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();
    expect(iso(barOf("2026-11-28T15:20:00Z", 4 * HOUR))).toBe("2026-11-28T12:00:00.000Z");
    expect(iso(barOf("2026-11-28T15:20:00Z", 168 * HOUR))).toBe("2026-11-23T00:00:00.000Z");
  });

  test("a trade is shaded from its entry to its first stop, for as long as it lived; what is open to the end", () => {
    const first = snap("2026-11-20T00:00:00Z");
    const old = trade("old", { opened_at: "2026-11-18T00:00:00Z", closed_at: "2026-11-19T00:00:00Z" });
    const across = trade("across", { opened_at: "2026-11-19T01:00:00Z", closed_at: "2026-11-20T09:00:00Z", stop_price: "60500", target_price: null });
    const other = trade("other", { symbol: "ETH/USDC" });
    const held = position({ opened_at: "2026-11-21T05:00:00Z" });

    expect(zones([old, across, other], held, "BTC/USDC", first, snap)).toEqual([
      { from: first, to: snap("2026-11-20T08:00:00Z"), entry: 60000, stop: 58000, target: null },
      { from: snap("2026-11-21T04:00:00Z"), to: null, entry: 60000, stop: 58000, target: 64000 },
    ]);
  });

  test("holding is worth its coins at the newest prices, unknown without one of them", () => {
    const curve = {
      since: "2026-11-20T00:00:00Z", start_quote: "1000", cash_quote: "0.5", fees_quote: "1", acted: [],
      points: [{ at: "2026-11-20T00:00:00Z", hold_quote: "999" }], held: [{ symbol: "BTC/USDC", quantity: "0.01" }, { symbol: "ETH/USDC", quantity: "0.2" }],
    };
    expect(holdNow(curve, { "BTC/USDC": "60000", "ETH/USDC": "2500" })).toBeCloseTo(1100.5);
    expect(holdNow(curve, { "BTC/USDC": "60000" })).toBeNull();
    expect(holdNow({ ...curve, points: [] }, {})).toBeNull();
  });
});
