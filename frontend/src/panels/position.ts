/** What is open: where it stands between stop and target, in money and in R. */
import { html, nothing, type TemplateResult } from "lit";
import { positionRisk, scale, untilNextCandle } from "../figures";
import { NONE, between, duration, money, multiple, price, quantity, quoteOf, ratio } from "../format";
import type { PositionView } from "../shapes";
import type { State } from "../state";
import { actionTag, empty, field, panel, signed, whyHref, type Frame } from "./parts";

export function positions(state: State, chosen: string, quietMs: number | null, frame: Frame): TemplateResult {
  const sorted = [...state.positions].sort((one, other) => Number(other.symbol === chosen) - Number(one.symbol === chosen));
  const waiting = state.orders;
  const beside = html`<span class="count">${state.positions.length}</span>`;
  return panel({ name: "positions", title: "Open positions", frame, beside }, () => html`
    ${waiting.map((order) => html`<p class="waiting">${actionTag(order.side)} <strong>${order.symbol}</strong>
      order to ${order.purpose} waits for the next price.</p>`)}
    ${sorted.length ? sorted.map((held) => card(held, state)) : none()}
    <p class="muted under-table" data-test="next">${next(state)} · last tick ${quietMs === null ? NONE : `${duration(quietMs)} ago`}</p>`);
}

function none(): TemplateResult {
  return empty("Nothing is open", "All of it is cash.");
}

function next(state: State): string {
  const left = untilNextCandle(state);
  return left === null ? "No further candle is due" : `Next decision in ${duration(left)}`;
}

function card(held: PositionView, state: State): TemplateResult {
  const currency = quoteOf(held.symbol);
  const share = Number(held.unrealized_pnl_quote) / Number(held.notional_quote);
  return html`<article class="position" data-symbol=${held.symbol}>
    <div class="row">
      <h3>${held.symbol}</h3>${actionTag(held.side)}<a href=${whyHref(held.decision_id)} aria-label="Why ${held.symbol} was opened">why</a>
      <span class="push big">${signed(money(held.unrealized_pnl_quote, currency, true))}</span>
    </div>
    ${bar(held)}
    <dl class="fields">
      ${field("R now", held.r_now === null ? NONE : signed(multiple(held.r_now, "R", true)), "Unrealized result before fees, in units of the first stop's risk")}
      ${field("Return", signed(ratio(share, 2, true)))}
      ${field("At risk", money(positionRisk(held)), "What would be lost from here if the stop were hit at its price; fee and slippage come on top")}
      ${field("Held", between(held.opened_at, state.at))}
      ${field("Quantity", quantity(held.quantity))}
      ${field("Notional", money(held.notional_quote))}
      ${Number(held.funding_quote) ? field("Funding", money(held.funding_quote)) : nothing}
    </dl>
  </article>`;
}

/** stop — entry — now — target, whichever way the position faces. */
function bar(held: PositionView): TemplateResult {
  const { at, end } = scale(held);
  const percent = (value: string): string => `${(at(value) * 100).toFixed(2)}%`;
  const entry = at(held.entry_price);
  const now = at(held.mark_price);
  const gaining = now >= entry;
  const words = `Stop ${price(held.stop_price)}, entry ${price(held.entry_price)}, now ${price(held.mark_price)}, target ${price(held.target_price)}`;
  return html`<div class="scale" role="img" aria-label=${words}>
    <div class="scale-now" .style=${`left:clamp(28px, ${percent(held.mark_price)}, calc(100% - 28px))`}>${price(held.mark_price)}</div>
    <div class="track">
      <span class="run ${gaining ? "up" : "down"}" .style=${`left:${(Math.min(entry, now) * 100).toFixed(2)}%;width:${(Math.abs(now - entry) * 100).toFixed(2)}%`}></span>
      <span class="tick stop" .style=${`left:${percent(held.stop_price)}`}></span>
      <span class="tick entry" .style=${`left:${percent(held.entry_price)}`}></span>
      <span class="tick target"></span>
      <span class="pin" .style=${`left:${percent(held.mark_price)}`}></span>
    </div>
    <div class="ends">
      <span><span class="muted">stop</span> ${price(held.stop_price)}</span>
      <span><span class="muted">entry</span> ${price(held.entry_price)}</span>
      <span><span class="muted">${held.target_price === null ? "no target" : "target"}</span> ${held.target_price === null ? price(end) : price(held.target_price)}</span>
    </div>
  </div>`;
}
