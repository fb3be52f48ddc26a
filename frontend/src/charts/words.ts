/** The charts in words, for those who do not see them. */
import { instant, money, price as priced, quantity } from "../format";
import type { EquityView, MarketView, PositionView } from "../shapes";

export function priceInWords(market: MarketView, position: PositionView | undefined, price: string | undefined): string {
  const { candles, symbol, timeframe } = market;
  if (!candles.length) return `No candles of ${symbol} yet.`;
  const low = Math.min(...candles.map((candle) => candle.low));
  const high = Math.max(...candles.map((candle) => candle.high));
  const held = position
    ? ` A ${position.side} position of ${quantity(position.quantity)} from ${priced(position.entry_price)}, stop ${priced(position.stop_price)}, target ${priced(position.target_price)}.`
    : " No open position.";
  return `${candles.length} candles of ${symbol}, ${timeframe}: between ${priced(low)} and ${priced(high)}, now ${priced(price)}.${held}`;
}

export function equityInWords(equity: readonly EquityView[], now: string, currency: string, hold: number | null = null): string {
  const first = equity[0];
  if (!first) return "No equity marked yet.";
  const values = equity.map(({ equity_quote }) => Number(equity_quote));
  return (
    `Equity from ${money(first.equity_quote, currency)} on ${instant(first.at)} to ${money(now, currency)} now, ` +
    `lowest ${money(Math.min(...values), currency)}, highest ${money(Math.max(...values), currency)}, ${equity.length} marks.` +
    (hold === null ? "" : ` The same money left alone, without funding, would be ${money(hold, currency)}.`)
  );
}
