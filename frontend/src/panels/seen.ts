/** What the last decision on a pair saw beyond its bars: book, trades, perpetual, and what was missing. */
import { html, nothing, type TemplateResult } from "lit";
import { NONE, age, compact, duration, fixed, price, quoteOf, ratio } from "../format";
import type { SnapshotView } from "../shapes";
import type { State } from "../state";
import { lapse, lastOn, seenBy, type Question, type Surroundings } from "../surroundings";
import { field, gaps, meter, signed, whyHref } from "./parts";

export function seen({ state, around, symbol }: { state: State; around: Surroundings; symbol: string }): TemplateResult {
  const decision = lastOn(state, symbol);
  const view = seenBy(around, decision);
  return html`<h3 class="part-title">${symbol} ${decision ? html`at the <a href=${whyHref(decision)}>last decision</a>${view ? html`, ${age(view.seen_at, state.at)}` : nothing}` : nothing}</h3>
    ${failed(around, "snapshot")}
    ${view ? told(view) : html`<p class="muted unasked">${decision === null ? "No decision yet: this shows what the next one sees."
      : around.decision === decision ? "The archive no longer has what it saw." : around.failed.snapshot === undefined ? "Loading what it saw…" : NONE}</p>`}`;
}

export function failed(around: Surroundings, question: Question): TemplateResult | typeof nothing {
  const told = lapse(around, question);
  return told === null ? nothing : html`<p class="refusal"><strong>${told.title}</strong> ${told.why}</p>`;
}

function told(view: SnapshotView): TemplateResult {
  const { book, flow, funding, interest } = view;
  return html`
    ${view.is_disputed && !view.flags.some((flag) => flag.startsWith("price disputed")) ? html`<p class="refusal">price disputed: another venue told another price</p>` : nothing}
    ${view.flags.map((flag) => html`<p class="refusal"><bdi>${flag}</bdi></p>`)}
    <dl class="fields figures">
      ${field("Completeness", meter(view.score_ratio, ratio(view.score_ratio, 0)), `Of everything that could be known; of the bars ${ratio(view.completeness_ratio, 1)}`)}
      ${field("Spread", bps(book?.spread_bps))}
      ${field("Bought by takers", ratio(flow?.buy_ratio, 0), "Share of the traded volume in which the taker bought")}
      ${field("Trades a minute", fixed(flow?.per_minute, 1))}
      ${field("Funding", ratio(funding?.rate_ratio, 4, true), funding ? `${funding.perpetual}, each ${funding.interval_s ? duration(funding.interval_s * 1000) : "interval; the venue does not say how long"}` : undefined)}
      ${field("Funding a year", ratio(funding?.annualized_ratio, 1, true), "Simple, over 365 days")}
      ${field("Open interest", interest ? worth(interest.notional_quote, quoteOf(view.symbol)) : NONE, interest?.perpetual)}
      ${interest?.quantity ? field("Contracts open", html`${compact(Number(interest.quantity))} ${view.symbol.split("/")[0]}`) : nothing}
    </dl>
    ${view.is_simulated && !funding && !interest ? html`<p class="muted unasked">This market has no perpetuals: no funding and no open interest, and none is missed.</p>` : nothing}
    ${book ? depth(book, quoteOf(view.symbol)) : nothing}
    ${gaps("Missing", view.missing)}`;
}

function depth(book: NonNullable<SnapshotView["book"]>, currency: string): TemplateResult {
  const rows = [
    ...book.depths.map(({ levels, bids_quote, asks_quote, imbalance_ratio }) => [`${levels} levels`, bids_quote, asks_quote, imbalance_ratio, ""] as const),
    ...book.liquidity.map(({ bps: within, bids_quote, asks_quote, is_whole }) =>
      [`${within} bps`, bids_quote, asks_quote, null, is_whole ? "" : "≥\u00a0"] as const),
  ];
  return html`<table class="book">
    <caption>Order book of ${book.source}, in ${currency}</caption>
    <thead><tr><th scope="col">Within</th><th scope="col">Bids</th><th scope="col">Asks</th><th scope="col" title="−1: only asks, +1: only bids">Imbalance</th></tr></thead>
    <tbody>${rows.map(([name, bids, asks, lean, least]) => html`<tr><th scope="row">${name}</th><td>${least}${compact(bids)}</td><td>${least}${compact(asks)}</td>
      <td>${lean === null ? nothing : signed(fixed(lean, 2, { signed: true }))}</td></tr>`)}</tbody>
  </table>
  ${book.walls.map((wall) => html`<p class="wall"><span class="muted">Largest ${wall.is_bid ? "bid" : "ask"}</span> ${compact(wall.quote)} at ${price(wall.price)},
    ${bps(wall.distance_bps)} ${wall.is_bid ? "below" : "above"} the middle, ${ratio(wall.share_ratio, 0)} of its side</p>`)}`;
}

function bps(value: number | undefined): string {
  return value === undefined ? NONE : `${fixed(value, 1)}\u00a0bps`;
}

function worth(value: string | null, currency: string): string {
  return value === null ? NONE : `${compact(Number(value))}\u00a0${currency}`;
}
