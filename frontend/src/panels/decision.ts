/** The last decision for the chosen symbol: what was wanted, what was done, and why. */
import { html, nothing, type TemplateResult } from "lit";
import { age, price, ratio } from "../format";
import type { DecisionView } from "../shapes";
import type { State } from "../state";
import { actionTag, empty, field, meter, panel, whyHref, type Frame } from "./parts";

export function lastDecision(state: State, symbol: string, frame: Frame): TemplateResult {
  const made = state.decisions.find((decision) => decision.symbol === symbol);
  const beside = html`<span class="muted">${symbol}${made ? html` · ${age(made.closed_at, state.at)}` : nothing}</span>`;
  return panel({ name: "last", title: "Last decision", frame, beside }, () =>
    made ? html`<div class="body">${synopsis(made)}<p class="more"><a class="button" href=${whyHref(made.id)}>Why: everything that led to it</a></p></div>`
      : empty("No decision yet", `The first one for ${symbol} comes when its candle closes, or when you ask for it.`));
}

/** What was decided, at one glance. */
function synopsis(made: DecisionView): TemplateResult {
  return html`
    <div class="row verdict">
      ${wantedAndDone(made)}
      <span class="at">@ ${price(made.price)}</span>
      ${made.is_forced ? html`<span class="chip">forced</span>` : nothing}
      <span class="chip" title="State of the market when this was decided">${made.regime}</span>
    </div>
    ${made.refusals.map((refusal) => html`<p class="refusal"><strong>Refused by ${refusal.guard}.</strong> ${refusal.reason}</p>`)}
    ${made.reasoning ? html`<p class="reasoning">${made.reasoning}</p>` : html`<p class="muted">The model's reply could not be read, or it was not asked.</p>`}
    ${made.invalidation ? html`<p class="invalidation"><strong>Wrong if</strong> ${made.invalidation}</p>` : nothing}
    <dl class="fields">
      ${field("Confidence", meter(made.confidence_ratio, ratio(made.confidence_ratio, 0)))}
      ${field("P(next candle up)", meter(made.p_up, ratio(made.p_up, 0)), "The model's stated probability that the next close is above this one")}
      ${made.stop_price === null ? nothing : field("Stop", price(made.stop_price))}
      ${made.target_price === null ? nothing : field("Target", price(made.target_price))}
      ${field("Recalled", `${made.recalled.length} experience${made.recalled.length === 1 ? "" : "s"}`)}
      ${field("Rules shown", made.rules.length)}
    </dl>
    ${made.notes.length ? html`<ul class="notes">${made.notes.map((note) => html`<li>${note}</li>`)}</ul>` : nothing}`;
}

export function wantedAndDone(made: DecisionView): TemplateResult {
  return made.wanted !== null && made.wanted !== made.action
    ? html`<span class="wanted" title="What the model wanted">${made.wanted}</span><span class="sr-only"> was wanted, done: </span><span class="muted" aria-hidden="true">→</span>${actionTag(made.action)}`
    : actionTag(made.action);
}
