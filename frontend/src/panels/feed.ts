/** Every decision, newest first and back to the first; each leads to its why. New ones come in at the top. */
import { LitElement, html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { because, type Api } from "../api";
import { clock, day, price, ratio, time, usd } from "../format";
import { Endless } from "../pages";
import type { DecisionView } from "../shapes";
import type { State } from "../state";
import "../virtual";
import type { Place, Rows, SightEvent, VirtualRows } from "../virtual";
import { wantedAndDone } from "./decision";
import { empty, panel, select, whyHref, type Frame } from "./parts";
import "../styles/feed.css";

export interface DecisionFilter {
  readonly symbol: string;
  readonly action: string;
  readonly words: string;
}

export const EVERY: DecisionFilter = { symbol: "all", action: "all", words: "" };

const ACTIONS = [
  ["All actions", "all"], ["Acted", "acted"], ["Refused", "refused"], ["Forced", "forced"],
  ...["BUY", "SELL", "HOLD", "CLOSE", "UPDATE"].map((action) => [action, action] as const),
] as const;

/** Asked for at once; and wanted when so few are left below what is seen. */
const PAGE = 100;
const AHEAD = 40;
const TYPING_MS = 300;
/** Heights of a row: two lines, or three where the panel is narrow. */
const [WIDE, NARROW] = [56, 80];
const NARROW_PX = 560;

/** The same choice as the server's: acted is anything but HOLD, refused what a guard spoke against. */
export function chosen(decisions: readonly DecisionView[], { symbol, action, words }: DecisionFilter): readonly DecisionView[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return decisions.filter((made) =>
    (symbol === "all" || made.symbol === symbol) && isOf(made, action)
    && (!wanted.length || hold(text(made), wanted)));
}

function hold(said: string, words: readonly string[]): boolean {
  return words.every((word) => said.includes(word));
}

function isOf(made: DecisionView, action: string): boolean {
  if (action === "all") return true;
  if (action === "acted") return made.action !== "HOLD";
  if (action === "refused") return made.refusals.length > 0;
  return action === "forced" ? made.is_forced : made.action === action;
}

function text(made: DecisionView): string {
  const refused = made.refusals.flatMap(({ guard, reason }) => [guard, reason]);
  return [made.symbol, made.action, made.wanted, made.regime, made.model, made.reasoning, made.invalidation, ...refused, ...made.notes]
    .filter(Boolean).join(" ").toLowerCase();
}

export class SemsigDecisions extends LitElement {
  static override properties = {
    api: { attribute: false }, state: { attribute: false }, symbol: {}, theme: {}, frame: { attribute: false },
    filter: { state: true }, unread: { state: true }, narrow: { state: true }, open: { state: true },
  };
  declare api: Api;
  declare state: State;
  declare symbol: string;
  declare theme: "dark" | "light";
  declare frame: Frame;
  declare filter: DecisionFilter;
  declare unread: number;
  declare narrow: boolean;
  declare open: string;

  #list: Endless<DecisionView> | null = null;
  #newest = 0;
  #atTop = true;
  #typing: ReturnType<typeof setTimeout> | undefined;
  #watch = new ResizeObserver(([entry]) => { if (entry) this.narrow = entry.contentRect.width < NARROW_PX; });

  constructor() {
    super();
    this.filter = EVERY;
    this.unread = 0;
    this.narrow = false;
    this.open = location.hash;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#watch.observe(this);
    addEventListener("hashchange", this.#went);
    this.#went();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#watch.disconnect();
    removeEventListener("hashchange", this.#went);
    clearTimeout(this.#typing);
  }

  #went = (): void => {
    this.open = location.hash;
  };

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("filter") || !this.#list) this.#begin();
    else if (changed.has("state")) this.#take(this.state.decisions);
  }

  /** What the page holds is without a gap: only what is older has to be asked for. */
  #begin(): void {
    const { decisions } = this.state;
    const { filter } = this;
    const unless = (value: string, none: string): string | null => (value === none ? null : value);
    const asked = { symbol: unless(filter.symbol, "all"), action: unless(filter.action, "all"), words: unless(filter.words.trim(), "") };
    const list: Endless<DecisionView> = new Endless(chosen(decisions, filter), decisions.at(-1)?.id ?? null, async (before) => {
      const told = await this.api.decisions(PAGE, { before, ...asked });
      return { rows: told.decisions, next: told.next, until: told.searched_until };
    }, () => this.#list === list && this.requestUpdate());
    this.#list = list;
    this.#newest = decisions[0]?.seq ?? 0;
    this.unread = 0;
    this.#atTop = true;
    this.#rows?.toTop();
  }

  #take(decisions: readonly DecisionView[]): void {
    const list = this.#list;
    const newer = decisions.filter(({ seq }) => seq > this.#newest);
    if (!newer.length || !list) return;
    // Nothing known is among them: what came between was missed.
    if (newer.length === decisions.length) return this.#begin();
    this.#newest = decisions[0]?.seq ?? this.#newest;
    const shown = chosen(newer, this.filter);
    list.put(shown);
    if (!this.#atTop) this.unread += shown.length;
  }

  get #rows(): VirtualRows | null {
    return this.querySelector("virtual-rows");
  }

  #seen = ({ span, atTop }: SightEvent): void => {
    this.#atTop = atTop;
    if (atTop) this.unread = 0;
    const list = this.#list;
    if (list && !list.isPaused && !list.failed && span.last + AHEAD > list.rows.length) void list.more();
  };

  #choose(change: Partial<DecisionFilter>): void {
    this.filter = { ...this.filter, ...change };
  }

  #typed = (event: Event): void => {
    const words = (event.target as HTMLInputElement).value;
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#choose({ words }), TYPING_MS);
  };

  protected override render(): TemplateResult {
    const { state, filter, frame } = this;
    const symbols = [["All pairs", "all"], ...state.health.symbols.map((symbol) => [symbol, symbol] as const)] as const;
    const isEvery = filter.symbol === "all" && filter.action === "all" && !filter.words.trim();
    this.dataset["fold"] = frame.fold;
    return panel({
      name: "decisions", title: "Decisions", frame,
      beside: isEvery ? html`<span class="count" title="All that were made">${state.statistics.decisions}</span>` : nothing,
      controls: html`
        ${select("Pair of the decisions", symbols, filter.symbol, (symbol) => this.#choose({ symbol }))}
        ${select("Action of the decisions", ACTIONS, filter.action as "all", (action) => this.#choose({ action }))}
        <label class="search"><span class="sr-only">Words in the decisions</span>
          <input type="search" placeholder="Search words" maxlength="200" .value=${filter.words} @input=${this.#typed} /></label>`,
    }, () => this.#body(isEvery));
  }

  #body(isEvery: boolean): TemplateResult {
    const list = this.#list!;
    const isBare = !list.rows.length;
    const nothingYet = isEvery && !this.state.decisions.length;
    return html`
      ${isBare && !list.isLoading && list.next === null
        ? nothingYet ? empty("No decision yet", "The first comes when a candle closes.") : empty("No such decision", "Nothing matches, back to the first decision.")
        : nothing}
      <div class="endless" ?hidden=${isBare && list.next === null}>
        ${this.unread ? html`<button type="button" class="newer primary" @click=${this.#toTop}>${this.unread} new</button>` : nothing}
        <virtual-rows .rows=${this.#drawn(list)} .label=${"Decisions, newest first"} @sight=${this.#seen}></virtual-rows>
      </div>
      <p class="endless-foot" role="status">${this.#foot(list)}</p>`;
  }

  #toTop = (): void => {
    this.#rows?.toTop();
    this.#rows?.focusRow(0);
  };

  #foot(list: Endless<DecisionView>): unknown {
    if (list.failed) return html`<span class="down">${because(list.failed)}</span> ${this.#onward("Try again")}`;
    const back = list.until === null ? "" : ` back to ${when(list.until, this.state.at)}`;
    if (list.isLoading) return list.rows.length ? "Loading older…" : `Searching${back}…`;
    if (list.isPaused) return html`Nothing${list.rows.length ? " more" : ""} found${back}. ${this.#onward("Search further")}`;
    return list.next === null && list.rows.length ? `${list.rows.length} shown, back to the first decision.` : nothing;
  }

  #onward(said: string): TemplateResult {
    return html`<button type="button" @click=${() => void this.#list?.more()}>${said}</button>`;
  }

  #drawn({ rows, next }: Endless<DecisionView>): Rows {
    const size = next === null ? rows.length : -1;
    const { at } = this.state;
    return {
      count: rows.length, height: this.narrow ? NARROW : WIDE, key: (index) => rows[index]?.id ?? "",
      draw: (place) => line(rows[place.index]!, place, size, this.open, at),
    };
  }
}

function line(made: DecisionView, { index, style, tabindex }: Place, size: number, open: string, at: string): TemplateResult {
  const refusal = made.refusals[0];
  const said = refusal ? `Refused by ${refusal.guard}: ${refusal.reason}` : made.reasoning || "The reply could not be read, or nobody was asked.";
  const by = [made.model, made.cost_usd === null ? null : usd(made.cost_usd)].filter(Boolean).join(" · ");
  const href = whyHref(made.id);
  return html`<div role="listitem" data-row=${index} aria-posinset=${index + 1} aria-setsize=${size} .style=${style}>
    <a class="decision" data-focus tabindex=${tabindex} href=${href} aria-current=${href === open ? "true" : nothing}>
      <span class="what">${wantedAndDone(made)} <b>${made.symbol}</b> <span class="muted">@ ${price(made.price)}</span>${made.is_forced ? html` <span class="chip">forced</span>` : nothing}</span>
      <time class="muted" datetime=${made.closed_at}>${made.confidence_ratio === null ? "" : `${ratio(made.confidence_ratio, 0)} sure · `}${when(made.closed_at, at)}</time>
      <span class="said ${refusal ? "is-refused" : "muted"}">${short(said)}</span>
      <span class="by muted">${by}</span>
    </a></div>`;
}

/** With its year where that is not the present one. */
function when(told: string, at: string): string {
  return new Date(told).getUTCFullYear() === new Date(at).getUTCFullYear() ? time(told) : `${day(told)} ${clock(told).slice(0, 5)}`;
}

/** The first words; the whole is in the why. */
function short(said: string): string {
  return said.length > 220 ? `${said.slice(0, 220)}…` : said;
}


customElements.define("semsig-decisions", SemsigDecisions);
