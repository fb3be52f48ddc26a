/** What was known when it was decided: the snapshot in readable tables. Every part may be absent, in older ones more. */
import { html, nothing, type TemplateResult } from "lit";
import { NONE, compact, fixed, multiple, price, quoteOf, ratio, time } from "../format";
import { amount } from "./market";
import { field, meter, signed } from "./parts";

type Numbers = Readonly<Record<string, number | null>>;
interface Mark { kind: string; price: number; distance_atr: number | null }

/** The archive's own words, as far as they are drawn here. */
export interface Known {
  symbol: string;
  timeframe: string;
  closed_at: string;
  seen_at: string;
  price: string;
  source: string;
  bars: number;
  gaps: number;
  completeness_ratio: number;
  score_ratio?: number;
  indicators: Numbers;
  earlier: Numbers;
  regime: { trend: string; phase: string; evidence: string[] };
  patterns: { name: string; confidence_ratio: number; bars: number[]; direction: string }[];
  levels: (Mark & { touches: number; bars_ago: number })[];
  pivots?: Mark[];
  retracement?: { from_price: number; to_price: number; marks: Mark[] } | null;
  macro?: { timeframe: string; bars: number; close: number; trend: string; change_ratio: number; cross: string | null; numbers: Numbers }[];
  periods?: { days: number; change_ratio: number | null; high: number; low: number; range_ratio: number; is_whole: boolean }[];
  book?: { source: string; mid_price: number; spread_bps: number; depths: { levels: number; bids_quote: number; asks_quote: number; imbalance_ratio: number }[] } | null;
  flow?: { trades: number; buy_ratio: number | null; per_minute: number | null } | null;
  funding?: { rate_ratio: string; perpetual: string } | null;
  interest?: { notional_quote: string | null; perpetual: string } | null;
  readings?: { name: string; value: string; unit: string; true_at: string; source: string }[];
  news?: { id: string; source: string; title: string; text: string; url: string; published_at: string; score: number }[];
  session?: { is_weekend: boolean; daily_close_at: string; weekly_close_at: string } | null;
  missing?: Readonly<Record<string, string>>;
  flags?: string[];
}

/** Null: there is none, or it is none. */
export function read(json: string | null): Known | null {
  if (json === null) return null;
  try {
    const told = JSON.parse(json) as Partial<Known> | null;
    return told && typeof told === "object" && told.indicators && told.regime ? (told as Known) : null;
  } catch {
    return null;
  }
}

const GROUPS: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  ["Trend", [["sma_20", "SMA 20"], ["sma_50", "SMA 50"], ["sma_200", "SMA 200"], ["ema_20", "EMA 20"], ["macd_histogram", "MACD histogram"], ["adx_14", "ADX"], ["plus_di_14", "+DI"], ["minus_di_14", "−DI"]]],
  ["Momentum", [["rsi_14", "RSI"], ["stochastic_k", "Stochastic %K"], ["cci_20", "CCI"], ["mfi_14", "Money flow (MFI)"], ["change_1_ratio", "Change, 1 bar"], ["change_6_ratio", "Change, 6 bars"], ["change_42_ratio", "Change, 42 bars"]]],
  ["Volatility", [["atr_14", "ATR"], ["atr_ratio", "ATR of price"], ["bb_upper", "Bollinger upper"], ["bb_lower", "Bollinger lower"], ["bb_position_ratio", "Place in the bands"], ["choppiness_14", "Choppiness"]]],
  ["Volume", [["volume", "Volume"], ["volume_ratio", "To its mean"], ["cmf_20", "Money flow (CMF)"], ["vwap_20", "VWAP 20"]]],
];

export function known(view: Known): TemplateResult {
  const { regime, levels, patterns } = view;
  return html`
    <dl class="fields figures">
      ${field("Price", html`${price(view.price)} ${quoteOf(view.symbol)}`)}
      ${field("Regime", `${regime.trend} ${regime.phase}`)}
      ${field("Candles", html`${fixed(view.bars, 0)} <span class="muted">of ${view.timeframe}${view.gaps ? `, ${fixed(view.gaps, 0)} missing` : ""}</span>`)}
      ${field("Known of the bars", meter(view.completeness_ratio, ratio(view.completeness_ratio, 0)))}
      ${field("Known of everything", meter(view.score_ratio ?? null, ratio(view.score_ratio, 0)))}
      ${field("Seen", html`<time datetime=${view.seen_at}>${time(view.seen_at)} UTC</time>`)}
      ${field("Source", html`<bdi>${view.source}</bdi>`)}
      ${view.session ? field("Daily close", time(view.session.daily_close_at)) : nothing}
    </dl>
    ${(view.flags ?? []).map((flag) => html`<p class="refusal"><bdi>${flag}</bdi></p>`)}
    ${Object.entries(view.missing ?? {}).map(([name, why]) => html`<p class="refusal"><strong>Missing: <bdi>${name}</bdi>.</strong> <bdi>${why}</bdi></p>`)}
    ${regime.evidence.length ? html`<p class="sub">Why it was called ${regime.trend} ${regime.phase}</p><ul class="notes">${regime.evidence.map((one) => html`<li>${one}</li>`)}</ul>` : nothing}
    <div class="tables">
      ${GROUPS.map(([name, rows]) => table(`${name}`, ["", "At the close", "A bar before"], rows.map(([key, label]) => [label, figure(key, view.indicators[key]), figure(key, view.earlier[key])])))}
      ${table("Levels", ["", "Price", "ATRs away", "Touches", "Bars ago"], levels.map((one) => [one.kind, price(one.price), away(one), one.touches, one.bars_ago]))}
      ${table("Patterns", ["", "Expect", "Sure", "Bars ago"], patterns.map((one) => [one.name.replaceAll("_", " "), one.direction, ratio(one.confidence_ratio, 0), one.bars.at(-1) ?? NONE]))}
      ${table("The days before", ["", "Change", "High", "Low", "Range"], (view.periods ?? []).map((one) => [`${one.days} d${one.is_whole ? "" : " (in part)"}`, signed(ratio(one.change_ratio, 1, true)), price(one.high), price(one.low), ratio(one.range_ratio, 1)]))}
      ${table("The large picture", ["", "Trend", "Change", "RSI", "Bars"], (view.macro ?? []).map((one) => [one.timeframe, one.trend, signed(ratio(one.change_ratio, 1, true)), fixed(one.numbers["rsi_14"], 1), one.bars]))}
      ${table("All coins", ["", "", "Since"], (view.readings ?? []).map((one) => [one.name.replaceAll("_", " "), amount(one.unit, one.value), time(one.true_at)]))}
      ${around(view)}
    </div>
    ${fold("Pivots and retracement", html`<div class="tables">
      ${table("Pivots of the last day", ["", "Price", "ATRs away"], (view.pivots ?? []).map((one) => [one.kind.replaceAll("_", " "), price(one.price), away(one)]))}
      ${view.retracement ? table(`Retracement of ${price(view.retracement.from_price)} to ${price(view.retracement.to_price)}`, ["", "Price", "ATRs away"], view.retracement.marks.map((one) => [one.kind, price(one.price), away(one)])) : nothing}
    </div>`)}
    ${fold(`All ${Object.keys(view.indicators).length} indicators`, table("", ["", "At the close", "A bar before"], Object.keys(view.indicators).sort().map((key) => [key, figure(key, view.indicators[key]), figure(key, view.earlier[key])])))}`;
}

function around({ book, flow, funding, interest, symbol }: Known): TemplateResult | typeof nothing {
  const rows: (readonly [string, unknown])[] = [];
  if (book) rows.push(["Spread", `${fixed(book.spread_bps, 1)} bps`], ...book.depths.map((one) => [`Imbalance, ${one.levels} levels`, signed(fixed(one.imbalance_ratio, 2, { signed: true }))] as const));
  if (flow) rows.push(["Bought by takers", ratio(flow.buy_ratio, 0)], ["Trades a minute", fixed(flow.per_minute, 1)]);
  if (funding) rows.push(["Funding", ratio(funding.rate_ratio, 4, true)]);
  if (interest) rows.push(["Open interest", interest.notional_quote === null ? NONE : `${compact(Number(interest.notional_quote))} ${quoteOf(symbol)}`]);
  return table("Book, trades, perpetual", ["", ""], rows);
}

/** A table that is not there when it has no row; the first of each row names it. */
export function table(caption: string, heads: readonly string[], rows: readonly (readonly unknown[])[]): TemplateResult | typeof nothing {
  if (!rows.length) return nothing;
  return html`<table class="plain">${caption ? html`<caption>${caption}</caption>` : nothing}
    ${heads.some(Boolean) ? html`<thead><tr>${heads.map((head) => (head ? html`<th scope="col">${head}</th>` : html`<td></td>`))}</tr></thead>` : nothing}
    <tbody>${rows.map(([name, ...cells]) => html`<tr><th scope="row">${name}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody></table>`;
}

export function fold(title: string, content: unknown, open = false): TemplateResult {
  return html`<details class="fold" ?open=${open}><summary>${title}</summary>${content}</details>`;
}

function away({ distance_atr: distance }: Mark): string {
  return distance === null ? NONE : fixed(distance, 2, { signed: true });
}

/** Prices of the pair; the others have no unit, or one that their name tells. */
const QUOTED = /^(sma|ema|bb_(upper|middle|lower)|keltner|donchian|ichimoku|vwap|twap|sar|supertrend_\d|chandelier|atr_\d|macd)/;

function figure(name: string, value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (name === "volume_ratio") return multiple(value, "×");
  if (name.startsWith("change_") || /^(atr|bb_\w+)_ratio$/.test(name)) return ratio(value, 2, name.startsWith("change_"));
  if (QUOTED.test(name)) return fixed(value, Math.abs(value) >= 1 ? 2 : 6);
  return Math.abs(value) >= 1e4 ? compact(value) : fixed(value, Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 0.1 ? 2 : 4);
}
