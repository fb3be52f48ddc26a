/** The two charts with their titles, ranges and list twins; the drawing itself is loaded when first shown. */
import { html, nothing, type TemplateResult } from "lit";
import { equityInWords, priceInWords } from "../charts/words";
import { NONE, compact, fixed, instant, money, multiple, price, quoteOf, ratio, time } from "../format";
import type { CurveView, MarketView } from "../shapes";
import type { State } from "../state";
import { panel, segment, select, signed, twin, type Frame } from "./parts";

const BARS = [["60", 60], ["120", 120], ["All", 0]] as const;
const DAYS = [["1 W", 7], ["1 M", 30], ["All", 0]] as const;
const LISTED = 24;

interface Framed {
  readonly state: State;
  readonly theme: string;
  readonly frame: Frame;
  readonly listed: boolean;
  list(open: boolean): void;
}

export interface PriceProps extends Framed {
  readonly symbol: string;
  readonly market: MarketView | null;
  readonly failed: string | null;
  readonly bars: number;
  setBars(bars: number): void;
  /** Empty: the one that is traded. */
  readonly timeframe: string;
  setTimeframe(timeframe: string): void;
}

export interface EquityProps extends Framed {
  readonly days: number;
  setDays(days: number): void;
  readonly curve: CurveView | null;
  /** What holding is worth now. */
  readonly hold: number | null;
  readonly curveFailed: string | null;
}

export function priceChart(props: PriceProps): TemplateResult {
  const { state, symbol, market, failed, theme, bars, setBars, setTimeframe, frame } = props;
  // What is of the past has no place on the candles of today.
  const isPast = state.health.status === "starting";
  const position = isPast ? undefined : state.positions.find((held) => held.symbol === symbol);
  const now = isPast ? undefined : state.prices[symbol];
  const frames = market?.timeframes ?? [];
  const timeframe = props.timeframe || state.health.timeframe;
  const beside = html`<span class="muted">${timeframe}</span>
    ${isPast ? html`<span class="muted" data-test="past">the past is lived through: ${ratio(state.health.history_done_ratio, 0)}</span>`
      : html`<span class="now" data-test="price">${price(now)}</span>`}
    <span class="muted source">${market?.source ?? ""}</span>`;
  const controls = html`${frames.length > 1 ? timeframes(frames, timeframe, setTimeframe) : nothing}${segment("Bars shown", BARS, bars as 60, setBars)}`;
  const body = (): TemplateResult => html`<figure class="chart-place" aria-labelledby="price-words">
      <figcaption id="price-words" class="sr-only">${market ? priceInWords(market, position, now) : `Loading candles of ${symbol}`}</figcaption>
      ${failed ? html`<p class="over">No candles: ${failed}</p>` : market ? nothing : html`<p class="over" aria-busy="true">Loading candles…</p>`}
      <price-chart .market=${market} .price=${now} .at=${state.at} .position=${position} .theme=${theme} .bars=${bars}
        .trades=${state.trades}></price-chart>
    </figure>
    ${twin("Candles and trades as tables", props.listed, props.list, () => (market ? priceTables(market, state) : nothing))}`;
  return panel({ name: "price", title: symbol, frame, beside, controls }, body);
}

export function equityChart(props: EquityProps): TemplateResult {
  const { state, theme, days, setDays, curve, hold, curveFailed, frame } = props;
  const currency = quoteOf(state.health.symbols[0] ?? "");
  const beside = html`<span class="muted">${currency}</span>
    ${curveFailed ? html`<span class="muted">no buy &amp; hold: <bdi>${curveFailed}</bdi></span>` : nothing}`;
  const body = (): TemplateResult => html`<figure class="chart-place" aria-labelledby="equity-words">
      <figcaption id="equity-words" class="sr-only">${equityInWords(state.equity, state.equity_quote, currency, hold)}</figcaption>
      ${state.equity.length ? nothing : html`<p class="over">Equity is marked when the first candle closes.</p>`}
      <equity-chart .equity=${state.equity} .now=${state.equity_quote} .at=${state.at} .start=${state.statistics.start_quote}
        .trades=${state.trades} .theme=${theme} .days=${days} .curve=${curve} .hold=${hold}></equity-chart>
    </figure>
    ${twin("Marks and trades as tables", props.listed, props.list, () => equityTables(state, curve, currency))}`;
  return panel({ name: "equity", title: "Equity", frame, beside, controls: segment("Time shown", DAYS, days as 7, setDays) }, body);
}

/** A few as buttons; on a phone there is room for a list alone. */
function timeframes(frames: readonly string[], chosen: string, choose: (timeframe: string) => void): TemplateResult {
  return select("Timeframe", frames.map((one) => [one, one] as const), chosen, choose);
}

function priceTables(market: MarketView, { trades, positions }: State): TemplateResult {
  const mine = trades.filter(({ symbol }) => symbol === market.symbol).slice(0, LISTED);
  const held = positions.find(({ symbol }) => symbol === market.symbol);
  return html`${table(`The newest candles of ${market.symbol}, ${market.timeframe}`, ["Opened", "Open", "High", "Low", "Close", "Volume"],
      market.candles.slice(-LISTED).reverse().map((one) => [time(one.time * 1000), price(one.open), price(one.high), price(one.low), price(one.close), compact(one.volume)]))}
    ${held ? html`<p class="muted under-table">Open: ${held.side} from ${price(held.entry_price)} since ${time(held.opened_at)}, stop ${price(held.stop_price)}, target ${price(held.target_price)}.</p>` : nothing}
    ${mine.length ? table(`The newest trades of ${market.symbol}`, ["Closed", "Side", "Entry", "Exit", "Stop", "Target", "R"],
      mine.map((one) => [time(one.closed_at), one.side, price(one.entry_price), price(one.exit_price), price(one.initial_stop_price), price(one.target_price),
        one.r_multiple === null ? NONE : signed(multiple(one.r_multiple, "R", true))])) : html`<p class="muted under-table">No trade of ${market.symbol} has closed.</p>`}`;
}

function equityTables({ equity, statistics, trades }: State, curve: CurveView | null, currency: string): TemplateResult {
  const hold = new Map((curve?.points ?? []).map(({ at, hold_quote }) => [Date.parse(at), hold_quote]));
  let peak = Number(statistics.start_quote);
  const rows = equity.map(({ at, equity_quote }) => {
    peak = Math.max(peak, Number(equity_quote));
    return [time(at), fixed(equity_quote, 2), fixed(hold.get(Date.parse(at)), 2), ratio(peak ? Number(equity_quote) / peak - 1 : null)];
  });
  return html`${table(`Equity, ${currency}, at the newest marks`, ["Marked", "Equity", "Buy & hold", "Drawdown"], rows.slice(-LISTED).reverse())}
    ${trades.length ? table("The newest trades", ["Closed", "Pair", "Net result"],
      trades.slice(0, LISTED).map((one) => [time(one.closed_at), one.symbol, signed(money(one.realized_pnl_quote, currency, true))])) : nothing}
    ${curve?.acted.length ? table("The newest decisions that did something", ["Decided", "Pair", "Action"],
      curve.acted.slice(-LISTED).reverse().map(({ at, symbol, action, decision_id }) => [time(at), symbol, html`<a href="#/decision/${encodeURIComponent(decision_id)}" title=${instant(at)}>${action}</a>`])) : nothing}`;
}

function table(caption: string, head: readonly string[], rows: readonly (readonly unknown[])[]): TemplateResult {
  return html`<div class="table-place" tabindex="0" role="region" aria-label=${caption}><table>
    <caption class="muted">${caption}</caption>
    <thead><tr>${head.map((name, index) => html`<th scope="col" class=${index ? "number" : ""}>${name}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${row.map((cell, index) => (index ? html`<td class="number">${cell}</td>` : html`<th scope="row">${cell}</th>`))}</tr>`)}</tbody>
  </table></div>`;
}
