/** What many lessons agree on, with the evidence for and against. */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { ratio, time } from "../format";
import type { RuleView } from "../shapes";
import type { State } from "../state";
import { empty, panel, signed, type Frame } from "./parts";

const RANK: Readonly<Record<string, number>> = { active: 0, probation: 1, retired: 2 };

const MORE = 10;

export interface RulesProps {
  readonly state: State;
  readonly frame: Frame;
  readonly shown: number;
  show(count: number): void;
}

export function rules({ state, frame, shown, show }: RulesProps): TemplateResult {
  const all = [...state.rules].sort((one, other) => (RANK[one.status] ?? 3) - (RANK[other.status] ?? 3));
  const active = all.filter(({ status }) => status === "active").length;
  const beside = html`<span class="count">${all.length}</span><span class="muted sum">${active} active</span>`;
  return panel({ name: "rules", title: "Rules", frame, beside }, () => html`
    ${all.length ? html`<ul class="lessons">${repeat(all.slice(0, shown), ({ id }) => id, (formed) => rule(formed))}</ul>
        ${all.length > shown ? html`<p class="more"><button type="button" @click=${() => show(shown + MORE)}>Show ${Math.min(MORE, all.length - shown)} more of ${all.length}</button></p>` : nothing}
        <p class="muted under-table">A candidate is on trial: no decision is told of it until trades that closed after it was found bear it out.</p>`
      : empty("No rule yet", "Rules form once enough lessons agree; the next decisions are shown them.")}`);
}

export function rule(formed: RuleView): TemplateResult {
  const count = formed.wins + formed.losses;
  const favors = formed.kind === "favor";
  return html`<li class="lesson ${formed.status}">
    <div class="row">
      <span class="tag ${favors ? "up" : "down"}"><span class="arrow" aria-hidden="true">${favors ? "▲" : "▼"}</span>${formed.kind}</span>
      <span class="chip">${formed.status}</span>
      <span class="muted push">${time(formed.formed_at)}</span>
    </div>
    <p>${formed.text.includes(formed.pattern) ? nothing : html`<strong>${formed.pattern}</strong> `}${formed.text}</p>
    <div class="evidence">
      <span class="odds" aria-hidden="true"><span .style=${`width:${count ? (formed.wins / count) * 100 : 0}%`}></span></span>
      <span>${formed.wins} won · ${formed.losses} lost</span><span class="muted">${ratio(count ? formed.wins / count : null, 0)}</span>
      <span class="push" title="Mean return of these trades">${signed(ratio(formed.mean_return_ratio, 2, true))}</span>
    </div>
  </li>`;
}
