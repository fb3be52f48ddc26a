/** What is on the picture of a decision, for those who do not see it. Pure. */
import { fixed, price, time } from "../format";
import type { DecisionView } from "../shapes";

/** The server draws so many. */
const DRAWN = 125;

export interface Drawn {
  readonly bars: number;
  readonly regime: { readonly trend: string; readonly phase: string };
  readonly indicators: Readonly<Record<string, number | null>>;
}

export function inWords({ symbol, timeframe, closed_at: at, price: last }: DecisionView, seen: Drawn | null): string {
  const rsi = seen?.indicators["rsi_14"] ?? null;
  const bars = seen ? `the newest ${Math.min(seen.bars, DRAWN)} of ${fixed(seen.bars, 0)} candles of ${timeframe}` : `candles of ${timeframe}`;
  const market = seen ? ` The market was ${seen.regime.trend} ${seen.regime.phase}${rsi === null ? "" : `, RSI ${fixed(rsi, 0)}`}.` : "";
  return `${symbol}, ${bars} until ${time(at)} UTC, last close ${price(last)}.${market} With averages, levels, volume and RSI.`;
}
