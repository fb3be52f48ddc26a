/** Every page, pair, panel and deed, found by typing a few letters of it. */
import { LitElement, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { matching, type Command } from "../commands";

export class CommandPalette extends LitElement {
  static override properties = { commands: { attribute: false }, words: { state: true }, at: { state: true } };
  declare commands: readonly Command[];
  declare words: string;
  declare at: number;

  constructor() {
    super();
    this.commands = [];
    this.words = "";
    this.at = 0;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  get #found(): readonly Command[] {
    return matching(this.commands, this.words);
  }

  #typed = (event: InputEvent): void => {
    this.words = (event.target as HTMLInputElement).value;
    this.at = 0;
  };

  #struck = (event: KeyboardEvent): void => {
    const last = this.#found.length - 1;
    const to = { ArrowDown: Math.min(last, this.at + 1), ArrowUp: Math.max(0, this.at - 1), Home: 0, End: last }[event.key];
    if (event.key === "Enter") this.#run(this.#found[this.at]);
    else if (to === undefined) return;
    else this.at = Math.max(0, to);
    event.preventDefault();
  };

  #run(command: Command | undefined): void {
    if (!command) return;
    this.dispatchEvent(new Event("done"));
    command.run();
  }

  /** Its code may come after the dialog has opened, and looked for whom to give the focus. */
  protected override firstUpdated(): void {
    this.querySelector("input")?.focus();
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has("at")) this.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }

  protected override render(): TemplateResult {
    const found = this.#found;
    return html`<div class="palette">
      <label class="sr-only" for="palette-words">Find a page, a pair, a panel or something to do</label>
      <input id="palette-words" type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list" autocomplete="off"
        spellcheck="false" placeholder="Find a page, a pair, a panel, something to do…"
        aria-activedescendant=${found.length ? `palette-${this.at}` : nothing} .value=${this.words} @input=${this.#typed} @keydown=${this.#struck} />
      <ul id="palette-list" role="listbox" aria-label="What was found">
        ${found.map((command, index) => html`<li id="palette-${index}" role="option" aria-selected=${index === this.at ? "true" : "false"}
          @click=${() => this.#run(command)} @pointermove=${() => (this.at = index)}>
          <span class="muted">${command.group}</span><span>${command.name}</span>${command.key === undefined ? nothing : html`<kbd>${command.key}</kbd>`}</li>`)}
      </ul>
      ${found.length ? nothing : html`<p class="muted" role="status">Nothing is called that.</p>`}
    </div>`;
  }
}

customElements.define("command-palette", CommandPalette);
