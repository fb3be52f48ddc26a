/** The chart as the last decision on the chosen pair was shown it. */
import { LitElement, html, nothing, type TemplateResult } from "lit";
import "../charts/picture";
import "../styles/cortex.css";
import type { Api } from "../api";
import { age, time } from "../format";
import { OneAtATime } from "../one-at-a-time";
import type { Seen } from "../shapes";
import type { State } from "../state";
import { lastOn } from "../surroundings";
import { inWords } from "./in-words";
import { empty, panel, whyHref, type Frame } from "./parts";
import { SeenFirst } from "./seen-first";

/** Decides by figures alone. */
const RULES = "rules-analyst";

export class SemsigCortex extends LitElement {
  static override properties = {
    api: { attribute: false }, state: { attribute: false }, symbol: { attribute: false }, frame: { attribute: false }, seen: { state: true },
  };
  declare api: Api;
  declare state: State;
  declare symbol: string;
  declare frame: Frame;
  declare seen: Seen | null;
  readonly #first = new SeenFirst(this);
  #asked: string | null = null;
  readonly #turn = new OneAtATime();

  constructor() {
    super();
    this.seen = null;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override willUpdate(): void {
    const id = lastOn(this.state, this.symbol);
    if (!this.#first.isSeen || this.frame.fold === "closed" || id === null || id === this.#asked) return;
    this.#asked = id;
    // The words only say more with it: without it they still say which chart it is.
    this.#turn.ask(() => this.api.snapshot(id).then((seen) => id === this.#asked && (this.seen = seen)));
  }

  readonly #load = (id: string): Promise<Blob> => this.api.chart(id);

  protected override render(): TemplateResult {
    const { state, symbol, frame, seen } = this;
    const made = state.decisions.find((one) => one.symbol === symbol);
    const words = made ? inWords(made, seen?.decision_id === made.id ? seen.snapshot : null) : "";
    return panel({ name: "cortex", title: "Visual cortex", frame, beside: made ? html`<span class="muted">${symbol}, ${age(made.closed_at, state.at)}</span>` : nothing }, () =>
      made ? html`<figure class="cortex-place">
          ${this.#first.isSeen ? html`<decision-picture .decision=${made.id} .load=${this.#load} .name=${`${symbol} ${made.timeframe}, ${time(made.closed_at)} UTC`} .words=${words}></decision-picture>`
            : html`<div class="picture-place"></div>`}
          <figcaption>${words} ${made.model === RULES ? "The rules analyst read the figures, not this picture." : nothing} <a href=${whyHref(made.id)}>Why it decided as it did</a></figcaption>
        </figure>`
        : empty("No chart yet", `It is drawn when the first candle of ${symbol} has closed and a decision is made on it.`));
  }
}

customElements.define("semsig-cortex", SemsigCortex);
