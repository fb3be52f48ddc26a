/** What asking models costs, against what it may cost; what nobody told is said to be untold. */
import { html, nothing, type TemplateResult } from "lit";
import { NONE, compact, fixed, usd } from "../format";
import type { CostView, CostsView } from "../shapes";
import { empty, panel, twin } from "./parts";
import { LoadedPanel } from "./loaded";
import "../styles/numbers.css";

const DAYS = 30;

export class Costs extends LoadedPanel<CostsView> {
  static override properties = { ...LoadedPanel.properties, listed: { state: true } };
  declare listed: boolean;

  constructor() {
    super();
    this.listed = false;
  }

  protected override needs(): string {
    return `${this.state.decisions[0]?.id ?? "none"} ${this.state.postMortems[0]?.id ?? ""}`;
  }

  protected override load(): Promise<CostsView> {
    return this.api.costs();
  }

  protected override render(): TemplateResult {
    const { model } = this.state.health;
    return panel({ name: "costs", title: "Costs", frame: this.frame, beside: html`<span class="muted sum">of asking models</span>` },
      () => this.shown((told) => costsBody(told, model, this.listed, (open) => (this.listed = open)), "Adding up…"));
  }
}

export function costsBody(told: CostsView, model: string, listed = false, list: (open: boolean) => void = () => undefined): TemplateResult {
  const { total, budget } = told;
  const none = !total.calls && !total.unasked;
  return html`
    ${budget?.length ? html`<ul class="accounts">${budget.map((one) => account(one))}</ul>`
      : none ? nothing : html`<p class="muted body">No budget is kept here: no model of this instance is paid.</p>`}
    ${none ? empty("No model has been asked", `${model} decides here. ${isBuiltIn(model) ? "It is built in and costs nothing." : "Its first question will stand here."}`)
      : html`<dl class="figures sums">
          ${row("In all", cost(total), untold(total.cost_untold))}
          ${row("A decision", average(told), "on average, where a model was asked, with its repairs and post-mortems")}
          ${row("Questions", fixed(total.calls, 0), `${fixed(total.faults, 0)} brought no answer to use${total.unasked ? `, ${fixed(total.unasked, 0)} were not put` : ""}`)}
          ${row("Tokens in", tokens(total.input_tokens), untold(total.input_untold))}
          ${row("Tokens out", tokens(total.output_tokens), untold(total.output_untold))}
          ${row("Tokens thought", tokens(total.thinking_tokens), [total.thinking_tokens === null ? "" : "within those out", untold(total.thinking_untold)].filter(Boolean).join(", "))}
        </dl>
        <div class="table-place" tabindex="0" role="region" aria-label="Costs by model"><table class="by-model">
          <thead><tr><th scope="col">Model</th><th scope="col" class="number">Asked</th><th scope="col" class="number">Tokens in / out</th><th scope="col" class="number">Median</th><th scope="col" class="number">Cost</th></tr></thead>
          <tbody>${told.models.map((one) => html`<tr><th scope="row"><bdi>${one.model}</bdi> <small><bdi>${one.provider}</bdi></small></th>${cells(one.cost)}</tr>`)}</tbody>
          ${told.providers.length > 1 ? html`<tbody><tr><th scope="rowgroup" colspan="5" class="family">By provider</th></tr>
            ${told.providers.map((one) => html`<tr><th scope="row"><bdi>${one.provider}</bdi></th>${cells(one.cost)}</tr>`)}</tbody>` : nothing}
        </table></div>
        ${days(told, listed, list)}`}`;
}

function isBuiltIn(model: string): boolean {
  return model.includes("analyst");
}

function row(name: string, value: unknown, under: string): TemplateResult {
  return html`<div class="field"><dt>${name}</dt><dd>${value}${under ? html` <small>${under}</small>` : nothing}</dd></div>`;
}

function cells({ calls, faults, input_tokens, output_tokens, median_latency_s, ...rest }: CostView): TemplateResult {
  return html`<td class="number">${fixed(calls, 0)}${faults ? html` <small>${fixed(faults, 0)} failed</small>` : nothing}</td>
    <td class="number">${tokens(input_tokens)} / ${tokens(output_tokens)}</td>
    <td class="number">${median_latency_s === null ? NONE : `${fixed(median_latency_s, 1)} s`}</td>
    <td class="number">${cost(rest)}${rest.cost_untold ? html` <small>${untold(rest.cost_untold)}</small>` : nothing}</td>`;
}

/** A sum as told; with a plus where somebody did not tell. */
export function cost({ cost_usd, cost_untold }: Pick<CostView, "cost_usd" | "cost_untold">): string {
  return cost_usd === null ? "untold" : `${usd(cost_usd)}${cost_untold ? " +" : ""}`;
}

function tokens(count: number | null): string {
  return count === null ? "untold" : compact(count);
}

function untold(count: number): string {
  return count ? `${fixed(count, 0)} untold` : "";
}

/** Of a decision for which a model was asked: the others cost nothing. */
export function average({ total, decisions }: Pick<CostsView, "total" | "decisions">): string {
  if (total.cost_usd === null) return "untold";
  return decisions ? `${usd(Number(total.cost_usd) / decisions)}${total.cost_untold ? " +" : ""}` : NONE;
}

/** An account's name, as people say it: "2026-11-28" is a day. */
export function accountName(account: string): string {
  const match = /^(.*?) ?(\d{4}-\d{2}(-\d{2})?)$/.exec(account);
  if (!match) return account;
  const when = match[3] ? "Today" : "This month";
  return match[1] ? `${when}, ${match[1]}` : when;
}

function account({ account: name, cap_usd, spent_usd }: { account: string; cap_usd: string; spent_usd: string }): TemplateResult {
  const share = Number(cap_usd) > 0 ? Math.min(1, Number(spent_usd) / Number(cap_usd)) : 1;
  return html`<li><span>${accountName(name)}</span><span class="gauge ${share >= 0.8 ? "near" : ""}" aria-hidden="true"><span .style=${`width:${share * 100}%`}></span></span>
    <span class="number">${usd(spent_usd)} of ${usd(cap_usd)}${share >= 1 ? html` <strong class="down">used up</strong>` : nothing}</span></li>`;
}

function days({ days: told, earlier_days }: CostsView, listed: boolean, list: (open: boolean) => void): TemplateResult | typeof nothing {
  if (!told.length) return nothing;
  const shown = told.slice(0, DAYS);
  const most = Math.max(...shown.map(({ cost: one }) => Number(one.cost_usd ?? 0)));
  return html`<div class="by-day"><p class="muted">By day (UTC), the newest right${most ? `, at most ${usd(most)}` : ": nothing was charged"}</p>
    <div class="bars" aria-hidden="true">${[...shown].reverse().map(({ day, cost: one }) => html`<span title="${day}: ${cost(one)}" .style=${`height:${most ? Math.max(3, (100 * Number(one.cost_usd ?? 0)) / most) : 3}%`}></span>`)}</div></div>
    ${twin("Days as a table", listed, list, () => html`<div class="table-place" tabindex="0" role="region" aria-label="Costs by day"><table>
        <thead><tr><th scope="col">Day</th><th scope="col" class="number">Asked</th><th scope="col" class="number">Tokens in / out</th><th scope="col" class="number">Median</th><th scope="col" class="number">Cost</th></tr></thead>
        <tbody>${shown.map(({ day, cost: one }) => html`<tr><th scope="row">${day}</th>${cells(one)}</tr>`)}</tbody></table></div>
      ${earlier_days || told.length > DAYS ? html`<p class="muted under-table">Earlier days are left out.</p>` : nothing}`)}`;
}

customElements.define("semsig-costs", Costs);
