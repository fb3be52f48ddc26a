/** What the panels say that no one view holds: risk, drawdown, the next candle. Plain numbers, for showing only. */
import type { PositionView } from "./shapes";
import type { State } from "./state";

/** Quote that equity would lose if every stop were hit now. */
export function openRisk(positions: readonly PositionView[]): number {
  return positions.reduce((sum, position) => sum + positionRisk(position), 0);
}

export function positionRisk({ mark_price, stop_price, quantity, side }: PositionView): number {
  const sign = side === "short" ? -1 : 1;
  return Math.max(0, (Number(mark_price) - Number(stop_price)) * Number(quantity) * sign);
}

/** How far equity is below its highest close now, and was at worst from close to close. */
export function drawdown({ equity, equity_quote, statistics }: State): { now: number | null; worst: number | null } {
  let peak = Math.max(Number(statistics.start_quote), Number(statistics.peak_quote));
  let worst = statistics.max_drawdown_ratio;
  for (const point of equity) {
    const value = Number(point.equity_quote);
    peak = Math.max(peak, value);
    if (peak > 0) worst = Math.max(worst ?? 0, 1 - value / peak);
  }
  return { now: peak > 0 ? Math.max(0, 1 - Number(equity_quote) / peak) : null, worst };
}

const SPANS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** "4h" → milliseconds. */
export function spanMs(timeframe: string): number | null {
  const match = /^(\d+)([mhdw])$/.exec(timeframe);
  const unit = match && SPANS[match[2] ?? ""];
  return unit ? Number(match[1]) * unit : null;
}

/** When the bar began that holds this instant, in seconds; a week begins on Monday, the epoch was a Thursday. */
export function barOf(at: string, span: number): number {
  const shift = span === SPANS["w"] ? 4 * 86_400_000 : 0;
  return (Math.floor((Date.parse(at) - shift) / span) * span + shift) / 1000;
}

/** Market milliseconds until the bar now forming closes. */
export function untilNextCandle({ health, at }: Pick<State, "health" | "at">): number | null {
  const span = spanMs(health.timeframe);
  if (health.next_candle_at === null || span === null) return null;
  const left = (Date.parse(health.next_candle_at) - Date.parse(at)) % span;
  return left <= 0 ? left + span : left;
}

/** Where `now` lies on the way from stop to target, 0…1; without a target the scale ends as far above entry as the stop is below. */
export function scale(position: PositionView): { at(price: string): number; end: number } {
  const stop = Math.min(Number(position.stop_price) * sideSign(position), Number(position.initial_stop_price) * sideSign(position)) * sideSign(position);
  const entry = Number(position.entry_price);
  const end = position.target_price === null ? entry + (entry - stop) : Number(position.target_price);
  return { end, at: (price) => Math.min(1, Math.max(0, (Number(price) - stop) / (end - stop || 1))) };
}

function sideSign({ side }: PositionView): 1 | -1 {
  return side === "short" ? -1 : 1;
}
