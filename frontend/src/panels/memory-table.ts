/** Everything lived, as a table: sorted, searched, chosen by time, side and outcome; a row opens what it taught and who recalled it. */
import { LitElement, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { because, type Api, type AskedMemories } from "../api";
import { NONE, age, day, instant, multiple, number, ratio, time } from "../format";
import { OneAtATime } from "../one-at-a-time";
import { Pages } from "../pages";
import type { ExperienceView, MemoryView, RecallView } from "../shapes";
import type { State } from "../state";
import { lastOn } from "../surroundings";
import "../virtual";
import type { Place, Rows, SightEvent, VirtualRows } from "../virtual";
import { actionTag, empty, panel, segment, select, signed, tone, whyHref, type Frame } from "./parts";
import "../styles/memory-table.css";

export type Column =
  "date" | "symbol" | "side" | "regime" | "pnl" | "r" | "confidence" | "outcome" | "similarity" | "age" | "used" | "win_rate";

interface Told {
  readonly name: string;
  readonly title: string;
  readonly isNumber: boolean;
}

const COLUMNS: Readonly<Record<Column, Told>> = {
  date: { name: "Closed", title: "When the trade closed, UTC", isNumber: false },
  symbol: { name: "Pair", title: "Pair", isNumber: false },
  side: { name: "Side", title: "Long or short", isNumber: false },
  regime: { name: "Regime", title: "State of the market at entry", isNumber: false },
  pnl: { name: "P&L", title: "Return of the trade after fees", isNumber: true },
  r: { name: "R", title: "Result in multiples of what was risked", isNumber: true },
  confidence: { name: "Sure", title: "Confidence at entry", isNumber: true },
  outcome: { name: "Outcome", title: "Won or lost, and how it ended", isNumber: false },
  similarity: { name: "Alike", title: "How alike it is to the newest decision of the chosen pair", isNumber: true },
  age: { name: "Age", title: "Since the trade closed", isNumber: true },
  used: { name: "Used", title: "Decisions that were shown it", isNumber: true },
  win_rate: { name: "Won when used", title: "Of closed trades that were opened by decisions that were shown it", isNumber: true },
};
const NAMES = Object.keys(COLUMNS) as Column[];
const DAY_MS = 86_400_000;
const WINDOWS = [["1 W", 7], ["1 M", 30], ["3 M", 91], ["1 Y", 365], ["All", 0]] as const;
const SIDES = [["Both sides", "all"], ["Long", "long"], ["Short", "short"]] as const;
const OUTCOMES = [["Won and lost", "all"], ["Won", "won"], ["Lost", "lost"]] as const;

const PAGE = 100;
const TYPING_MS = 300;
const [ROW, CARD] = [32, 104];
const CARDS_PX = 720;
const FEW = 8;

export interface Choice {
  readonly by: Column;
  readonly order: "asc" | "desc";
  readonly words: string;
  readonly days: number;
  readonly side: string;
  readonly outcome: string;
}

const FIRST: Choice = { by: "date", order: "desc", words: "", days: 0, side: "all", outcome: "all" };

/** What is asked for by a choice, at the market's time `at`. */
export function asked(choice: Choice, symbol: string, at: string): AskedMemories {
  const since = choice.days ? new Date(Date.parse(at) - choice.days * DAY_MS).toISOString() : null;
  const unless = (value: string): string | null => (value === "all" ? null : value);
  return {
    query: choice.words.trim() || null, like: symbol || null, sort: choice.by, order: choice.order, side: unless(choice.side),
    outcome: unless(choice.outcome), since, until: null, offset: 0, limit: PAGE,
  };
}

/** The same column again turns it round; another begins with its greatest, words with their first. */
export function sorted(choice: Choice, by: Column): Choice {
  if (choice.by === by) return { ...choice, order: choice.order === "asc" ? "desc" : "asc" };
  return { ...choice, by, order: COLUMNS[by].isNumber || by === "date" || by === "outcome" ? "desc" : "asc" };
}

export class SemsigMemory extends LitElement {
  static override properties = {
    api: { attribute: false }, state: { attribute: false }, symbol: {}, theme: {}, frame: { attribute: false },
    choice: { state: true }, failed: { state: true }, busy: { state: true }, later: { state: true }, cards: { state: true },
    open: { state: true }, detail: { state: true }, whole: { state: true },
  };
  declare api: Api;
  declare state: State;
  declare symbol: string;
  declare theme: "dark" | "light";
  declare frame: Frame;
  declare choice: Choice;
  declare failed: string | null;
  declare busy: boolean;
  /** More was lived, or recalled, than is shown to whoever has scrolled down. */
  declare later: boolean;
  declare cards: boolean;
  declare open: ExperienceView | null;
  declare detail: MemoryView | string | null;
  declare whole: boolean;

  #pages: Pages<ExperienceView> | null = null;
  #asking = 0;
  readonly #turn = new OneAtATime();
  #known = "";
  #atTop = true;
  #typing: ReturnType<typeof setTimeout> | undefined;
  #watch = new ResizeObserver(([entry]) => { if (entry) this.cards = entry.contentRect.width < CARDS_PX; });

  constructor() {
    super();
    this.choice = FIRST;
    this.failed = this.open = this.detail = null;
    this.busy = this.later = this.cards = this.whole = false;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#watch.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#watch.disconnect();
    clearTimeout(this.#typing);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    // Another question, which waits until somebody opens the panel.
    if (changed.has("choice") || changed.has("symbol")) this.#known = "";
    if (this.frame.fold === "closed") return;
    if (this.#known === "") return void this.#load(true);
    if (!changed.has("state")) return;
    const known = this.#newest();
    if (known === this.#known) return;
    if (this.#atTop) this.#turn.ask(() => this.#load(false));
    else this.later = true;
  }

  /** What a row may have changed by: another experience, or another decision that recalled some. */
  #newest(): string {
    return `${this.state.lesson} ${lastOn(this.state, this.symbol)}`;
  }

  /** `anew`: something else is asked for, so it begins at its top. */
  async #load(anew: boolean): Promise<void> {
    const asking = (this.#asking += 1);
    this.#known = this.#newest();
    this.later = false;
    this.busy = true;
    const first = asked(this.choice, this.symbol, this.state.at);
    let same = first;
    const pages: Pages<ExperienceView> = new Pages<ExperienceView>(PAGE, async (offset, limit) => {
      const told = await this.api.memories({ ...same, offset, limit });
      // Every page of the same instant, or rows would be told twice when others come in above.
      same = { ...first, until: told.until, like: told.like ?? first.like };
      return { rows: told.experiences, total: told.total };
    }, () => this.#pages === pages && this.requestUpdate());
    const failed = await pages.begin().then(() => null, because);
    if (asking !== this.#asking) return;
    this.busy = false;
    this.failed = failed;
    if (failed !== null) return;
    this.#pages = pages;
    if (anew) this.#rows?.toTop();
    this.requestUpdate();
  }

  get #rows(): VirtualRows | null {
    return this.querySelector("virtual-rows");
  }

  #seen = ({ span, atTop }: SightEvent): void => {
    this.#atTop = atTop;
    this.#pages?.want(span);
    if (atTop && this.later) void this.#load(false);
  };

  #choose(change: Partial<Choice>): void {
    this.choice = { ...this.choice, ...change };
  }

  #typed = (event: Event): void => {
    const said = (event.target as HTMLInputElement).value;
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#choose({ words: said }), TYPING_MS);
  };

  /** By a key the focus goes along, and comes back with Escape. */
  async #look(lived: ExperienceView | undefined, byKey: boolean): Promise<void> {
    if (!lived) return;
    this.open = lived;
    this.detail = null;
    this.whole = false;
    await this.updateComplete;
    const seen = (): void => this.querySelector(".memory-detail")?.scrollIntoView({ block: "nearest" });
    if (byKey) this.querySelector<HTMLElement>(".memory-detail h3")?.focus({ preventScroll: true });
    seen();
    const told = await this.api.memory(lived.id).catch(because);
    if (this.open !== lived) return;
    this.detail = told;
    await this.updateComplete;
    seen();
  }

  #close = (): void => {
    this.open = this.detail = null;
    this.#rows?.focusRow();
  };

  protected override render(): TemplateResult {
    const { choice, frame } = this;
    const total = this.#pages?.total;
    this.dataset["fold"] = frame.fold;
    return panel({
      name: "memory", title: "Memory", frame,
      beside: total === undefined ? nothing : html`<span class="count" title="Closed trades that are shown">${number(total, 0)}</span>`,
      controls: html`
        ${segment("Closed within", WINDOWS, choice.days, (days) => this.#choose({ days }))}
        ${select("Side", SIDES, choice.side as "all", (side) => this.#choose({ side }))}
        ${select("Outcome", OUTCOMES, choice.outcome as "all", (outcome) => this.#choose({ outcome }))}
        <label class="search"><span class="sr-only">Words in the memories</span>
          <input type="search" placeholder="Search words" maxlength="200" .value=${choice.words} @input=${this.#typed} /></label>`,
    }, () => this.#body());
  }

  #body(): TemplateResult {
    const { choice, failed, cards } = this;
    const pages = this.#pages;
    if (!pages) {
      return failed === null ? html`<div class="empty" aria-busy="true"><p>Loading what was lived…</p></div>`
        : html`<p class="refusal"><strong>Memory was not told.</strong> ${failed} <button type="button" @click=${() => void this.#load(true)}>Try again</button></p>`;
    }
    const isAll = !choice.words.trim() && !choice.days && choice.side === "all" && choice.outcome === "all";
    return html`
      ${failed !== null || pages.failed ? html`<p class="refusal" role="status"><strong>Not the newest.</strong> ${failed ?? because(pages.failed)} <button type="button" @click=${() => void this.#load(false)}>Try again</button></p>` : nothing}
      ${cards && pages.total ? this.#order() : nothing}
      ${!pages.total ? (isAll ? empty("Nothing lived yet", "Each closed trade leaves a memory here; later decisions recall those that are alike.")
        : empty("No such memory", "Nothing matches what was chosen.")) : this.#table(pages)}
      ${this.open ? this.#detail(this.open) : nothing}`;
  }

  #table(pages: Pages<ExperienceView>): TemplateResult {
    const { choice } = this;
    return html`<div class="memories-place">
      ${this.later ? html`<button type="button" class="newer primary" @click=${this.#toTop}>Newer</button>` : nothing}
      <div class="memories" role="grid" aria-label="Everything lived" aria-rowcount=${pages.total + 1}
        aria-colcount=${NAMES.length} aria-busy=${this.busy ? "true" : "false"}>
      <div role="rowgroup"><div role="row" aria-rowindex="1" class="memory-row memory-head">
        ${NAMES.map((name) => {
          const isBy = choice.by === name;
          const { name: said, title, isNumber } = COLUMNS[name];
          return html`<span role="columnheader" class="is-${name} ${isNumber ? "number" : ""}" aria-sort=${isBy ? (choice.order === "asc" ? "ascending" : "descending") : "none"}><button
            type="button" title=${title} @click=${() => (this.choice = sorted(choice, name))}>${said}${isBy ? (choice.order === "asc" ? " ↑" : " ↓") : ""}</button></span>`;
        })}
      </div></div>
      <virtual-rows .kind=${"rowgroup"} .rows=${this.#drawn(pages)} @sight=${this.#seen} @keydown=${this.#pressed} @click=${this.#clicked}></virtual-rows>
    </div></div>`;
  }

  #toTop = (): void => {
    this.#rows?.toTop();
    void this.#load(true);
    this.#rows?.focusRow(0);
  };

  /** Cards have no head to sort by. */
  #order(): TemplateResult {
    const { choice } = this;
    return html`<div class="memory-order">
      ${select("Order of the memories", NAMES.map((name) => [`By ${COLUMNS[name].name.toLowerCase()}`, name] as const), choice.by, (by) => (this.choice = sorted(choice, by)))}
      <button type="button" @click=${() => (this.choice = sorted(choice, choice.by))}>${choice.order === "asc" ? "↑ rising" : "↓ falling"}</button>
    </div>`;
  }

  #pressed = (event: KeyboardEvent): void => {
    const row = (event.target as HTMLElement).closest<HTMLElement>("[data-row]");
    if (!row || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    void this.#look(this.#pages?.at(Number(row.dataset["row"])), true);
  };

  #clicked = (event: MouseEvent): void => {
    const row = (event.target as HTMLElement).closest<HTMLElement>("[data-row]");
    if (row) void this.#look(this.#pages?.at(Number(row.dataset["row"])), false);
  };

  #drawn(pages: Pages<ExperienceView>): Rows {
    const { at } = this.state;
    const open = this.open?.id;
    return {
      count: pages.total, height: this.cards ? CARD : ROW, key: (index) => pages.at(index)?.id ?? `#${index}`,
      draw: (place) => row(pages.at(place.index), place, at, open),
    };
  }

  #detail(lived: ExperienceView): TemplateResult {
    const { detail } = this;
    const told = detail !== null && typeof detail !== "string" ? detail : null;
    const seen = told?.experience ?? lived;
    return html`<section class="memory-detail" aria-label="One memory" @keydown=${(event: KeyboardEvent) => event.key === "Escape" && (event.stopPropagation(), this.#close())}>
      <div class="row">
        <h3 tabindex="-1">${seen.symbol} ${seen.side}, ${seen.is_win ? "won" : "lost"}</h3>
        ${signed(ratio(seen.return_ratio, 2, true))}<span class="muted">${multiple(seen.r_multiple, "R", true)}</span>
        <span class="muted">${time(seen.opened_at)} to ${instant(seen.closed_at)}, ended by ${seen.exit_reason}</span>
        <button type="button" class="push" @click=${this.#close}>Close</button>
      </div>
      <p><bdi>${seen.lesson}</bdi></p>
      ${seen.insight ? html`<p class="muted"><strong>At entry</strong> <bdi>${seen.insight}</bdi></p>` : nothing}
      <p class="chips">${[seen.verdict, seen.regime, ...seen.conditions].filter(Boolean).map((chip) => html`<span class="chip">${chip}</span>`)}</p>
      ${seen.decision_id === null ? nothing : html`<p><a href=${whyHref(seen.decision_id)}>Why it was entered</a></p>`}
      ${typeof detail === "string" ? html`<p class="refusal">${detail}</p>` : told ? this.#recalled(told) : html`<p class="muted">Loading who recalled it…</p>`}
    </section>`;
  }

  #recalled({ experience: seen, recalled_by: all }: MemoryView): TemplateResult {
    if (!all.length) return html`<p class="muted">No decision has recalled it yet.</p>`;
    const shown = this.whole ? all : all.slice(0, FEW);
    const closed = (seen.used_wins ?? 0) + (seen.used_losses ?? 0);
    return html`<p class="muted">Recalled by ${seen.used} ${seen.used === 1 ? "decision" : "decisions"}${closed ? `; of ${closed} closed ${closed === 1 ? "trade" : "trades"} that these opened ${seen.used_wins} won` : ", none of which opened a trade that has closed"}.</p>
      <ul class="recalls">${shown.map(recall)}</ul>
      ${all.length > shown.length ? html`<button type="button" @click=${() => (this.whole = true)}>Show ${all.length} newest</button>` : nothing}`;
  }
}

function recall(by: RecallView): TemplateResult {
  return html`<li><a href=${whyHref(by.decision_id)}>${time(by.closed_at)} ${by.symbol}</a> ${actionTag(by.action)}
    ${by.return_ratio === null ? nothing : signed(ratio(by.return_ratio, 2, true))}</li>`;
}

/** Cells hold text alone: a hundred rows more or less cost the page little. */
function row(lived: ExperienceView | undefined, { index, style, tabindex }: Place, at: string, open: string | undefined): TemplateResult {
  // The head is the first row.
  const rowindex = index + 2;
  if (!lived) return html`<div role="row" class="memory-row is-coming" data-row=${index} data-focus tabindex=${tabindex} aria-rowindex=${rowindex} .style=${style}><span role="gridcell">…</span></div>`;
  const closed = (lived.used_wins ?? 0) + (lived.used_losses ?? 0);
  const pnl = ratio(lived.return_ratio, 2, true);
  return html`<div role="row" class="memory-row" data-row=${index} data-focus tabindex=${tabindex} aria-rowindex=${rowindex}
      aria-selected=${lived.id === open ? "true" : "false"} .style=${style}>
    <span role="gridcell" class="is-date">${day(lived.closed_at)}</span>
    <span role="gridcell" class="is-symbol">${lived.symbol}</span>
    <span role="gridcell" class="is-side">${lived.side}</span>
    <span role="gridcell" class="is-regime">${lived.regime}</span>
    <span role="gridcell" class="is-pnl number ${tone(pnl)}">${pnl}</span>
    <span role="gridcell" class="is-r number">${multiple(lived.r_multiple, "R", true)}</span>
    <span role="gridcell" class="is-confidence number">${ratio(lived.confidence_ratio, 0)}</span>
    <span role="gridcell" class="is-outcome">${lived.is_win ? "won" : "lost"} · ${lived.exit_reason}</span>
    <span role="gridcell" class="is-similarity number">${ratio(lived.similarity_ratio, 0)}</span>
    <span role="gridcell" class="is-age number">${age(lived.closed_at, at).replace(/ ago$/, "")}</span>
    <span role="gridcell" class="is-used number">${lived.used ?? NONE}</span>
    <span role="gridcell" class="is-win_rate number">${closed ? `${ratio((lived.used_wins ?? 0) / closed, 0)} of ${closed}` : NONE}</span>
  </div>`;
}


customElements.define("semsig-memory", SemsigMemory);
