/** What was lived and what it taught: lessons, newest first, with how each ended. */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { multiple, ratio, time } from "../format";
import type { ExperienceView } from "../shapes";
import type { State } from "../state";
import { actionTag, empty, select, signed } from "./parts";

export interface MemorySort {
  readonly by: string;
  readonly shown: number;
}

const ORDERS = [["Newest", "newest"], ["Best return", "best"], ["Worst return", "worst"], ["Most confident", "confidence"]] as const;

const KEYS: Readonly<Record<string, (lived: ExperienceView) => number>> = {
  newest: (lived) => Date.parse(lived.closed_at),
  best: (lived) => lived.return_ratio,
  worst: (lived) => -lived.return_ratio,
  confidence: (lived) => lived.confidence_ratio,
};

export function memory(state: State, sort: MemorySort, setSort: (sort: MemorySort) => void): TemplateResult {
  const key = KEYS[sort.by] ?? KEYS["newest"]!;
  const all = [...state.experiences].sort((one, other) => key(other) - key(one));
  const shown = all.slice(0, sort.shown);
  const wins = all.filter(({ is_win }) => is_win).length;
  return html`<section class="panel memory" aria-labelledby="memory-title">
    <div class="panel-head">
      <h2 id="memory-title">Lessons</h2><span class="count">${all.length}</span>
      ${all.length ? html`<span class="muted sum">${wins} won · ${all.length - wins} lost</span>` : nothing}
      <div class="push">${select("Order of the lessons", ORDERS, sort.by as "newest", (by) => setSort({ ...sort, by }))}</div>
    </div>
    ${shown.length ? html`<ul class="lessons">${repeat(shown, ({ id }) => id, (lived) => lesson(lived))}</ul>`
      : empty("Nothing learned yet", "Each closed trade leaves a lesson here; later decisions recall the ones that fit.")}
    ${all.length > shown.length ? html`<p class="more"><button type="button" @click=${() => setSort({ ...sort, shown: sort.shown + 10 })}>Show 10 more</button></p>` : nothing}
  </section>`;
}

/** One experience; the why view shows the recalled ones the same way, with how alike they were. */
export function lesson(lived: ExperienceView, isRecalled = false): TemplateResult {
  return html`<li class="lesson">
    <div class="row">
      ${signed(ratio(lived.return_ratio, 2, true))}
      <span class="muted">${multiple(lived.r_multiple, "R", true)}</span>
      <span class="symbol">${lived.symbol}</span>${actionTag(lived.side)}
      <span class="muted push">${!isRecalled || lived.similarity_ratio === null ? nothing : html`${ratio(lived.similarity_ratio, 0)} alike · `}${time(lived.closed_at)}</span>
    </div>
    <p>${lived.lesson}</p>
    <p class="chips">${[lived.verdict, lived.regime, ...lived.conditions].filter(Boolean).slice(0, 6).map((chip) => html`<span class="chip">${chip}</span>`)}</p>
  </li>`;
}
