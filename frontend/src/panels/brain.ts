/** What it remembered, decided and did, as a graph or as a list of the same; the chosen piece stands beside it. */
import { LitElement, html, nothing, svg, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { because, type Api } from "../api";
import { NAMES, SHAPES, beside, called, stories, under, type Kind, type Step, type Story } from "../brain";
import type { BrainGraph } from "../charts/brain-graph";
import { instant, money, multiple, price, quoteOf, ratio, time } from "../format";
import type { BrainNode, BrainView } from "../shapes";
import type { State } from "../state";
import "../styles/brain.css";
import { empty, field, panel, segment, signed, whyHref, type Frame } from "./parts";

/** Facts come in swarms: it is asked when they are over, and never more often than this. */
const CALM_MS = 600;
const OFTEN_MS = 3000;

type Shape = "graph" | "list";

/** What was chosen lasts when the panel is made anew elsewhere on the page. */
const kept: { shape: Shape | null; only: boolean; chosen: string | null } = { shape: null, only: false, chosen: null };

export class SemsigBrain extends LitElement {
  static override properties = {
    api: { attribute: false }, state: { attribute: false }, symbol: { attribute: false }, theme: { attribute: false },
    frame: { attribute: false }, decision: { attribute: false }, view: { state: true }, failed: { state: true },
    chosen: { state: true }, shape: { state: true }, only: { state: true }, unfolded: { state: true },
  };
  declare api: Api;
  declare state: State;
  declare symbol: string;
  declare theme: "dark" | "light";
  declare frame: Frame;
  /** One to be told of whatever it did, and chosen. */
  declare decision: string | null;
  declare view: BrainView | null;
  declare failed: string | null;
  declare chosen: string | null;
  declare shape: Shape;
  /** The chosen pair alone. */
  declare only: boolean;
  /** Stories of the list that stand open; the newest does from the start. */
  declare unfolded: ReadonlySet<string>;

  #heard = "";
  #asked = "";
  #askedAt = -OFTEN_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.decision = this.view = this.failed = null;
    this.shape = kept.shape ?? (matchMedia("(max-width: 640px)").matches ? "list" : "graph");
    this.only = kept.only;
    this.chosen = kept.chosen;
    this.unfolded = new Set();
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("decision") && this.decision) this.chosen = `decision:${this.decision}`;
  }

  /** What is inside is made when it is first opened: a page of closed ones stays light. */
  #unfold = (id: string): void => {
    if (!this.unfolded.has(id)) this.unfolded = new Set([...this.unfolded, id]);
  };

  protected override updated(): void {
    if (this.frame.fold === "closed") return;
    if (this.shape === "graph") void import("../charts/brain-graph");
    const asked = `${this.only ? this.symbol : ""} ${this.decision ?? ""}`;
    const heard = tidings(this.state);
    if (asked !== this.#asked) {
      this.#asked = asked;
      this.#heard = heard;
      void this.#load();
    } else if (heard !== this.#heard) {
      this.#heard = heard;
      const wait = Math.max(CALM_MS, this.#askedAt + OFTEN_MS - performance.now());
      this.#timer ??= setTimeout(() => void this.#load(), wait);
    }
  }

  async #load(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#askedAt = performance.now();
    const asked = this.#asked;
    try {
      const view = await this.api.brain(this.only ? this.symbol : null, this.decision);
      if (asked !== this.#asked) return;
      this.view = view;
      this.failed = null;
    } catch (error) {
      if (asked === this.#asked) this.failed = because(error);
    }
  }

  #choose = (id: string | null): void => {
    this.chosen = kept.chosen = id;
  };

  /** Where it stands below the list, it is brought to sight. */
  #read = (id: string): void => {
    this.#choose(id);
    void this.updateComplete.then(() => this.querySelector(".brain-beside")?.scrollIntoView({ block: "nearest" }));
  };

  protected override render(): TemplateResult {
    const { frame, only, symbol, shape } = this;
    const controls = html`
      ${segment<boolean>("Pairs of the graph", [["All pairs", false], [symbol, true]], only, (value) => (this.only = kept.only = value))}
      ${segment<Shape>("Shown as", [["Graph", "graph"], ["List", "list"]], shape, (value) => (this.shape = kept.shape = value))}`;
    return panel({ name: "brain", title: "Brain", frame, beside: html`<span class="muted">what led to what</span>`, controls }, () => this.#body());
  }

  #body(): TemplateResult {
    const { view, failed } = this;
    const wrong = failed ? html`<p class="refusal" role="status"><strong>Not read.</strong> ${failed} <button type="button" @click=${() => void this.#load()}>Try again</button></p>` : nothing;
    if (!view) return html`<div class="brain-place">${failed ? wrong : html`<p class="waits" aria-busy="true">Reading the ledger…</p>`}</div>`;
    if (!view.nodes.length)
      return html`${wrong}${empty("Nothing was decided yet", `The first decision that does something, or is refused, begins the graph${this.only ? ` of ${this.symbol}` : ""}; most candles only lead to HOLD, which is left out.`)}`;
    const node = view.nodes.find(({ id }) => id === this.chosen) ?? null;
    return html`${wrong}
      <div class="brain-place">
        <div class="brain-main">
          ${this.shape === "graph" ? this.#graph(view) : list(view, this.chosen, this.#read, this.unfolded, this.#unfold)}
          ${view.earlier ? html`<p class="muted earlier">The newest ${view.nodes.length} pieces. Older ones are not shown.</p>` : nothing}
        </div>
        <p class="sr-only" role="status">${node ? `${NAMES[node.kind]}: ${called(node)}, ${time(node.at)}` : nothing}</p>
        <aside class="brain-beside" aria-label="The chosen piece">
          ${node ? detail(node, view, this.#choose) : html`<p class="muted">Choose a piece to read what it says and what it led to.</p>`}
        </aside>
      </div>`;
  }

  #graph(view: BrainView): TemplateResult {
    const act = (how: (graph: BrainGraph) => void) => (): void => {
      const graph = this.querySelector<BrainGraph>("brain-graph");
      if (graph) how(graph);
    };
    return html`
      <div class="brain-canvas">
        <brain-graph .view=${view} .chosen=${this.chosen} .theme=${this.theme} .full=${this.frame.fold === "full"}
          @choose=${(event: CustomEvent<string | null>) => this.#choose(event.detail)}></brain-graph>
        <div class="brain-zoom" role="group" aria-label="Zoom of the graph">
          <button type="button" class="icon" aria-label="Zoom in" title="Zoom in (Ctrl and wheel)" @click=${act((graph) => graph.zoom(1.25))}>+</button>
          <button type="button" class="icon" aria-label="Zoom out" title="Zoom out (Ctrl and wheel)" @click=${act((graph) => graph.zoom(0.8))}>−</button>
          <button type="button" @click=${act((graph) => graph.fit())}>Fit</button>
        </div>
      </div>
      ${legend()}`;
  }
}

/** What may have changed the graph: not a mark, not a minute. */
function tidings({ decisions, trades, positions, lesson, refusals }: State): string {
  const held = positions.map(({ id, stop_price, target_price }) => `${id} ${stop_price} ${target_price}`).sort();
  return [decisions[0]?.id, trades[0]?.id, lesson, refusals[0]?.id, ...held].join("|");
}

function glyph(kind: Kind, tone = "flat"): TemplateResult {
  return html`<svg class="glyph ${tone}" viewBox="0 0 20 20" width="14" height="14" aria-hidden="true">${svg`<path d=${SHAPES[kind]} fill="currentColor"/>`}</svg>`;
}

const LINES = [["led", "", "led to"], ["told", "5 4", "was recalled or shown for"], ["taught", "1 4", "taught"]] as const;

function legend(): TemplateResult {
  return html`<ul class="brain-legend" aria-label="Legend">
    ${(Object.keys(NAMES) as Kind[]).map((kind) => html`<li>${glyph(kind)} ${NAMES[kind]}</li>`)}
    ${LINES.map(([name, dashes, says]) => html`<li><svg class="line ${name}" viewBox="0 0 26 8" width="26" height="8" aria-hidden="true">${svg`<path d="M0 4h26" stroke="currentColor" stroke-width="2" stroke-dasharray=${dashes || nothing} fill="none"/>`}</svg> ${says}</li>`)}
    <li><span class="up">▲ long or won</span></li><li><span class="down">▼ short or lost</span></li>
  </ul>`;
}

/** The same as the graph, for reading: a trade after the other, before each decision what was recalled for it. */
function list(
  view: BrainView, chosen: string | null, choose: (id: string) => void, unfolded: ReadonlySet<string>, unfold: (id: string) => void,
): TemplateResult {
  const row = (node: BrainNode): TemplateResult => html`<button type="button" class="piece" aria-pressed=${node.id === chosen ? "true" : "false"} @click=${() => choose(node.id)}>
    ${glyph(node.kind, node.tone)}<span class="what"><span class="sr-only">${NAMES[node.kind]}: </span><bdi>${called(node)}</bdi></span><span class="figure-of">${worth(node)}</span></button>`;
  const step = ({ node, because }: Step): TemplateResult => html`
    ${because.length ? html`<li><span class="muted">Recalled for ${called(node)}</span><ul>${because.map((one) => html`<li>${row(one)}</li>`)}</ul></li>` : nothing}
    <li>${row(node)}</li>`;
  return html`<ol class="brain-list" aria-label="Trades and refusals, newest first">
    ${repeat(stories(view), ({ id }) => id, (story, place) => html`<li><details ?open=${place === 0} @toggle=${() => unfold(story.id)}>
      <summary>${head(story)}</summary>
      ${place === 0 || unfolded.has(story.id) ? html`<ol class="brain-steps">${story.steps.map(step)}
        ${story.taught ? html`<li><span class="muted">Taught</span><ul><li>${row(story.taught)}</li></ul></li>` : nothing}</ol>` : nothing}
    </details></li>`)}
  </ol>`;
}

function head({ steps, entry, close }: Story): TemplateResult {
  const first = steps[0]!.node;
  const node = close ?? entry ?? steps.at(-1)!.node;
  const name = entry ?? first;
  const ends = close ? html`${close.title.replace("Closed", "closed")} ${signed(money(close.pnl_quote, quoteOf(close.symbol ?? ""), true))}
      <span class="muted">${close.r_multiple === null ? nothing : multiple(close.r_multiple, "R", true)}</span>`
    : entry ? html`<span class="muted">open</span>` : node.kind === "refusal" ? html`<span class="muted">not done: <bdi>${node.title}</bdi></span>` : nothing;
  const title = entry || (close && first.kind === "close") ? (name.title.split(" ")[0] ?? "") : first.kind === "decision" ? first.title : NAMES[first.kind];
  return html`<span class="row"><strong>${title} ${name.symbol ?? ""}</strong> <span class="brain-ends">${ends}</span> <span class="muted push">${time(first.at)}</span></span>`;
}

/** Of a piece, what a figure says, coloured and signed. */
function worth(node: BrainNode): unknown {
  const [text, ...at] = under(node).replace(/^[▲▼] /, "").split(" · ");
  const isResult = node.kind === "memory" || node.kind === "rule" || node.kind === "close";
  return isResult ? html`${signed(text!)}${at.map((when) => html` <span class="muted">${when}</span>`)}` : html`<span class="muted">${text}</span>`;
}

function detail(node: BrainNode, view: BrainView, choose: (id: string) => void): TemplateResult {
  const { before, after } = beside(view, node.id);
  const quote = quoteOf(node.symbol ?? "");
  const others = (title: string, nodes: readonly BrainNode[]): unknown => nodes.length
    ? html`<h4>${title}</h4><ul>${nodes.map((one) => html`<li><button type="button" class="piece" @click=${() => choose(one.id)}>${glyph(one.kind, one.tone)}<span class="what"><span class="sr-only">${NAMES[one.kind]}: </span><bdi>${called(one)}</bdi></span><span class="figure-of">${worth(one)}</span></button></li>`)}</ul>`
    : nothing;
  return html`
    <p class="kind muted">${glyph(node.kind, node.tone)} ${NAMES[node.kind]}</p>
    <h3><bdi>${called(node)}</bdi></h3>
    <dl class="fields">
      ${node.symbol ? field("Pair", node.symbol) : nothing}
      ${field("When", time(node.at), instant(node.at))}
      ${node.price === null ? nothing : field("Price", price(node.price))}
      ${node.stop_price === null ? nothing : field("Stop", price(node.stop_price))}
      ${node.target_price === null ? nothing : field("Target", price(node.target_price))}
      ${node.pnl_quote === null ? nothing : field("Result", signed(money(node.pnl_quote, quote, true)))}
      ${node.return_ratio === null ? nothing : field(node.kind === "rule" ? "Mean return" : "Return", signed(ratio(node.return_ratio, 2, true)))}
      ${node.r_multiple === null ? nothing : field("Of the risk", signed(multiple(node.r_multiple, "R", true)))}
    </dl>
    ${node.detail ? html`<p class="reasoning"><bdi>${node.detail}</bdi></p>` : nothing}
    ${node.decision_id === null ? nothing : html`<p><a class="button" href=${whyHref(node.decision_id)}>${node.kind === "decision" ? "Why this was decided" : "Why: the decision behind it"}</a></p>`}
    ${others("Came from", before)}${others("Led to", after)}`;
}

customElements.define("semsig-brain", SemsigBrain);
