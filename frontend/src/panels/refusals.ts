/** What the guards did not let happen, and why. */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { time } from "../format";
import type { RefusedView } from "../shapes";
import type { State } from "../state";
import { empty, whyHref } from "./parts";

export function refusals(state: State, shown: number, show: (count: number) => void): TemplateResult {
  const all = state.refusals;
  const counts = new Map<string, number>();
  for (const { guard } of all) counts.set(guard, (counts.get(guard) ?? 0) + 1);
  const most = [...counts].sort(([, one], [, other]) => other - one).slice(0, 4);
  return html`<section class="panel refusals" aria-labelledby="refusals-title">
    <div class="panel-head"><h2 id="refusals-title">Refusals</h2><span class="count">${all.length}</span></div>
    ${all.length ? html`<p class="chips guards">${most.map(([guard, count]) => html`<span class="chip">${guard} ${count}</span>`)}</p>
        <ul class="lessons">${repeat(all.slice(0, shown), ({ id }) => id, refused)}</ul>`
      : empty("Nothing refused", "When a guard stops what the model wants, it says here which one and why.")}
    ${all.length > shown ? html`<p class="more"><button type="button" @click=${() => show(shown + 10)}>Show 10 more</button></p>` : nothing}
  </section>`;
}

function refused({ decision_id, guard, reason, wanted, symbol, at, until }: RefusedView): TemplateResult {
  return html`<li class="lesson">
    <div class="row">
      ${wanted ? html`<span class="wanted">${wanted}</span>` : nothing}${decision_id ? html`<a class="symbol" href=${whyHref(decision_id)}>${symbol}</a>` : html`<span class="symbol">${symbol}</span>`}
      <span class="chip">${guard}</span><span class="muted push">${time(at)}</span>
    </div>
    <p>${reason}${until ? html` <span class="muted">Stands until ${time(until)}.</span>` : nothing}</p>
  </li>`;
}
