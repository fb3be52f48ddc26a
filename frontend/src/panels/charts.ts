/** The two charts with their titles and ranges; the drawing itself is loaded when first shown. */
import { html, nothing, type TemplateResult } from "lit";
import { equityInWords, priceInWords } from "../charts/words";
import { price, quoteOf, ratio } from "../format";
import type { MarketView } from "../shapes";
import type { State } from "../state";
import { segment } from "./parts";

const BARS = [["60", 60], ["120", 120], ["All", 0]] as const;
const DAYS = [["1 W", 7], ["1 M", 30], ["All", 0]] as const;

export interface ChartProps {
  state: State;
  symbol: string;
  market: MarketView | null;
  failed: string | null;
  theme: string;
  bars: number;
  days: number;
  setBars(bars: number): void;
  setDays(days: number): void;
}

export function priceChart({ state, symbol, market, failed, theme, bars, setBars }: ChartProps): TemplateResult {
  // What is of the past has no place on the candles of today.
  const isPast = state.health.status === "starting";
  const position = isPast ? undefined : state.positions.find((held) => held.symbol === symbol);
  const now = isPast ? undefined : state.prices[symbol];
  return html`<section class="panel price" aria-labelledby="price-title">
    <div class="panel-head">
      <h2 id="price-title">${symbol} <span class="muted">${state.health.timeframe}</span></h2>
      ${isPast ? html`<span class="muted" data-test="past">the past is lived through: ${ratio(state.health.history_done_ratio, 0)}</span>`
        : html`<span class="now" data-test="price">${price(now)}</span>`}
      <span class="muted source">${market?.source ?? ""}</span>
      ${segment("Bars shown", BARS, bars as 60, setBars)}
    </div>
    <figure class="chart-place" aria-labelledby="price-words">
      <figcaption id="price-words" class="sr-only">${market ? priceInWords(market, position, now) : `Loading candles of ${symbol}`}</figcaption>
      ${failed ? html`<p class="over">No candles: ${failed}</p>` : market ? nothing : html`<p class="over">Loading candles…</p>`}
      <price-chart .market=${market} .price=${now} .at=${state.at} .position=${position} .theme=${theme} .bars=${bars}
        .trades=${state.trades}></price-chart>
    </figure>
  </section>`;
}

export function equityChart({ state, theme, days, setDays }: ChartProps): TemplateResult {
  const currency = quoteOf(state.health.symbols[0] ?? "");
  return html`<section class="panel equity" aria-labelledby="equity-title">
    <div class="panel-head">
      <h2 id="equity-title">Equity <span class="muted">${currency}</span></h2>
      <span class="muted key">▲ won ▼ lost, where a trade ended</span>
      ${segment("Time shown", DAYS, days as 7, setDays)}
    </div>
    <figure class="chart-place" aria-labelledby="equity-words">
      <figcaption id="equity-words" class="sr-only">${equityInWords(state.equity, state.equity_quote, currency)}</figcaption>
      ${state.equity.length ? nothing : html`<p class="over">Equity is marked when the first candle closes.</p>`}
      <equity-chart .equity=${state.equity} .now=${state.equity_quote} .at=${state.at} .start=${state.statistics.start_quote}
        .trades=${state.trades} .theme=${theme} .days=${days}></equity-chart>
    </figure>
  </section>`;
}
