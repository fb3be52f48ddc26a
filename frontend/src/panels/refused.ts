/** What the guards did not let happen, and what it would have come to: whether each guard helped. */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import "../styles/refused.css";
import { multiple, ratio, time } from "../format";
import type { HindsightView, RefusedView } from "../shapes";
import { LoadedPanel } from "./loaded";
import { actionTag, empty, panel, select, signed, whyHref } from "./parts";

const ASKED = 300;
const FIRST = 6;
const MORE = 20;

export interface Known {
  readonly refused: RefusedView;
  readonly hindsight: HindsightView | null;
}

/** `mean`: of the entries of which it is known what they would have come to, each once. Below nothing the guard helped. */
export interface GuardRow {
  readonly guard: string;
  readonly refusals: number;
  readonly judged: number;
  readonly mean: number | null;
}

/** What was just told goes before what was asked for; under one id once. */
export function joined(told: readonly RefusedView[], asked: readonly RefusedView[], hindsights: readonly HindsightView[]): readonly Known[] {
  const known = new Map([...asked, ...told].map((one) => [one.id, one]));
  const after = new Map(hindsights.map((one) => [one.id, one]));
  return [...known.values()]
    .sort((one, other) => Date.parse(other.at) - Date.parse(one.at))
    .map((refused) => ({ refused, hindsight: refused.decision_id === null ? null : after.get(refused.decision_id) ?? null }));
}

export function byGuard(all: readonly Known[]): readonly GuardRow[] {
  const rows = new Map<string, { refusals: number; returns: Map<string, number> }>();
  for (const { refused, hindsight } of all) {
    const row = rows.get(refused.guard) ?? { refusals: 0, returns: new Map<string, number>() };
    rows.set(refused.guard, row);
    row.refusals += 1;
    if (hindsight?.return_ratio !== null && hindsight?.return_ratio !== undefined) row.returns.set(hindsight.id, hindsight.return_ratio);
  }
  return [...rows].map(([guard, { refusals, returns }]) => {
    const sum = [...returns.values()].reduce((total, one) => total + one, 0);
    return { guard, refusals, judged: returns.size, mean: returns.size ? sum / returns.size : null };
  }).sort((one, other) => other.refusals - one.refusals || one.guard.localeCompare(other.guard));
}

interface Asked {
  readonly refusals: readonly RefusedView[];
  readonly hindsights: readonly HindsightView[];
}

export class SemsigRefusals extends LoadedPanel<Asked> {
  static override properties = { ...LoadedPanel.properties, guard: { state: true }, pair: { state: true }, count: { state: true } };
  declare guard: string;
  declare pair: string;
  declare count: number;

  constructor() {
    super();
    this.guard = this.pair = "all";
    this.count = FIRST;
  }

  protected override async load(): Promise<Asked> {
    const [{ refusals }, { refusals: hindsights }] = await Promise.all([this.api.refusals(ASKED), this.api.hindsights(ASKED)]);
    return { refusals, hindsights };
  }

  /** What comes later is in the state; asked again only after the server began anew. */
  protected override needs(): string {
    return this.state.health.status === "starting" ? "starting" : "running";
  }

  protected override render(): TemplateResult {
    const { state, frame, told, failed } = this;
    const all = joined(state.refusals, told?.refusals ?? [], [...(told?.hindsights ?? []), ...[...state.hindsights].reverse()]).slice(0, ASKED);
    const guards = byGuard(all);
    const chosen = all.filter(({ refused }) => (this.guard === "all" || refused.guard === this.guard) && (this.pair === "all" || refused.symbol === this.pair));
    const controls = all.length ? html`
      ${select("Guard", [["All guards", "all"], ...guards.map(({ guard }) => [plain(guard), guard] as const)], this.guard, (guard) => this.#choose({ guard }))}
      ${select("Pair", [["All pairs", "all"], ...state.health.symbols.map((symbol) => [symbol, symbol] as const)], this.pair, (pair) => this.#choose({ pair }))}` : nothing;
    return panel({ name: "refusals", title: "Refusals", frame, beside: html`<span class="count">${all.length}</span>`, controls }, () => html`
      ${failed ? html`<p class="refusal beyond">Older refusals could not be asked for: ${failed} <button type="button" @click=${this.again}>Try again</button></p>` : nothing}
      ${all.length ? html`${table(guards, this.guard, (guard) => this.#choose({ guard }))}
          ${chosen.length ? html`<ul class="lessons">${repeat(chosen.slice(0, this.count), ({ refused: { id } }) => id, item)}</ul>` : empty("None of these", "Choose another guard or pair.")}
          ${chosen.length > this.count ? html`<p class="more"><button type="button" @click=${() => (this.count += MORE)}>Show ${Math.min(MORE, chosen.length - this.count)} more of ${chosen.length}</button></p>` : nothing}`
        : told || failed ? empty("Nothing refused", "When a guard stops what the model wants, it says here which one and why, and later what it would have come to.")
        : html`<div class="body" aria-busy="true"><p class="muted">Asking…</p></div>`}`);
  }

  #choose(change: { guard?: string; pair?: string }): void {
    Object.assign(this, change);
    this.count = FIRST;
  }
}

function plain(guard: string): string {
  return guard.replaceAll("_", " ");
}

function table(rows: readonly GuardRow[], chosen: string, choose: (guard: string) => void): TemplateResult {
  return html`<div class="table-place" tabindex="0" role="region" aria-label="Each guard: how often, and what the refused entries would have come to"><table>
    <thead><tr><th scope="col">Guard</th><th scope="col" class="number">Refused</th><th scope="col" class="number" title="Mean return of the refused entries, net of fees, of those of which it is known">Would have come to</th><th scope="col">So it</th></tr></thead>
    <tbody>${rows.map(({ guard, refusals, judged, mean }) => html`<tr>
      <th scope="row"><button type="button" class="linklike" aria-pressed=${chosen === guard ? "true" : "false"} @click=${() => choose(chosen === guard ? "all" : guard)}>${plain(guard)}</button></th>
      <td class="number">${refusals}</td>
      <td class="number">${mean === null ? html`<span class="muted">not known</span>` : html`${signed(ratio(mean, 2, true))} <span class="muted">n ${judged}</span>`}</td>
      <td>${mean === null ? html`<span class="muted">–</span>` : mean < 0 ? html`<span class="up">helped</span>` : mean > 0 ? html`<span class="down">cost</span>` : "changed nothing"}${judged && judged < 10 ? html` <span class="muted">few</span>` : nothing}</td>
    </tr>`)}</tbody></table></div>
    <p class="muted under-table">Of the newest ${ASKED} refusals. Only entries are followed, each until its stop, its target or its time; n counts them once a guard.</p>`;
}

function item({ refused: { decision_id, guard, reason, wanted, symbol, at, until }, hindsight }: Known): TemplateResult {
  return html`<li class="lesson">
    <div class="row">${wanted ? html`<span class="wanted">${wanted}</span>` : nothing}${hindsight ? actionTag(hindsight.side) : nothing}
      ${decision_id ? html`<a class="symbol" href=${whyHref(decision_id)}>${symbol}</a>` : html`<span class="symbol">${symbol}</span>`}
      <span class="chip">${plain(guard)}</span><span class="muted push">${time(at)}</span></div>
    <p><bdi>${reason}</bdi>${until ? html` <span class="muted">Stands until ${time(until)}.</span>` : nothing}</p>
    ${hindsight ? html`<p class="after">${after(hindsight)}</p>` : nothing}
  </li>`;
}

function after({ return_ratio, r_multiple, end, closed_at }: HindsightView): unknown {
  if (return_ratio === null) return html`<span class="muted">What comes of it is watched; where the first price had already jumped a level, nothing will be told.</span>`;
  return html`Would have come to ${signed(ratio(return_ratio, 2, true))}${r_multiple === null ? nothing : html`, ${signed(multiple(r_multiple, "R", true))}`} <span class="muted">by ${end}, ${time(closed_at)}</span>`;
}

customElements.define("semsig-refusals", SemsigRefusals);
