import { describe, expect, test } from "vitest";
import { drawdown, openRisk, scale, spanMs, untilNextCandle } from "../src/figures";
import { sorted } from "../src/panels/trades";
import { CAPS, fromView, reduce } from "../src/state";
import type { EventView } from "../src/shapes";
import { AT, decision, health, made, minute, position, stateView, trade } from "./views";

const start = fromView(stateView());
const closed = (seq: number, id = `t${seq}`, change = {}): EventView =>
  ({ kind: "PositionClosed", id: `PositionClosed:${id}`, seq, at: AT, trade: trade(id, change) });
const marked = (seq: number, at: string, equity: string): EventView =>
  ({ kind: "EquityMarked", id: `EquityMarked:${at}`, seq, at, point: { id: at, at, equity_quote: equity, balance_quote: equity } });

describe("reduce", () => {
  test("the same event twice changes nothing", () => {
    const once = reduce(start, made(1));

    expect(reduce(once, made(1))).toBe(once);
    expect(once.decisions).toHaveLength(1);
    expect(once.statistics.decisions).toBe(1);
  });

  test("an event from before what is known changes nothing", () => {
    const state = reduce(start, made(9));

    expect(reduce(state, made(8))).toBe(state);
  });

  test("a decision that the start already told is not listed twice", () => {
    const state = fromView(stateView({ decisions: [decision(9)] }));

    expect(reduce(state, made(9)).decisions).toHaveLength(1);
  });

  test("the state given is left as it was", () => {
    const frozen = JSON.stringify(start);

    [made(1), minute(AT, "1"), closed(2), marked(3, AT, "1")].reduce(reduce, start);

    expect(JSON.stringify(start)).toBe(frozen);
  });

  test("a refused decision is among the refusals, named as the server names it", () => {
    const refusal = { guard: "cooldown", reason: "too soon", until: null };
    const state = reduce(start, made(1, { action: "HOLD", refusals: [refusal] }));

    expect(state.refusals.map(({ id, wanted }) => [id, wanted])).toEqual([["DecisionMade:d1#cooldown", "BUY"]]);
    expect(state.statistics.refused).toBe(1);
  });

  test("a position opens, moves and becomes a trade", () => {
    const opened: EventView = { kind: "PositionOpened", id: "o", seq: 1, at: AT, position: position() };
    const moved: EventView = { kind: "PositionUpdated", id: "u", seq: 2, at: AT, position: position({ stop_price: "59000" }), decision_id: "d2" };

    const held = [opened, moved].reduce(reduce, start);
    const done = reduce(held, closed(3));

    expect(held.positions.map(({ stop_price }) => stop_price)).toEqual(["59000"]);
    expect(done.positions).toEqual([]);
    expect(done.trades.map(({ id }) => id)).toEqual(["t3"]);
    expect([done.statistics.trades, done.statistics.wins, done.statistics.win_rate_ratio]).toEqual([1, 1, 1]);
  });

  test("an order waits until it fills or expires, and the expiry is a refusal", () => {
    const order = { id: "o1", decision_id: "d1", symbol: "BTC/USDC", purpose: "open", side: "long", quantity: "1", created_at: AT, expires_at: AT };
    const placed = reduce(start, { kind: "OrderPlaced", id: "p", seq: 1, at: AT, order });
    const expired = reduce(placed, { kind: "OrderExpired", id: "x", seq: 2, at: AT, order, refusal: { guard: "expiry", reason: "no price", until: null } });

    expect(placed.orders).toHaveLength(1);
    expect(expired.orders).toEqual([]);
    expect(expired.refusals[0]?.id).toBe("x#expiry");
  });

  test("a minute brings prices, positions, equity and the market's clock", () => {
    const later = "2025-03-12T16:12:00+00:00";
    const state = reduce(start, minute(later, "61234.5", [position()]));

    expect([state.at, state.prices["BTC/USDC"], state.equity_quote, state.positions.length]).toEqual([later, "61234.5", "10010.5", 1]);
    expect(state.seq).toBe(start.seq);
  });

  test("a new edition of a rule takes the older one's place", () => {
    const rule = { id: "r1", pattern: "p", kind: "favor", status: "active", text: "x", wins: 5, losses: 2, mean_return_ratio: 0.01, formed_at: AT, tested_wins: 0, tested_losses: 0, others_win_ratio: null, e_value: 1 };
    const formed = (seq: number, id: string): EventView => ({ kind: "RuleFormed", id, seq, at: AT, rule: { ...rule, id } });

    expect([formed(1, "r1"), formed(2, "r2")].reduce(reduce, start).rules.map(({ id }) => id)).toEqual(["r2"]);
  });

  test("lists do not grow for ever", () => {
    const events = Array.from({ length: 1200 }, (_, index) => [made(index * 2 + 1), closed(index * 2 + 2)]).flat();
    const state = events.reduce(reduce, start);

    expect([state.decisions.length, state.trades.length]).toEqual([CAPS.decisions, CAPS.trades]);
    expect([state.decisions[0]?.id, state.trades[0]?.id]).toEqual(["d2399", "t2400"]);
  });

  test("a long equity curve keeps its first point and its newest points", () => {
    const at = (index: number): string => new Date(Date.parse(AT) + index * 60_000).toISOString();
    const points = Array.from({ length: CAPS.equity + 10 }, (_, index) => ({ id: at(index), at: at(index), equity_quote: "1", balance_quote: "1" }));
    const { equity } = fromView(stateView({ equity: points }));

    expect(equity.length).toBeLessThanOrEqual(CAPS.equity);
    expect([equity[0]?.id, equity.at(-1)?.id]).toEqual([at(0), at(CAPS.equity + 9)]);
  });

  test("an equity mark that the start already told is not drawn twice, and an older one not out of order", () => {
    const [old, known] = ["2025-03-12T12:00:00+00:00", "2025-03-12T16:00:00+00:00"];
    const state = fromView(stateView({ equity: [{ id: known, at: known, equity_quote: "1", balance_quote: "1" }] }));

    expect([marked(1, old, "2"), marked(2, known, "1")].reduce(reduce, state).equity.map(({ id }) => id)).toEqual([known]);
  });
});

const step = (id: string, name: "asked" | "collecting" | "analysing" | "deciding" | "failed", at = AT, change = {}): EventView =>
  ({ kind: "AnalysisStepped", id, at, symbol: "BTC/USDC", step: name, is_forced: false, problem: null, ...change });
const shown = (events: EventView[]): (string | null)[] => {
  const known = events.reduce(reduce, start).steps["BTC/USDC"];
  return [...(known?.steps ?? []).map((one) => one.step), known?.said ?? null];
};

describe("the steps of an analysis", () => {
  const begun = [step("d1", "collecting"), step("d1", "analysing"), step("d1", "deciding")];

  test("come one after another and end with what the decision led to", () => {
    const opened: EventView = { kind: "PositionOpened", id: "o", seq: 2, at: AT, position: position({ decision_id: "d1" }) };

    expect(shown(begun)).toEqual(["collecting", "analysing", "deciding", null]);
    expect(shown([...begun, made(1)])).toEqual(["collecting", "analysing", "deciding", "executing", "BUY"]);
    expect(shown([...begun, made(1), opened])).toEqual(["collecting", "analysing", "deciding", "executing", "done", "long opened"]);
  });

  test("a decision to hold is the end", () => {
    expect(shown([...begun, made(1, { action: "HOLD", wanted: "HOLD" })])).toEqual(["collecting", "analysing", "deciding", "done", "HOLD"]);
  });

  test("a step told late or twice changes nothing", () => {
    const done = [...begun, made(1, { action: "HOLD" })].reduce(reduce, start);

    expect(begun.reduce(reduce, done).steps).toBe(done.steps);
  });

  test("what failed says why, and goes on where it is tried again", () => {
    const failed = [step("d1", "collecting"), step("d1", "failed", AT, { problem: "no venue answers" })];

    expect(shown(failed)).toEqual(["collecting", "failed", "no venue answers"]);
    expect(shown([...failed, step("d1", "collecting"), step("d1", "analysing")])).toEqual(["collecting", "analysing", null]);
  });

  test("one that is asked for while another runs waits for it, and then takes its place", () => {
    const waits = step("d2", "asked", AT, { is_forced: true });

    expect(shown([...begun, waits])).toEqual(["collecting", "analysing", "deciding", null]);
    expect(shown([...begun, waits, made(1, { action: "HOLD" }), step("d2", "collecting")])).toEqual(["collecting", null]);
  });

  test("a candle that was missed is one that failed", () => {
    const refusal = { guard: "late", reason: "not collected in time", until: null };
    const missed: EventView = { kind: "CandleMissed", id: "CandleMissed:d1", seq: 1, at: AT, symbol: "BTC/USDC", refusal };

    expect(shown([step("d1", "collecting"), missed])).toEqual(["collecting", "failed", "not collected in time"]);
  });
});

describe("what passes", () => {
  test("a minute tells how it goes, so that nobody has to ask", () => {
    const pulse = { status: "degraded" as const, problem: "no venue answers", history_done_ratio: 1, next_candle_at: AT, lag_s: 61.5 };
    const { health: told, lag_s } = reduce(start, minute(AT, "1", [], pulse));

    expect([told.status, told.problem, told.next_candle_at, told.version, lag_s]).toEqual(["degraded", "no venue answers", AT, start.health.version, 61.5]);
    expect(reduce(start, minute(AT, "1")).health.status).toBe(start.health.status);
  });

  test("what was gathered or reflected is told by another name each time, which says: ask anew", () => {
    const news: EventView = { kind: "NewsGathered", id: "n1", at: AT };
    const context: EventView = { kind: "ContextGathered", id: "c1", at: AT };
    const reflected: EventView = { kind: "Reflected", id: "r1", seq: 1, at: AT, trades: 10, thresholds: [] };

    expect([news, context, reflected].reduce(reduce, start).told).toEqual({ news: "n1", context: "c1", reflection: "r1" });
    expect(reduce(start, minute(AT, "1")).told).toBe(start.told);
  });
});

describe("figures", () => {
  test("open risk is what hitting every stop would cost from here; a stop in profit risks nothing", () => {
    expect(openRisk([position(), position({ symbol: "ETH/USDC", stop_price: "62000" })])).toBeCloseTo(300);
    expect(openRisk([position({ side: "short", stop_price: "62000" })])).toBeCloseTo(100);
  });

  test("drawdown is measured from the highest mark", () => {
    const state = [marked(1, "2025-03-12T16:00:00+00:00", "12000"), marked(2, "2025-03-12T20:00:00+00:00", "9000")].reduce(reduce, start);

    expect(drawdown(state)).toEqual({ now: 0.25, worst: 0.25 });
  });

  test("the next candle is counted from the market's clock and does not stop at the first", () => {
    expect(untilNextCandle(start)).toBe(4 * 3_600_000);
    expect(untilNextCandle({ ...start, at: "2025-03-12T21:00:00+00:00" })).toBe(3 * 3_600_000);
    expect(untilNextCandle({ ...start, health: health({ next_candle_at: null }) })).toBeNull();
    expect([spanMs("15m"), spanMs("1d"), spanMs("soon")]).toEqual([900_000, 86_400_000, null]);
  });

  test("the scale runs from the stop to the target, whichever way the position faces", () => {
    expect(scale(position()).at("61000")).toBeCloseTo(0.5);
    const short = scale(position({ side: "short", stop_price: "62000", initial_stop_price: "62000", target_price: "58000" }));
    expect([short.at("62000"), short.at("60000"), short.at("58000")]).toEqual([0, 0.5, 1]);
    expect(scale(position({ target_price: null })).end).toBe(62000);
  });
});

describe("lists", () => {
  test("trades are sorted by number, not by spelling", () => {
    const all = [trade("a", { realized_pnl_quote: "9" }), trade("b", { realized_pnl_quote: "-100" }), trade("c", { realized_pnl_quote: "10" })];

    expect(sorted(all, { by: "pnl", descending: true }).map(({ id }) => id)).toEqual(["c", "a", "b"]);
  });
});
