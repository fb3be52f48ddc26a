/** `reduce(state, event) → state`: pure, and the same event twice changes nothing. */
import { passes } from "./feed";
import { decided, stepped, type Analysis, type Step } from "./steps";
import type {
  DecisionView, EquityView, EventView, HealthView, HindsightView, OrderView, PassingEvent, PositionView, PostMortemView, RefusedView, RuleView,
  StateView, StatisticsView, TradeView,
} from "./shapes";

export const CAPS = { decisions: 500, trades: 1000, equity: 4000, postMortems: 500, rules: 200, refusals: 500 } as const;

export interface State {
  readonly health: HealthView;
  readonly statistics: StatisticsView;
  readonly positions: readonly PositionView[];
  readonly orders: readonly OrderView[];
  readonly decisions: readonly DecisionView[];
  readonly trades: readonly TradeView[];
  readonly equity: readonly EquityView[];
  /** The event of the newest lesson: another one, and memory holds more. */
  readonly lesson: string | null;
  readonly rules: readonly RuleView[];
  readonly refusals: readonly RefusedView[];
  /** Symbol → newest price. */
  readonly prices: Readonly<Record<string, string>>;
  /** The market's clock, as MinutePassed last told it. */
  readonly at: string;
  readonly equity_quote: string;
  /** Symbol → the analysis that runs, or the last one of which something was heard. */
  readonly steps: Readonly<Record<string, Analysis>>;
  /** Refused entries and post-mortems told since the page was opened, the newest first; the rest is asked for. */
  readonly hindsights: readonly HindsightView[];
  readonly postMortems: readonly PostMortemView[];
  /** The age in seconds of the oldest price as the last minute told it. */
  readonly lag_s: number | null;
  /** When it was last told that there is more to ask for: by what is to be asked. */
  readonly told: Told;
  /** Facts up to here are in; those at or below it change nothing. 0: none since the start, which tells no number. */
  readonly seq: number;
}

/** Each the id of the fact; null: none since the page was opened. */
export interface Told {
  readonly news: string | null;
  readonly context: string | null;
  readonly reflection: string | null;
}

export function fromView(view: StateView): State {
  const prices: Record<string, string> = {};
  for (const decision of [...view.decisions].reverse()) prices[decision.symbol] = decision.price;
  for (const position of view.positions) prices[position.symbol] = position.mark_price;
  return {
    health: view.health,
    statistics: view.statistics,
    positions: view.positions,
    orders: view.orders,
    decisions: view.decisions.slice(0, CAPS.decisions),
    trades: view.trades.slice(0, CAPS.trades),
    equity: thin(view.equity),
    lesson: view.last_lesson_id,
    rules: view.rules.slice(0, CAPS.rules),
    refusals: view.decisions.flatMap(refusedBy).slice(0, CAPS.refusals),
    prices,
    at: view.health.now,
    equity_quote: view.statistics.equity_quote,
    steps: {},
    hindsights: [],
    postMortems: [],
    lag_s: null,
    told: { news: null, context: null, reflection: null },
    seq: 0,
  };
}

export function reduce(state: State, event: EventView): State {
  if (passes(event)) return passed(state, event);
  if (event.seq <= state.seq) return state;
  const next = { ...state, seq: event.seq };
  switch (event.kind) {
    case "DecisionMade": {
      const made = event.decision;
      if (state.decisions.some(({ id }) => id === made.id)) return next;
      const refused = refusedBy(made).filter(({ id }) => !state.refusals.some((known) => known.id === id));
      return {
        ...next,
        steps: decided(state.steps, made, event.at),
        decisions: [made, ...state.decisions].slice(0, CAPS.decisions),
        refusals: [...refused, ...state.refusals].slice(0, CAPS.refusals),
        prices: { ...state.prices, [made.symbol]: made.price },
        statistics: {
          ...state.statistics,
          decisions: state.statistics.decisions + 1,
          refused: state.statistics.refused + (made.refusals.length ? 1 : 0),
        },
      };
    }
    case "CandleMissed": {
      const { id, at, symbol, refusal } = event;
      const missed = { id: `${id}#${refusal.guard}`, decision_id: null, at, symbol, wanted: null, ...refusal };
      const steps = stepped(state.steps, symbol, { id: id.replace(/^CandleMissed:/, ""), step: "failed", at, said: refusal.reason, isForced: false });
      return { ...next, steps, refusals: put(state.refusals, missed, CAPS.refusals) };
    }
    case "OrderPlaced":
      return { ...next, orders: put(state.orders, event.order, CAPS.decisions), steps: came(state, event.order, event.at, "executing", "order placed") };
    case "OrderExpired": {
      const refused = expired(event);
      return {
        ...next,
        steps: came(state, event.order, event.at, "done", `not executed: ${event.refusal.reason}`),
        orders: state.orders.filter(({ id }) => id !== event.order.id),
        refusals: put(state.refusals, refused, CAPS.refusals),
      };
    }
    case "PositionOpened":
      return {
        ...next,
        steps: came(state, event.position, event.at, "done", `${event.position.side} opened`),
        orders: state.orders.filter(({ symbol }) => symbol !== event.position.symbol),
        positions: hold(state.positions, event.position),
      };
    case "PositionUpdated":
      return {
        ...next,
        steps: came(state, { symbol: event.position.symbol, decision_id: event.decision_id }, event.at, "done", "position updated"),
        positions: hold(state.positions, event.position),
      };
    case "PositionClosed":
      return {
        ...next,
        steps: came(state, { symbol: event.trade.symbol, decision_id: event.trade.close_decision_id }, event.at, "done", "position closed"),
        orders: state.orders.filter(({ symbol }) => symbol !== event.trade.symbol),
        positions: state.positions.filter(({ symbol }) => symbol !== event.trade.symbol),
        trades: put(state.trades, event.trade, CAPS.trades),
        statistics: counted(state, event.trade),
      };
    case "EquityMarked": {
      const marked = event.point;
      const last = state.equity.at(-1);
      if (last && Date.parse(marked.at) <= Date.parse(last.at)) return next;
      return {
        ...next,
        equity: thin([...state.equity, marked]),
        equity_quote: marked.equity_quote,
      };
    }
    case "LessonLearned":
      return { ...next, lesson: event.id };
    case "RuleFormed": {
      // A new edition takes the place of the pattern's older one.
      const others = state.rules.filter(({ pattern }) => pattern !== event.rule.pattern);
      return { ...next, rules: [event.rule, ...others].slice(0, CAPS.rules) };
    }
    case "Reflected":
      return { ...next, told: { ...state.told, reflection: event.id } };
    case "PostMortemWritten":
      return { ...next, postMortems: put(state.postMortems, event.post_mortem, CAPS.postMortems) };
    case "EntryRefused":
    case "RefusalJudged":
      return { ...next, hindsights: put(state.hindsights, event.refused, CAPS.refusals) };
  }
}

function passed(state: State, event: PassingEvent): State {
  switch (event.kind) {
    case "MinutePassed": {
      const prices = { ...state.prices };
      for (const { symbol, price } of event.prices) prices[symbol] = price;
      const { lag_s = null, ...pulse } = event.pulse ?? {};
      const health = { ...state.health, ...pulse, now: event.at };
      return { ...state, at: event.at, prices, positions: event.positions, equity_quote: event.equity_quote, health, lag_s };
    }
    case "AnalysisStepped": {
      const { id, step, at, problem, is_forced } = event;
      return { ...state, steps: stepped(state.steps, event.symbol, { id, step, at, said: problem, isForced: is_forced }) };
    }
    case "NewsGathered":
      return { ...state, told: { ...state.told, news: event.id } };
    case "ContextGathered":
      return { ...state, told: { ...state.told, context: event.id } };
  }
}

/** What became of a decision, if it is the last analysis of its pair. */
function came(state: State, of: { symbol: string; decision_id: string | null }, at: string, step: Step, said: string): State["steps"] {
  const known = state.steps[of.symbol];
  if (!known || known.id !== of.decision_id) return state.steps;
  return stepped(state.steps, of.symbol, { id: known.id, step, at, said, isForced: known.isForced });
}

/** What the guards refused of one decision, named as the server names it. */
export function refusedBy(decision: DecisionView): RefusedView[] {
  return decision.refusals.map(({ guard, reason, until }) => ({
    id: `DecisionMade:${decision.id}#${guard}`,
    decision_id: decision.id,
    at: decision.decided_at,
    symbol: decision.symbol,
    wanted: decision.wanted,
    guard, reason, until,
  }));
}

function expired({ id, at, order, refusal }: Extract<EventView, { kind: "OrderExpired" }>): RefusedView {
  return {
    id: `${id}#${refusal.guard}`, decision_id: order.decision_id, at, symbol: order.symbol, wanted: null, ...refusal,
  };
}

/** Newest first; the same id keeps its place. */
export function put<T extends { id: string }>(list: readonly T[], item: T, cap: number): readonly T[] {
  const place = list.findIndex(({ id }) => id === item.id);
  return place < 0 ? [item, ...list].slice(0, cap) : list.with(place, item);
}

function hold(positions: readonly PositionView[], held: PositionView): readonly PositionView[] {
  return [...positions.filter(({ symbol }) => symbol !== held.symbol), held];
}

function counted({ statistics, trades }: State, trade: TradeView): StatisticsView {
  if (trades.some(({ id }) => id === trade.id)) return statistics;
  const won = Number(trade.realized_pnl_quote) > 0;
  const wins = statistics.wins + (won ? 1 : 0);
  const count = statistics.trades + 1;
  return {
    ...statistics,
    trades: count,
    wins,
    losses: statistics.losses + (won ? 0 : 1),
    win_rate_ratio: wins / count,
    ambiguous_exits: statistics.ambiguous_exits + (trade.is_ambiguous ? 1 : 0),
  };
}

/** Over the cap, every second point of the older half goes; the newest half stays whole. */
function thin(points: readonly EquityView[]): readonly EquityView[] {
  if (points.length <= CAPS.equity) return points;
  const half = points.length >> 1;
  return thin([...points.slice(0, half).filter((_, index) => index % 2 === 0), ...points.slice(half)]);
}
