/** Closed trades looked at again: what was expected, what came, and what to take from it. Every word is foreign. */
import { LitElement, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import "../styles/refused.css";
import type { Api } from "../api";
import { ratio, time } from "../format";
import type { PostMortemView, TradeView } from "../shapes";
import type { State } from "../state";
import { Loaded } from "./asking";
import { empty, panel, segment, signed, whyHref, type Frame } from "./parts";

const ASKED = 100;
const FIRST = 4;
const MORE = 10;

export class SemsigPostmortems extends LitElement {
  static override properties = { api: { attribute: false }, state: { attribute: false }, symbol: {}, frame: { attribute: false }, scope: { state: true }, shown: { state: true } };
  declare api: Api;
  declare state: State;
  declare symbol: string;
  declare frame: Frame;
  declare scope: "all" | "pair";
  declare shown: number;
  readonly #asked = new Loaded<readonly PostMortemView[]>(this, async () => (await this.api.postMortems(ASKED)).post_mortems);

  constructor() {
    super();
    this.scope = "all";
    this.shown = FIRST;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override willUpdate(_: PropertyValues): void {
    if (this.frame.fold !== "closed") this.#asked.follow(this.state.health.status === "starting" ? "starting" : "running");
  }

  protected override render(): TemplateResult {
    const { state, frame, symbol } = this;
    const { told, failed } = this.#asked;
    const known = new Map([...(told ?? []), ...state.postMortems].map((one) => [one.id, one]));
    const all = [...known.values()].sort((one, other) => Date.parse(other.written_at) - Date.parse(one.written_at));
    const chosen = this.scope === "pair" ? all.filter((one) => one.symbol === symbol) : all;
    const controls = all.length ? segment<"all" | "pair">("Which pairs", [["All pairs", "all"], [symbol, "pair"]], this.scope, (scope) => { this.scope = scope; this.shown = FIRST; }) : nothing;
    const trades = new Map(state.trades.map((trade) => [trade.id, trade]));
    return panel({ name: "postmortems", title: "Post-mortems", frame, beside: html`<span class="count">${all.length}</span>`, controls }, () => html`
      ${failed ? html`<p class="refusal beyond">Older ones could not be asked for: ${failed} <button type="button" @click=${() => void this.#asked.load()}>Try again</button></p>` : nothing}
      ${chosen.length ? html`<ul class="lessons">${repeat(chosen.slice(0, this.shown), ({ id }) => id, (one) => item(one, trades.get(one.trade_id) ?? null))}</ul>`
        : told || failed ? empty("No post-mortem yet", "When a trade has closed it is looked at again: what was expected, what came, and what to take from it.")
        : html`<div class="body" aria-busy="true"><p class="muted">Asking…</p></div>`}
      ${chosen.length > this.shown ? html`<p class="more"><button type="button" @click=${() => (this.shown += MORE)}>Show ${Math.min(MORE, chosen.length - this.shown)} more of ${chosen.length}</button></p>` : nothing}`);
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
    <p class="muted evidence">by <bdi>${one.by}</bdi></p>
  </li>`;
}

customElements.define("semsig-postmortems", SemsigPostmortems);
