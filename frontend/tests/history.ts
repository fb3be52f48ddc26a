/** A past of any length, the same each time: decisions, trades and lessons as the API tells them. */
import type {
  CandleView, DecisionView, EquityView, EventView, ExperienceView, HealthView, OrderView, PositionView, RefusedView, RuleView, StatisticsView, StoredEvent,
  TradeView,
} from "../src/shapes";
import { refusedBy } from "../src/state";
import * as views from "./views";

export const SYMBOLS = ["BTC/USDC", "ETH/USDC", "SOL/USDC"] as const;
const START_PRICE: Readonly<Record<string, number>> = { "BTC/USDC": 60_000, "ETH/USDC": 3000, "SOL/USDC": 150 };
const BAR_MS = 4 * 3_600_000;
const MINUTE_MS = 60_000;
export const NOW = Date.parse("2025-03-12T17:20:00Z");
const LAST_CLOSE = Math.floor(NOW / BAR_MS) * BAR_MS;
const START_QUOTE = 10_000;
/** As many as the real API tells at the start, and as many points as it draws. */
const [STARTING, DRAWN, MOST_TRADES] = [50, 1200, 1000];

export interface Size {
  readonly decisions: number;
  readonly experiences: number;
  readonly trades: number;
  /** Another one names another past. */
  readonly seed: number;
}

export const SMALL: Size = { decisions: 120, experiences: 60, trades: 40, seed: 1 };
export const LARGE: Size = { decisions: 10_000, experiences: 10_000, trades: 2000, seed: 1 };

const WHY = [
  "Price holds above its 50-bar mean while momentum turns up from oversold; volume confirms the turn.",
  "The range is unbroken and the spread of outcomes is wide: nothing here pays for its risk.",
  "A lower high against rising volume, and the last two tests of resistance failed within a bar.",
  "Trend and regime agree, but the stop would have to stand so far away that the reward no longer pays.",
];
const REGIMES = ["bull trending", "bear ranging", "bull volatile", "bear trending", "neutral ranging"];
const ACTIONS = ["HOLD", "BUY", "HOLD", "SELL", "CLOSE", "HOLD", "UPDATE"];
const EXITS = ["target", "stop", "decision", "time"];
const CONDITIONS = ["adx high", "rsi low", "volume rising", "near support", "funding negative", "spread narrow"];
const GUARDS = ["cooldown", "reward to risk", "confidence", "position size"];

/** mulberry32: the same numbers from the same seed on every machine. */
export function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const iso = (ms: number): string => new Date(ms).toISOString().replace(".000Z", "+00:00").replace("Z", "+00:00");
export const pick = <T>(from: readonly T[], at: number): T => from[((at % from.length) + from.length) % from.length]!;
const fixed = (value: number, digits = 2): string => value.toFixed(digits);

export class History {
  readonly size: Size;
  /** Newest first, as the API tells them. */
  readonly decisions: DecisionView[] = [];
  readonly trades: TradeView[] = [];
  readonly experiences: ExperienceView[] = [];
  readonly rules: RuleView[] = [];
  /** Oldest first. */
  readonly equity: EquityView[] = [];
  readonly ledger: StoredEvent[] = [];
  readonly #dice: () => number;
  readonly #places = new Map<string, number>();
  #balance = START_QUOTE;
  #bars = 0;

  constructor(size: Partial<Size> = {}) {
    this.size = { ...SMALL, ...size };
    this.#dice = dice(this.size.seed);
    const { decisions, trades, experiences } = this.size;
    const first = LAST_CLOSE - Math.ceil(decisions / SYMBOLS.length - 1) * BAR_MS;
    const [perTrade, perLesson] = [decisions / Math.max(1, trades), decisions / Math.max(1, experiences)];
    for (let place = 0; place < decisions; place += 1) {
      const at = first + Math.floor(place / SYMBOLS.length) * BAR_MS;
      this.decide(at, pick(SYMBOLS, place));
      while (this.trades.length < Math.floor((place + 1) / perTrade)) this.close(at);
      while (this.experiences.length < Math.floor((place + 1) / perLesson)) this.learn(at);
      if (place % SYMBOLS.length === SYMBOLS.length - 1) this.mark(at);
    }
    for (let place = 0; place < 12; place += 1) this.form(LAST_CLOSE - place * 9 * BAR_MS, place);
  }

  /** What one names in this past and in no other. */
  #name(kind: string, number: number): string {
    return `${kind}${this.size.seed}-${number}`;
  }

  #write(event: StoredEvent): StoredEvent {
    this.ledger.push(event);
    this.#places.set(event.id, this.ledger.length);
    return event;
  }

  get #next(): number {
    return this.ledger.length + 1;
  }

  price(symbol: string, ms: number): number {
    const bar = ms / BAR_MS;
    return (START_PRICE[symbol] ?? 1) * (1 + 0.06 * Math.sin(bar / 9) + 0.03 * Math.sin(bar / 2.3) + 0.01 * Math.sin(bar * 1.7));
  }

  decide(at: number, symbol: string): StoredEvent {
    const number = this.decisions.length;
    const [luck, price] = [this.#dice(), this.price(symbol, at)];
    const wanted = pick(ACTIONS, Math.floor(luck * 50));
    const isRefused = wanted !== "HOLD" && number % 5 === 2;
    const guard = pick(GUARDS, number);
    const made = views.decision(this.#next, {
      id: this.#name("decision", number), symbol, closed_at: iso(at), decided_at: iso(at + 8000), price: fixed(price),
      action: isRefused ? "HOLD" : wanted, wanted, confidence_ratio: 0.5 + luck / 2, p_up: 0.3 + luck / 2,
      stop_price: wanted === "HOLD" ? null : fixed(price * 0.97), target_price: wanted === "HOLD" ? null : fixed(price * 1.06),
      reasoning: pick(WHY, number), invalidation: "A close below the last swing low.", regime: pick(REGIMES, Math.floor(number / 4)),
      refusals: isRefused ? [{ guard, reason: `Too early after the last loss (${guard}).`, until: iso(at + BAR_MS) }] : [],
      recalled: [this.#name("experience", Math.max(0, number - 5))], rules: [this.#name("rule", 0)], model: "analyst",
      p_up_24h: 0.35 + luck / 3, cost_usd: "0.0042", is_forced: number % 13 === 5,
    });
    this.decisions.unshift(made);
    return this.#write({ kind: "DecisionMade", id: `DecisionMade:${made.id}`, seq: made.seq, at: made.decided_at, decision: made });
  }

  /** A trade that ended then. */
  close(at: number): StoredEvent {
    const number = this.trades.length;
    const symbol = pick(SYMBOLS, number);
    const [luck, entry] = [this.#dice() - 0.47, this.price(symbol, at - 6 * BAR_MS)];
    const [gross, fees] = [luck * 180, 6 + Math.abs(luck) * 4];
    const net = gross - fees;
    this.#balance += net;
    const told = views.trade(this.#name("trade", number), {
      symbol, side: number % 3 ? "long" : "short", quantity: fixed(4000 / entry, 5), entry_price: fixed(entry), exit_price: fixed(entry * (1 + luck / 25)),
      stop_price: fixed(entry * 0.97), target_price: fixed(entry * 1.05), opened_at: iso(at - 6 * BAR_MS), closed_at: iso(at + (number % 60) * 1000),
      gross_pnl_quote: fixed(gross), fees_quote: fixed(fees), realized_pnl_quote: fixed(net), return_ratio: net / 4000, r_multiple: luck * 2,
      mae_ratio: -0.012, mfe_ratio: 0.02, exit_reason: pick(EXITS, Math.floor(luck * 40)), is_ambiguous: number % 17 === 0,
      decision_id: this.decisions.at(Math.min(this.decisions.length - 1, 8))?.id ?? "", close_decision_id: number % 4 === 2 ? (this.decisions[0]?.id ?? null) : null,
    });
    this.trades.unshift(told);
    return this.#write({ kind: "PositionClosed", id: `PositionClosed:${told.id}`, seq: this.#next, at: told.closed_at, trade: told });
  }

  learn(at: number): StoredEvent {
    const number = this.experiences.length;
    const luck = this.#dice() - 0.47;
    const lived: ExperienceView = {
      id: this.#name("experience", number), trade_id: this.#name("trade", number), symbol: pick(SYMBOLS, number), side: number % 3 ? "long" : "short",
      decision_id: this.decisions.at(Math.min(this.decisions.length - 1, 8))?.id ?? null, used: number % 7, used_wins: number % 3, used_losses: number % 2,
      opened_at: iso(at - 6 * BAR_MS), closed_at: iso(at + (number % 60) * 1000), conditions: [0, 1, 2].map((more) => pick(CONDITIONS, number * 3 + more * (number % 5))),
      confidence_ratio: 0.5 + Math.abs(luck) * 0.8, exit_reason: pick(EXITS, number), insight: pick(WHY, number), is_win: luck > 0,
      lesson: `Lesson ${number}: ${pick(WHY, number + 1)}`, r_multiple: luck * 2, regime: pick(REGIMES, number), return_ratio: luck / 20,
      similarity_ratio: null, verdict: luck > 0 ? "as expected" : "wrong about the regime",
    };
    this.experiences.unshift(lived);
    return this.#write({ kind: "LessonLearned", id: `LessonLearned:${lived.trade_id}`, seq: this.#next, at: lived.closed_at, experience: lived });
  }

  mark(at: number): StoredEvent {
    this.#bars += 1;
    const point: EquityView = {
      id: this.#name("equity", this.#bars), at: iso(at), balance_quote: fixed(this.#balance), equity_quote: fixed(this.#balance + 40 * Math.sin(this.#bars / 5)),
    };
    this.equity.push(point);
    return this.#write({ kind: "EquityMarked", id: `EquityMarked:${point.id}`, seq: this.#next, at: point.at, point });
  }

  form(at: number, place = this.rules.length): StoredEvent {
    const formed: RuleView = {
      id: this.#name("rule", place), pattern: `${pick(REGIMES, place)} and ${pick(CONDITIONS, place)}, ${place}`, kind: place % 2 ? "avoid" : "favor",
      status: pick(["active", "probation", "retired"], place), text: "Buying into strength here has paid more often than not.", formed_at: iso(at),
      wins: 14 + place, losses: 9, tested_wins: 5, tested_losses: 3, others_win_ratio: 0.47, mean_return_ratio: 0.004 - place / 2000, e_value: 3.2 - place / 5,
    };
    this.rules.push(formed);
    return this.#write({ kind: "RuleFormed", id: `RuleFormed:${formed.id}`, seq: this.#next, at: formed.formed_at, rule: formed });
  }

  /** `count` facts as a busy hour brings them; the last of them is a decision. */
  facts(count: number): StoredEvent[] {
    const told: StoredEvent[] = [];
    const before = this.decisions.length + this.trades.length;
    while (told.length < count) {
      const at = LAST_CLOSE + (1 + before + told.length) * MINUTE_MS;
      const symbol = pick(SYMBOLS, told.length);
      const turn = told.length % 10;
      if (turn === 3 && told.length < count - 1) told.push(this.close(at));
      else if (turn === 4 && told.length < count - 1) told.push(this.learn(at));
      else if (turn === 7 && told.length < count - 1) told.push(this.mark(at));
      else told.push(this.decide(at, symbol));
    }
    return told;
  }

  /** Facts after the one that is so named; null: there is none of that name. */
  after(id: string | null, limit: number): StoredEvent[] | null {
    const place = id ? this.#places.get(id) : 0;
    return place === undefined ? null : this.ledger.slice(place, place + limit);
  }

  positions(): PositionView[] {
    return SYMBOLS.slice(0, 2).map((symbol, place) => {
      const mark = this.price(symbol, NOW);
      const [entry, side] = [mark * 0.985, place ? -1 : 1];
      return views.position({
        id: this.#name("position", place), symbol, side: place ? "short" : "long", quantity: fixed(4000 / entry, 5), entry_price: fixed(entry),
        mark_price: fixed(mark), stop_price: fixed(entry * (1 - 0.025 * side)), initial_stop_price: fixed(entry * (1 - 0.03 * side)),
        target_price: fixed(entry * (1 + 0.07 * side)), opened_at: iso(NOW - 5 * BAR_MS), notional_quote: fixed((4000 / entry) * mark),
        unrealized_pnl_quote: fixed((mark - entry) * (4000 / entry) * side), r_now: 0.5 * side, decision_id: this.decisions[place]?.id ?? "",
      });
    });
  }

  orders(): OrderView[] {
    const symbol = SYMBOLS[2];
    return [{
      id: this.#name("order", 0), symbol, side: "buy", purpose: "open", quantity: "26.5", created_at: iso(LAST_CLOSE), expires_at: iso(LAST_CLOSE + BAR_MS),
      decision_id: this.decisions[0]?.id ?? "",
    }];
  }

  get equityQuote(): string {
    return fixed(this.#balance + this.positions().reduce((sum, { unrealized_pnl_quote }) => sum + Number(unrealized_pnl_quote), 0));
  }

  statistics(): StatisticsView {
    const net = this.trades.map(({ realized_pnl_quote }) => Number(realized_pnl_quote));
    const [won, lost] = [net.filter((each) => each > 0), net.filter((each) => each <= 0)];
    const sum = (of: readonly number[]): number => of.reduce((total, each) => total + each, 0);
    return views.statistics({
      trades: net.length, wins: won.length, losses: lost.length, win_rate_ratio: net.length ? won.length / net.length : null,
      profit_factor: lost.length ? sum(won) / -sum(lost) : null, expectancy_quote: net.length ? fixed(sum(net) / net.length) : null, mean_r: 0.11,
      sharpe_annualized: 1.24, sortino_annualized: 1.71, max_drawdown_ratio: 0.083, exposure_ratio: 0.41, start_quote: fixed(START_QUOTE),
      equity_quote: this.equityQuote, gross_pnl_quote: fixed(sum(net) * 1.2), fees_quote: fixed(8 * net.length), net_pnl_quote: fixed(sum(net)),
      unrealized_pnl_quote: "118.40", ambiguous_exits: 3, decisions: this.decisions.length,
      refused: this.decisions.filter(({ refusals }) => refusals.length).length,
    });
  }

  health(change: Partial<HealthView> = {}): HealthView {
    return views.health({ now: iso(NOW), symbols: [...SYMBOLS], speed: 1, next_candle_at: iso(LAST_CLOSE + BAR_MS), ...change });
  }

  refusals(limit: number): RefusedView[] {
    return this.decisions.flatMap(refusedBy).slice(0, limit);
  }

  candles(symbol: string, limit: number): CandleView[] {
    return Array.from({ length: limit }, (_, place) => {
      const opened = LAST_CLOSE - (limit - place) * BAR_MS;
      const [open, close] = [this.price(symbol, opened), this.price(symbol, opened + BAR_MS)];
      const [high, low] = [Math.max(open, close) * 1.006, Math.min(open, close) * 0.994];
      return { time: opened / 1000, open, high, low, close, volume: 900 + 400 * Math.sin(place) };
    });
  }

  /** The market's clock with its prices. `shift` moves all of them by so much of themselves. */
  minute(number = 0, shift = 0): Extract<EventView, { kind: "MinutePassed" }> {
    const at = iso(NOW + number * MINUTE_MS);
    const prices = SYMBOLS.map((symbol) => ({ symbol, price: fixed(this.price(symbol, NOW) * (1 + shift)) }));
    const pulse = { status: "running" as const, problem: null, history_done_ratio: 1, next_candle_at: iso(LAST_CLOSE + BAR_MS), lag_s: 0 };
    return { kind: "MinutePassed", id: `minute#${at}#${number}`, at, prices, positions: this.positions(), equity_quote: this.equityQuote, pulse };
  }

  /** An analysis of the first pair that is under way, as whoever just came hears of it. */
  stepping(): EventView[] {
    const id = this.#name("decision", this.decisions.length);
    return (["collecting", "analysing", "deciding"] as const).map((step, place) => ({
      kind: "AnalysisStepped", id, symbol: SYMBOLS[0], step, at: iso(NOW - 6000 + place * 2000), problem: null, is_forced: true,
    }));
  }

  drawn(): EquityView[] {
    const step = Math.max(1, Math.floor(this.equity.length / DRAWN));
    return [...this.equity.slice(0, -1).filter((_, place) => place % step === 0), ...this.equity.slice(-1)];
  }

  started(): { decisions: DecisionView[]; trades: TradeView[]; last_lesson_id: string | null } {
    return { decisions: this.decisions.slice(0, STARTING), trades: this.trades.slice(0, MOST_TRADES), last_lesson_id: this.experiences[0] ? `LessonLearned:${this.experiences[0].id}` : null };
  }
}
