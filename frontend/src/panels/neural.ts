/** What each pair's last decision made of its market; the chosen pair larger. Numbers are the market's, words the server's. */
import { LitElement, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import "../styles/neural.css";
import { because, type Api } from "../api";
import { NONE, age, fixed, number, price, ratio } from "../format";
import { OneAtATime } from "../one-at-a-time";
import type { DecisionView, Seen } from "../shapes";
import type { State } from "../state";
import { wantedAndDone } from "./decision";
import { empty, meter, panel, whyHref, type Frame } from "./parts";
import { SeenFirst } from "./seen-first";

export class SemsigNeural extends LitElement {
  static override properties = {
    api: { attribute: false }, state: { attribute: false }, symbol: { attribute: false }, frame: { attribute: false }, told: { state: true }, failed: { state: true },
  };
  declare api: Api;
  declare state: State;
  declare symbol: string;
  declare frame: Frame;
  /** By pair: what its last decision saw. */
  declare told: Readonly<Record<string, Seen>>;
  /** By pair: why it could not be asked. */
  declare failed: Readonly<Record<string, string>>;
  readonly #first = new SeenFirst(this);
  /** Pair → decision that was asked about last. */
  #asked = new Map<string, string>();
  readonly #turn = new OneAtATime();

  constructor() {
    super();
    this.told = {};
    this.failed = {};
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override willUpdate(_: PropertyValues): void {
    if (!this.#first.isSeen || this.frame.fold === "closed") return;
    if (this.#unasked().length) this.#turn.ask(() => Promise.all(this.#unasked().map((made) => this.#load(made))));
  }

  #unasked(): DecisionView[] {
    return newest(this.state).filter(({ symbol, id }) => this.#asked.get(symbol) !== id);
  }

  async #load({ id, symbol }: DecisionView): Promise<void> {
    this.#asked.set(symbol, id);
    try {
      const seen = await this.api.snapshot(id);
      if (this.#asked.get(symbol) === id) this.told = { ...this.told, [symbol]: seen };
      const { [symbol]: _, ...others } = this.failed;
      this.failed = others;
    } catch (error) {
      this.failed = { ...this.failed, [symbol]: because(error) };
    }
  }

  #again = (): void => {
    for (const symbol of Object.keys(this.failed)) this.#asked.delete(symbol);
    this.failed = {};
  };

  protected override render(): TemplateResult {
    const { state, symbol, frame, failed } = this;
    const made = newest(state);
    const chosen = made.find((one) => one.symbol === symbol);
    return panel({ name: "neural", title: "Neural state", frame, beside: html`<span class="muted">by the last decision on each pair</span>` }, () => html`
      ${Object.entries(failed).map(([pair, why]) => html`<p class="refusal"><strong>Could not ask what was seen of ${pair}.</strong> ${why} <button type="button" @click=${this.#again}>Try again</button></p>`)}
      ${chosen ? this.#large(chosen) : empty("No decision yet", `What ${symbol} looks like stands here once its first candle has closed.`)}
      ${made.length ? html`<ul class="minds">${repeat(made, (one) => one.symbol, (one) => this.#small(one))}</ul>` : nothing}`);
  }

  #seen(made: DecisionView): Seen | null {
    const seen = this.told[made.symbol];
    return seen?.decision_id === made.id ? seen : null;
  }

  #large(made: DecisionView): TemplateResult {
    const seen = this.#seen(made);
    const words = new Map(seen?.conditions.map(({ name, word }) => [name, word]));
    const now = seen?.snapshot?.indicators ?? {};
    const [trend] = made.regime.split(" ");
    const way = { bull: "up", bear: "down" }[trend ?? ""] ?? "flat";
    const rest = [...words].filter(([name]) => !["trend", "adx", "rsi", "macd", "volatility"].includes(name));
    return html`<div class="mind-large">
      <p class="mind-word"><span class="tag ${way}">${way === "flat" ? nothing : html`<span class="arrow" aria-hidden="true">${way === "up" ? "▲" : "▼"}</span>`}${made.regime}</span>
        <strong>${made.symbol}</strong> at ${price(made.price)} <span class="muted">${age(made.closed_at, this.state.at)}</span></p>
      ${seen === null && this.failed[made.symbol] === undefined ? html`<p class="muted" aria-busy="true">Loading what it saw…</p>` : nothing}
      <dl class="gauges">
        ${gauge("Trend", words.has("adx") ? `${words.get("trend")}, ${words.get("adx")} strength` : words.get("trend"), now["adx_14"], 60, "ADX")}
        ${gauge("Momentum", [words.get("rsi"), words.get("macd")].filter(Boolean).join(", ") || undefined, now["rsi_14"], 100, "RSI")}
        ${gauge("Volatility", words.get("volatility"), now["atr_rank_ratio"], 1, "ATR above this share of its past:")}
      </dl>
      ${rest.length ? html`<p class="chips">${rest.map(([name, word]) => html`<span class="chip">${name} ${word}</span>`)}</p>` : nothing}
    </div>`;
  }

  #small(made: DecisionView): TemplateResult {
    const snapshot = this.#seen(made)?.snapshot;
    return html`<li class="mind ${made.symbol === this.symbol ? "chosen" : ""}">
      <p class="row"><a class="symbol" href=${whyHref(made.id)} aria-label="Why ${made.symbol}: all that led to its last decision">${made.symbol}</a>${wantedAndDone(made)}<span class="muted push">${age(made.closed_at, this.state.at)}</span></p>
      <dl>
        <div><dt>Regime</dt><dd>${made.regime}</dd></div>
        <div><dt>Confidence</dt><dd>${meter(made.confidence_ratio, ratio(made.confidence_ratio, 0))}</dd></div>
        <div><dt title="Stated probability that the next close is higher">P(up next)</dt><dd>${meter(made.p_up, ratio(made.p_up, 0))}</dd></div>
        <div><dt title="Stated probability that the close 24 hours on is higher">P(up 24 h)</dt><dd>${meter(made.p_up_24h, ratio(made.p_up_24h, 0))}</dd></div>
        <div><dt title="Of everything that could be known of the market">Known</dt><dd>${snapshot === undefined || snapshot === null ? NONE : meter(snapshot.score_ratio, ratio(snapshot.score_ratio, 0))}</dd></div>
      </dl></li>`;
  }
}

/** Where a figure stands between 0 and `most`; the words beside it are the ones that memory compares. */
function gauge(name: string, word: string | undefined, value: number | null | undefined, most: number, of: string): TemplateResult {
  const known = value !== null && value !== undefined;
  const place = known ? Math.min(100, Math.max(0, (value / most) * 100)) : 0;
  const text = !known ? NONE : most === 1 ? ratio(value, 0) : most === 100 ? fixed(value, 0) : number(value, 1);
  return html`<div><dt>${name}</dt><dd><span class="gauge" aria-hidden="true">${known ? html`<span .style=${`left:${place}%`}></span>` : nothing}</span>
    <strong>${word ?? "not known"}</strong> <span class="muted">${of} ${text}</span></dd></div>`;
}

/** The newest decision on each pair, in the order of the pairs. */
function newest({ decisions, health }: State): DecisionView[] {
  return health.symbols.map((symbol) => decisions.find((made) => made.symbol === symbol)).filter((made) => made !== undefined);
}

customElements.define("semsig-neural", SemsigNeural);
