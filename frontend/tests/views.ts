/** Views made by hand, for tests. */
import type { DecisionView, EventView, HealthView, PositionView, PulseView, StateView, StatisticsView, TradeView } from "../src/shapes";

export const AT = "2025-03-12T16:00:00+00:00";

export function health(change: Partial<HealthView> = {}): HealthView {
  return {
    status: "running", problem: null, version: "0.1.0", now: AT, is_simulated: true, speed: 720, symbols: ["BTC/USDC", "ETH/USDC"],
    timeframe: "4h", market_source: "simulated", model: "analyst", history_done_ratio: 1, next_candle_at: "2025-03-12T20:00:00+00:00",
    ...change,
  };
}

export function statistics(change: Partial<StatisticsView> = {}): StatisticsView {
  return {
    trades: 0, wins: 0, losses: 0, win_rate_ratio: null, profit_factor: null, expectancy_quote: null, mean_r: null, sharpe_annualized: null,
    sortino_annualized: null, max_drawdown_ratio: null, drawdown_ratio: null, peak_quote: "10000", exposure_ratio: null, start_quote: "10000", equity_quote: "10000", gross_pnl_quote: "0",
    fees_quote: "0", funding_quote: "0", net_pnl_quote: "0", unrealized_pnl_quote: "0", ambiguous_exits: 0, decisions: 0, refused: 0, ...change,
  };
}

export function stateView(change: Partial<StateView> = {}): StateView {
  return {
    health: health(), statistics: statistics(), positions: [], orders: [], decisions: [], trades: [], equity: [], rules: [], last_lesson_id: null,
    last_event_id: null, ...change,
  };
}

export function decision(seq: number, change: Partial<DecisionView> = {}): DecisionView {
  return {
    id: `d${seq}`, seq, symbol: "BTC/USDC", timeframe: "4h", closed_at: AT, decided_at: AT, price: "60000.5", action: "BUY", wanted: "BUY",
    confidence_ratio: 0.7, p_up: 0.6, p_up_24h: null, stop_price: "58000", target_price: "64000", reasoning: "because", invalidation: null,
    regime: "bull trending", refusals: [], notes: [], recalled: [], rules: [], model: "analyst", prompt_version: "v1", is_forced: false,
    is_simulated: true, cost_usd: null, ...change,
  };
}

export function made(seq: number, change: Partial<DecisionView> = {}): EventView {
  const told = decision(seq, change);
  return { kind: "DecisionMade", id: `DecisionMade:${told.id}`, seq, at: AT, decision: told };
}

export function position(change: Partial<PositionView> = {}): PositionView {
  return {
    id: "p1", symbol: "BTC/USDC", side: "long", quantity: "0.1", entry_price: "60000", mark_price: "61000", stop_price: "58000",
    initial_stop_price: "58000", target_price: "64000", opened_at: AT, notional_quote: "6000", unrealized_pnl_quote: "100", funding_quote: "0",
    r_now: 0.5, decision_id: "d1", ...change,
  };
}

export function trade(id: string, change: Partial<TradeView> = {}): TradeView {
  return {
    id, symbol: "BTC/USDC", side: "long", quantity: "0.1", entry_price: "60000", exit_price: "61000", stop_price: "58000",
    initial_stop_price: "58000", target_price: "64000", opened_at: AT, closed_at: AT, gross_pnl_quote: "100", fees_quote: "9", funding_quote: "0", realized_pnl_quote: "91", return_ratio: 0.015,
    r_multiple: 0.45, mae_ratio: -0.01, mfe_ratio: 0.02, exit_reason: "target", is_ambiguous: false, decision_id: "d1", close_decision_id: null,
    ...change,
  };
}

export function minute(at: string, price: string, positions: PositionView[] = [], pulse: PulseView | null = null): EventView {
  return { kind: "MinutePassed", id: `minute#${at}`, at, prices: [{ symbol: "BTC/USDC", price }], positions, equity_quote: "10010.5", pulse };
}
