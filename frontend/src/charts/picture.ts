/** The archived chart of one decision. An `<img src>` cannot say who asks, so the bytes come through the API like all else. */
import { LitElement, html, type PropertyValues, type TemplateResult } from "lit";
import { ApiError } from "../api";
import { OneAtATime } from "../one-at-a-time";
import "../styles/picture.css";

export class DecisionPicture extends LitElement {
  static override properties = {
    decision: { attribute: false }, load: { attribute: false }, name: { attribute: false }, words: { attribute: false }, url: { state: true }, failed: { state: true },
  };
  declare decision: string;
  /** What it is called, and what is on it, for those who do not see it. */
  declare name: string;
  declare words: string;
  declare load: (id: string) => Promise<Blob>;
  declare url: string | null;
  declare failed: string | null;

  readonly #turn = new OneAtATime();

  constructor() {
    super();
    this.url = this.failed = null;
    this.name = "Chart";
    this.words = "Candles, averages, volume and RSI at that close";
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    // Moved elsewhere on the page: its bytes were let go when it left.
    if (this.hasUpdated) void this.#fetch(this.decision);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#let();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("decision")) this.#turn.ask(() => this.#fetch(this.decision));
  }

  /** The one before stands until there is another: whoever is about to press it finds it. */
  async #fetch(id: string): Promise<void> {
    const told = await this.load(id).catch(words);
    if (!this.isConnected || id !== this.decision) return;
    this.#let();
    if (typeof told === "string") this.failed = told;
    else this.url = URL.createObjectURL(told);
  }

  async #enlarge(url: string): Promise<void> {
    const { enlarge } = await import("./lightbox");
    if (this.url === url) enlarge(url, this.name, this.words, () => this.querySelector("button")?.focus());
  }

  /** The browser keeps the bytes of an address until it is told to let them go. */
  #let(): void {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = this.failed = null;
  }

  protected override render(): TemplateResult {
    const { url, failed } = this;
    if (failed) return html`<p class="muted">${failed}</p>`;
    if (!url) return html`<p class="muted picture-place" aria-busy="true">Loading the chart…</p>`;
    return html`<button type="button" class="picture-open" aria-haspopup="dialog" aria-label="Enlarge: ${this.words}" title="Enlarge" @click=${() => void this.#enlarge(url)}>
      <img class="picture" src=${url} alt="" width="1920" height="1080" /></button>`;
  }
}

function words(error: unknown): string {
  if (!(error instanceof ApiError)) return "The chart could not be loaded: the server did not answer.";
  return error.problem.status === 404 ? "No chart was kept of that close." : `The chart could not be loaded: ${error.message}`;
}

customElements.define("decision-picture", DecisionPicture);
