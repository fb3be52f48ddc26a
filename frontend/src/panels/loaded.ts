/** A panel that asks for what it shows: anew when a fact makes it old, never by a timer. */
import { LitElement, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { because, type Api } from "../api";
import type { State } from "../state";
import { empty, type Frame } from "./parts";

/** Facts come in bursts; what they make old is asked for at most so often. */
const BETWEEN_MS = 5_000;

export abstract class LoadedPanel<T> extends LitElement {
  static override properties = {
    api: { attribute: false }, state: { attribute: false }, symbol: { attribute: false }, theme: { attribute: false },
    frame: { attribute: false }, told: { state: true }, failed: { state: true },
  };
  declare api: Api;
  declare state: State;
  declare symbol: string;
  declare theme: "dark" | "light";
  declare frame: Frame;
  declare told: T | null;
  declare failed: string | null;

  #asked = "";
  #askedAt = -Infinity;
  #asking = false;
  #isToBeTried = false;

  constructor() {
    super();
    this.told = null;
    this.failed = null;
    this.symbol = "";
    this.theme = "dark";
    this.frame = { fold: "open", set: () => undefined };
  }

  /** What the answer depends on, as text: another text makes it old. */
  protected abstract needs(): string;

  /** A change that nobody should wait for: another question, not a newer answer. */
  protected asksAnother(_before: string, _now: string): boolean {
    return false;
  }

  protected abstract load(): Promise<T | null>;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override updated(_changed: PropertyValues): void {
    if (!this.api || !this.state || this.frame.fold === "closed" || this.#asking) return;
    const needs = this.needs();
    const soon = performance.now() - this.#askedAt < BETWEEN_MS;
    const isNew = needs !== this.#asked;
    if (!isNew && !this.#isToBeTried) return;
    if (soon && !(isNew && this.asksAnother(this.#asked, needs))) return;
    void this.#ask(needs);
  }

  async #ask(needs: string): Promise<void> {
    this.#asking = true;
    this.#asked = needs;
    this.#askedAt = performance.now();
    try {
      const told = await this.load();
      if (told !== null) this.told = told;
      this.failed = null;
      this.#isToBeTried = false;
    } catch (error) {
      // Asked again with the next fact: facts come, so the server answers.
      this.#isToBeTried = true;
      this.failed = because(error);
    } finally {
      this.#asking = false;
      this.requestUpdate();
    }
  }

  protected again = (): void => {
    this.#asked = "";
    this.#askedAt = -Infinity;
    this.requestUpdate();
  };

  /** What was told, or why it is not there. What is told stays when a newer answer fails, and says so. */
  protected shown(body: (told: T) => unknown, waiting: string): TemplateResult {
    const failed = this.failed === null ? nothing : html`<p class="refusal failed-note">Not renewed: <bdi>${this.failed}</bdi>
      <button type="button" @click=${this.again}>Try again</button></p>`;
    if (this.told !== null) return html`${failed}${body(this.told)}`;
    if (this.failed !== null)
      return html`${empty("Nothing to show", this.failed)}<p class="more"><button type="button" @click=${this.again}>Try again</button></p>`;
    return html`<p class="muted body" aria-busy="true">${waiting}</p>`;
  }
}
