/** What a past answers beyond its facts: money, health, chance, hindsight and the graph of all of it. */
import type {
  BrainEdge, BrainNode, BrainView, CalibrationView, CostView, CostsView, CurveView, DecisionView, Estimate, EventView, FillView, HindsightView,
  IntervalsView, PostMortemView, RecallView, VitalsView,
} from "../src/shapes";
import { NOW, SYMBOLS, iso, pick, type History } from "./history";

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
const STORIES = 8;
const entries = (made: DecisionView): boolean => made.wanted === "BUY" || made.wanted === "SELL";

/** Of entries that were refused: every third is still being watched. */
export function hindsights({ decisions }: History, limit: number): HindsightView[] {
  return decisions.filter((made) => made.refusals.length && entries(made)).slice(0, limit).map(hindsight);
}

function hindsight(made: DecisionView, place: number): HindsightView {
  const side = made.wanted === "BUY" ? "long" : "short";
  const told = { id: made.id, symbol: made.symbol, side, price: made.price, stop_price: made.stop_price ?? made.price, target_price: made.target_price ?? made.price,
    refused_at: made.decided_at, confidence_ratio: made.confidence_ratio ?? 0.5, guards: made.refusals.map(({ guard }) => guard) } as const;
  if (place % 3 === 2) return { ...told, closed_at: null, end: null, return_ratio: null, r_multiple: null };
  const won = place % 4 === 1;
  return { ...told, closed_at: iso(Date.parse(made.closed_at) + 30 * HOUR), end: won ? "target" : "stop", return_ratio: won ? 0.0412 : -0.0271, r_multiple: won ? 2 : -1 };
}

export function postMortems({ trades }: History, limit: number): PostMortemView[] {
  return trades.slice(0, Math.min(limit, 30)).map((trade, place) => ({
    id: `post-mortem-${trade.id}`, trade_id: trade.id, symbol: trade.symbol, written_at: iso(Date.parse(trade.closed_at) + MINUTE), by: place % 2 ? "analyst" : "rules-analyst",
    verdict: place % 2 ? "right for the wrong reason" : "wrong about the regime", expected: "A move to the upper edge of the range within two days.",
    actual: "The price turned at the middle of the range and ran into the stop.", lesson: "Do not take the middle of a range for its edge while ADX falls.",
  }));
}

function cost(calls: number, usd: number | null, more: Partial<CostView> = {}): CostView {
  return {
    calls, faults: Math.floor(calls / 40), unasked: 0, cost_usd: usd === null ? null : usd.toFixed(4), cost_untold: 0, input_tokens: calls * 5210, input_untold: 0,
    output_tokens: calls * 240, output_untold: 0, thinking_tokens: calls * 90, thinking_untold: Math.floor(calls / 10), mean_latency_s: 2.1, median_latency_s: 1.6, ...more,
  };
}

export function costs({ decisions }: History): CostsView {
  const days = Math.min(30, Math.ceil(decisions.length / 18));
  const day = (back: number): string => iso(NOW - back * DAY).slice(0, 10);
  return {
    budget: [
      { account: `openrouter ${day(0)}`, cap_usd: "2.00", spent_usd: "0.4120" }, { account: `openrouter ${day(0).slice(0, 7)}`, cap_usd: "25", spent_usd: "21.4000" },
      { account: `anthropic ${day(0)}`, cap_usd: "1.00", spent_usd: "1.0000" },
    ],
    total: cost(decisions.length, decisions.length * 0.0042, { unasked: 3, cost_untold: 2 }), earlier_days: 0, decisions: decisions.length,
    days: Array.from({ length: days }, (_, back) => ({ day: day(back), cost: cost(18 - (back % 5), 0.02 + (back % 7) / 90) })),
    models: [
      { model: "analyst-large", provider: "openrouter", cost: cost(80, 0.41) }, { model: "analyst-small", provider: "local", cost: cost(36, null, { cost_untold: 36 }) },
      { model: "second-opinion", provider: "anthropic", cost: cost(4, 0.09, { median_latency_s: null }) },
    ],
    providers: [{ provider: "openrouter", cost: cost(80, 0.41) }, { provider: "local", cost: cost(36, null) }, { provider: "anthropic", cost: cost(4, 0.09) }],
  };
}

export function vitals({ decisions, ledger, experiences }: History): VitalsView {
  const last = (symbol: string): DecisionView | undefined => decisions.find((made) => made.symbol === symbol);
  return {
    now: iso(NOW), version: "0.1.0", speed: 1, started_at: iso(NOW - 9 * DAY), uptime_s: 9 * 86_400, last_minute_at: iso(NOW - 20_000),
    watchdog: { overran: 1, blocked: 1, longest_blocked_s: 6.4, last: "decide of BTC/USDC did not come back within 210 s", last_at: iso(NOW - DAY) },
    dead_letters: 2, deliveries: null, disk_free_bytes: 48_200_000_000, ledger_bytes: 12_600_000, ledger_entries: ledger.length,
    memory: { kept_by: "file", experiences: experiences.length, is_whole: true },
    pairs: SYMBOLS.map((symbol) => ({ symbol, decision_id: last(symbol)?.id ?? null, closed_at: last(symbol)?.closed_at ?? null, decided_at: last(symbol)?.decided_at ?? null })),
    days: Array.from({ length: 7 }, (_, back) => ({ day: iso(NOW - back * DAY).slice(0, 10), decisions: 18 - (back % 3), unanswered: back % 3, missed: back === 2 ? 1 : 0, expired: back % 4 === 1 ? 2 : 0 })),
    circuits: [
      { of: "venue", name: "kraken", is_open: false, score_ratio: 0.99, until: null, reason: "" },
      { of: "venue", name: "coinbase", is_open: true, score_ratio: 0.31, until: iso(NOW + 12 * MINUTE), reason: "answered 503 five times in a row" },
      { of: "model", name: "analyst-large at openrouter", is_open: false, score_ratio: 0.97, until: null, reason: "" },
      { of: "model", name: "second-opinion at anthropic", is_open: true, score_ratio: null, until: iso(NOW + 3 * HOUR), reason: "the key was refused" },
    ],
    problems: [{ name: "coinbase", why: "left alone after five failures" }], unknown: [{ name: "deliveries", why: "no Discord channel is set up here" }],
  };
}

export function intervals(history: History): IntervalsView {
  const statistics = history.statistics();
  const n = history.trades.length;
  const one = (name: Estimate["name"], value: number, low: number, high: number, more: Partial<Estimate> = {}): Estimate =>
    ({ name, value, low, high, of: "trades", n, effective: n * 0.7, needed: null, method: "bootstrap of trades that do not overlap", why: null, ...more });
  const marks = { of: "marks", n: history.equity.length, effective: null } as const;
  return {
    verdict: "unclear", said: `The mean of ${n} trades is +0.11 R, and its interval includes 0: luck alone could bring as much.`, bars_per_year: 2191, statistics,
    figures: [
      one("mean_r", 0.11, -0.08, 0.31), one("win_rate", 0.52, 0.39, 0.65, { method: "Wilson" }), one("profit_factor", 1.21, 0.8, 1.9), one("expectancy", 14.2, -11.5, 41.3),
      one("sharpe", 1.24, -0.4, 2.6, { ...marks, needed: 9000 }), one("against_hold", 0.031, -0.05, 0.11, { ...marks, low: null, high: null, why: "one path has no interval" }),
      one("max_drawdown", 0.083, 0.05, 0.14, marks),
    ],
  };
}

export function curve({ decisions, equity }: History, points: number): CurveView {
  const step = Math.max(1, Math.ceil(equity.length / points));
  return {
    since: equity[0]?.at ?? null, start_quote: "10000", cash_quote: "4.11", fees_quote: "9.89", held: SYMBOLS.map((symbol, place) => ({ symbol, quantity: pick(["0.0556", "1.112", "22.23"], place) })),
    points: equity.filter((_, place) => place % step === 0).map(({ at }, place) => ({ at, hold_quote: (10_000 + 260 * Math.sin(place / 7) + place).toFixed(2) })),
    acted: decisions.filter(({ action }) => action !== "HOLD").slice(0, points).reverse().map((made) => ({ decision_id: made.id, at: made.decided_at, symbol: made.symbol, action: made.action })),
  };
}

export function calibrations(): CalibrationView[] {
  const bins = Array.from({ length: 8 }, (_, place) => {
    const stated = 0.32 + place * 0.055;
    const happened = stated + 0.06 * Math.sin(place * 2);
    return { stated, happened, low: happened - 0.09, high: happened + 0.09, lowest: stated - 0.02, highest: stated + 0.02, forecasts: 12 + 3 * place, effective: 8 + 2 * place };
  });
  return ["next close", "24 hours"].map((horizon, place) => ({
    horizon, bins, forecasts: 180, effective: place ? 46 : 118, brier: 0.2421, brier_skill: 0.013, skill_low: -0.02, skill_high: 0.045, log_loss: 0.677, up_ratio: 0.512,
  }));
}

export function recalledBy({ decisions }: History, id: string): RecallView[] {
  const told = decisions.filter(({ recalled }) => recalled.includes(id));
  return [...told, ...decisions.slice(0, Math.max(0, 3 - told.length))].slice(0, 5).map((made, place) => ({
    decision_id: made.id, symbol: made.symbol, action: made.action, wanted: made.wanted, closed_at: made.closed_at, is_win: pick([true, false, null], place), return_ratio: pick([0.021, -0.013, null], place),
  }));
}

/** What came of one that acted: an order, a fill, moved levels, a close, a lesson, a look back; of a refused entry, hindsight. */
export function came(history: History, made: DecisionView): { events: EventView[]; fills: FillView[] } {
  const { id, symbol } = made;
  let seq = made.seq;
  const at = (hours: number): string => iso(Date.parse(made.decided_at) + hours * HOUR);
  const fact = (kind: string, hours: number, more: object): EventView => ({ kind, id: `${kind}:${id}`, seq: (seq += 1), at: at(hours), ...more }) as EventView;
  const decided = fact("DecisionMade", 0, { decision: made });
  if (made.refusals.length) return { events: [decided, fact("EntryRefused", 0, { refused: { ...hindsight(made, 2) } }), fact("RefusalJudged", 30, { refused: hindsight(made, 0) })], fills: [] };
  if (made.action !== "BUY" && made.action !== "SELL") return { events: [decided], fills: [] };
  const trade = { ...history.trades[0]!, symbol, decision_id: id, close_decision_id: history.decisions[0]!.id };
  const position = { ...history.positions()[0]!, symbol, decision_id: id };
  const order = { ...history.orders()[0]!, symbol, decision_id: id };
  return {
    events: [
      decided, fact("OrderPlaced", 0.01, { order }), fact("PositionOpened", 0.02, { position }), fact("PositionUpdated", 8, { position, decision_id: id }), fact("PositionClosed", 30, { trade }),
      fact("LessonLearned", 30.1, { experience: { ...history.experiences[0]!, symbol, decision_id: id, trade_id: trade.id } }), fact("PostMortemWritten", 30.2, { post_mortem: postMortems(history, 1)[0]! }),
    ],
    fills: [
      { event_id: `PositionOpened:${id}`, order_id: order.id, purpose: "open", side: "long", quantity: "0.05", price: made.price, expected: "decision", expected_price: made.price, worse_quote: "1.20", worse_ratio: 0.0004,
        slippage_quote: "1.20", fee_quote: "3.1000", source: "simulated", filled_at: at(0.02) },
      { event_id: `PositionClosed:${id}`, order_id: `${order.id}#closed`, purpose: "close", side: "long", quantity: "0.05", price: trade.exit_price, expected: "stop", expected_price: trade.stop_price, worse_quote: null, worse_ratio: null,
        slippage_quote: "0.90", fee_quote: "3.0500", source: null, filled_at: at(30) },
    ],
  };
}

/** Stories newest first: one still open, the others closed and learned from, one refused. */
export function brain(history: History, symbol: string, asked: string): BrainView {
  const nodes: BrainNode[] = [];
  const edges: BrainEdge[] = [];
  const put = (one: Pick<BrainNode, "id" | "kind" | "title"> & Partial<BrainNode>): string => {
    const bare = { detail: "", symbol: null, at: iso(NOW), tone: "flat", decision_id: null, price: null, stop_price: null, target_price: null, pnl_quote: null, return_ratio: null, r_multiple: null } as const;
    if (!nodes.some(({ id }) => id === one.id)) nodes.push({ ...bare, ...one });
    return one.id;
  };
  const join = (kind: BrainEdge["kind"], source: string, target: string): void => void edges.push({ id: `${kind} ${source} ${target}`, kind, source, target });
  const chosen = history.decisions.filter((made) => entries(made) && (!symbol || made.symbol === symbol));
  const first = history.decisions.filter(({ id }) => id === asked);
  [...new Set([...first, ...chosen])].slice(0, STORIES).forEach((made, place) => {
    const at = (hours: number): string => iso(Date.parse(made.decided_at) + hours * HOUR);
    const of = { symbol: made.symbol, decision_id: made.id } as const;
    const decision = put({ ...of, id: `decision:${made.id}`, kind: "decision", title: made.wanted ?? made.action, detail: made.reasoning, at: made.decided_at, tone: made.wanted === "SELL" ? "down" : "up", price: made.price });
    history.experiences.slice(place * 2, place * 2 + 2).forEach((lived) => join("recalled", put({
      id: `memory:${lived.id}`, kind: "memory", title: lived.lesson, detail: lived.insight, symbol: lived.symbol, at: lived.closed_at, tone: lived.is_win ? "up" : "down", decision_id: lived.decision_id,
      return_ratio: lived.return_ratio, r_multiple: lived.r_multiple,
    }), decision));
    const rule = history.rules[place % 3];
    if (rule) join("shown", put({ id: `rule:${rule.id}`, kind: "rule", title: rule.pattern, detail: rule.text, at: rule.formed_at, tone: rule.kind === "favor" ? "up" : "down", return_ratio: rule.mean_return_ratio }), decision);
    const refusal = made.refusals[0];
    if (refusal) return join("refused", decision, put({ ...of, id: `refusal:${made.id}`, kind: "refusal", title: refusal.guard, detail: refusal.reason, at: made.decided_at }));
    const side = made.wanted === "SELL" ? "Short" : "Long";
    const entry = put({ ...of, id: `entry:${made.id}`, kind: "entry", title: `${side} opened`, at: at(0.02), tone: side === "Short" ? "down" : "up", price: made.price, stop_price: made.stop_price, target_price: made.target_price });
    join("opened", decision, entry);
    if (place === 0) return;
    const moved = place % 2 ? put({ ...of, id: `update:${made.id}`, kind: "update", title: "Levels moved", at: at(8), stop_price: made.price, target_price: made.target_price }) : entry;
    if (moved !== entry) join("moved", entry, moved);
    const trade = history.trades[place];
    if (!trade) return;
    const close = put({ ...of, id: `close:${made.id}`, kind: "close", title: `Closed by ${trade.exit_reason}`, at: at(30), tone: Number(trade.realized_pnl_quote) > 0 ? "up" : "down", price: trade.exit_price,
      pnl_quote: trade.realized_pnl_quote, return_ratio: trade.return_ratio, r_multiple: trade.r_multiple });
    join("closed", moved, close);
    const lived = history.experiences[history.experiences.length - 1 - place];
    if (lived) join("taught", close, put({ id: `memory:${lived.id}`, kind: "memory", title: lived.lesson, detail: lived.insight, symbol: lived.symbol, at: at(30.1), tone: lived.is_win ? "up" : "down", return_ratio: lived.return_ratio }));
  });
  return { nodes, edges, earlier: chosen.length > STORIES };
}

/** The snapshot as the archive keeps it, of which the story makes its tables. */
export function kept(made: DecisionView, news: readonly object[]): string {
  const price = Number(made.price);
  const numbers = { rsi_14: 41.2, adx_14: 27.5, atr_14: price * 0.012, atr_ratio: 0.012, sma_20: price * 0.99, sma_50: price * 0.97, ema_20: price, macd_histogram: 0.4, volume: 912.4, volume_ratio: 1.21, cci_20: null };
  return JSON.stringify({
    symbol: made.symbol, timeframe: made.timeframe, closed_at: made.closed_at, seen_at: made.decided_at, price: made.price, source: "simulated", bars: 999, gaps: 1, completeness_ratio: 1, score_ratio: 0.83,
    indicators: numbers, earlier: { ...numbers, rsi_14: 39.8 }, regime: { trend: "bull", phase: "trending", evidence: ["adx 27.5 above 25", "price above its 50-bar mean"] },
    patterns: [{ name: "double_bottom", confidence_ratio: 0.7, bars: [12, 4], direction: "up" }], levels: [{ kind: "support", price: price * 0.98, distance_atr: -1.4, touches: 3, bars_ago: 9 }],
    pivots: [{ kind: "pivot", price, distance_atr: 0.1 }], retracement: { from_price: price * 0.9, to_price: price * 1.1, marks: [{ kind: "0.618", price: price * 0.98, distance_atr: -1.1 }] },
    macro: [{ timeframe: "1d", bars: 200, close: price, trend: "bull", change_ratio: 0.021, cross: null, numbers: { rsi_14: 55.1 } }],
    periods: [{ days: 7, change_ratio: 0.034, high: price * 1.03, low: price * 0.95, range_ratio: 0.08, is_whole: true }],
    book: { source: "simulated", mid_price: price, spread_bps: 1.5, depths: [{ levels: 20, bids_quote: 4.8e6, asks_quote: 3.6e6, imbalance_ratio: 0.14 }] }, flow: { trades: 500, buy_ratio: 0.593, per_minute: 16.7 },
    funding: { rate_ratio: "-0.0000731", perpetual: `${made.symbol}:USDC` }, interest: null, readings: [{ name: "fear_greed", value: "54", unit: "points", true_at: made.closed_at, source: "alternative" }],
    news, session: { is_weekend: false, daily_close_at: iso(NOW + 7 * HOUR), weekly_close_at: iso(NOW + 4 * DAY) }, missing: { "open interest": "no answer in 20 s" }, flags: [],
  });
}
