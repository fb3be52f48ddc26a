/** Closed trades looked at again: what was expected, what came, and what to take from it. Every word is foreign. */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import "../styles/refused.css";
import { ratio, time } from "../format";
import type { PostMortemView, TradeView } from "../shapes";
import { LoadedPanel } from "./loaded";
import { empty, panel, segment, signed, whyHref } from "./parts";

const ASKED = 100;
const FIRST = 4;
const MORE = 10;

export class SemsigPostmortems extends LoadedPanel<readonly PostMortemView[]> {
  static override properties = { ...LoadedPanel.properties, scope: { state: true }, count: { state: true } };
  declare scope: "all" | "pair";
  declare count: number;

  constructor() {
    super();
    this.scope = "all";
    this.count = FIRST;
  }

  protected override async load(): Promise<readonly PostMortemView[]> {
    return (await this.api.postMortems(ASKED)).post_mortems;
  }

  protected override needs(): string {
    return this.state.health.status === "starting" ? "starting" : "running";
  }

  protected override render(): TemplateResult {
    const { state, frame, symbol, told, failed } = this;
    const known = new Map([...(told ?? []), ...state.postMortems].map((one) => [one.id, one]));
    const all = [...known.values()].sort((one, other) => Date.parse(other.written_at) - Date.parse(one.written_at));
    const chosen = this.scope === "pair" ? all.filter((one) => one.symbol === symbol) : all;
    const controls = all.length ? segment<"all" | "pair">("Which pairs", [["All pairs", "all"], [symbol, "pair"]], this.scope, (scope) => { this.scope = scope; this.count = FIRST; }) : nothing;
    const trades = new Map(state.trades.map((trade) => [trade.id, trade]));
    return panel({ name: "postmortems", title: "Post-mortems", frame, beside: html`<span class="count">${all.length}</span>`, controls }, () => html`
      ${failed ? html`<p class="refusal beyond">Older ones could not be asked for: ${failed} <button type="button" @click=${this.again}>Try again</button></p>` : nothing}
      ${chosen.length ? html`<ul class="lessons">${repeat(chosen.slice(0, this.count), ({ id }) => id, (one) => item(one, trades.get(one.trade_id) ?? null))}</ul>`
        : told || failed ? empty("No post-mortem yet", "When a trade has closed it is looked at again: what was expected, what came, and what to take from it.")
        : html`<div class="body" aria-busy="true"><p class="muted">Asking…</p></div>`}
      ${chosen.length > this.count ? html`<p class="more"><button type="button" @click=${() => (this.count += MORE)}>Show ${Math.min(MORE, chosen.length - this.count)} more of ${chosen.length}</button></p>` : nothing}`);
  }
}

/** A trade's id is made of its opening decision's. */
function decisionOf({ trade_id }: PostMortemView, trade: TradeView | null): string {
  return trade?.decision_id ?? trade_id.replace(/#order#closed$/, "");
}

function item(one: PostMortemView, trade: TradeView | null): TemplateResult {
  return html`<li class="lesson">
    <div class="row"><a class="symbol" href=${whyHref(decisionOf(one, trade))}>${one.symbol}</a><span class="verdict-words"><bdi>${one.verdict}</bdi></span>
      ${trade ? signed(ratio(trade.return_ratio, 2, true)) : nothing}<span class="muted push">${time(one.written_at)}</span></div>
    <dl><dt>Expected</dt><dd><bdi>${one.expected}</bdi></dd><dt>Came</dt><dd><bdi>${one.actual}</bdi></dd><dt>Lesson</dt><dd><bdi>${one.lesson}</bdi></dd></dl>
    <p class="muted evidence"><span>by <bdi>${one.by}</bdi></span></p>
  </li>`;
}

customElements.define("semsig-postmortems", SemsigPostmortems);
