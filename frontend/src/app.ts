/** The shell: holds the state, passes it to the panels and answers their buttons. */
import { LitElement, html, nothing, type TemplateResult } from "lit";
import { guard } from "lit/directives/guard.js";
import { ApiError, type Api } from "./api";
import { ratio } from "./format";
import type { Link, Listener } from "./feed";
import type { EventView, MarketView, StateView, WorkedView } from "./shapes";
import { CAPS, fromView, reduce, type State } from "./state";
import { banner } from "./panels/banner";
import { equityChart, priceChart, type ChartProps } from "./panels/charts";
import { lastDecision } from "./panels/decision";
import { decisions, type DecisionFilter } from "./panels/decisions";
import { gatePage, type Gate } from "./panels/gate";
import { headline } from "./panels/headline";
import { market as marketPanel } from "./panels/market";
import { memory, type MemorySort } from "./panels/memory";
import { news as newsPanel } from "./panels/news";
import { worked, type Asked } from "./panels/worked";
import type { Fold, Frame } from "./panels/parts";
import { positions } from "./panels/position";
import { refusals } from "./panels/refusals";
import { rules } from "./panels/rules";
import { tickers } from "./panels/tickers";
import { topbar, type Notice, type Visitor } from "./panels/topbar";
import { trades, type TradeSort } from "./panels/trades";
import { whyDialog, type Why } from "./panels/why";
import { NOTHING, heard, lastOn, type Answer, type Question, type Surroundings } from "./surroundings";

const MARKET_BARS = 300;
const TAIL_BARS = 5;
const REFRESH_MS = 30_000;
const HEALTH_MS = 15_000;
const TROUBLED_MS = 2_500;
const NOTICE_MS = 12_000;
/** No fact tells that the press or the market was asked: the page looks after a decision, at most so often, and else so often. */
const AROUND_MS = 60_000;
const AROUND_IDLE_MS = 180_000;

type Theme = "dark" | "light";
type Foldable = "market" | "news";

/** What the person at the page has chosen, beside the facts. */
interface Choices {
  readonly filter: DecisionFilter;
  readonly sort: TradeSort;
  readonly lessons: MemorySort;
  readonly refusals: number;
  readonly bars: number;
  readonly days: number;
  readonly articles: number;
  readonly worked: Asked;
  readonly folds: Readonly<Record<Foldable, Fold>>;
}

export class SemsigApp extends LitElement implements Listener {
  static override properties = {
    api: { attribute: false }, state: { state: true }, socket: { state: true }, symbol: { state: true }, theme: { state: true },
    choices: { state: true }, notice: { state: true }, asking: { state: true }, why: { state: true }, market: { state: true },
    marketFailed: { state: true }, quietMs: { state: true }, gate: { state: true }, visitor: { state: true },
    around: { state: true }, worked: { state: true }, workedFailed: { state: true },
  };
  declare api: Api;
  declare state: State | null;
  declare socket: Link;
  declare symbol: string;
  declare theme: Theme;
  declare choices: Choices;
  declare notice: Notice | null;
  declare asking: boolean;
  declare why: Why | null;
  declare market: MarketView | null;
  declare marketFailed: string | null;
  declare quietMs: number | null;
  declare gate: Gate | null;
  declare visitor: Visitor | null;
  declare around: Surroundings;
  declare worked: WorkedView | null;
  declare workedFailed: string | null;

  #timers: ReturnType<typeof setInterval>[] = [];
  #noticeTimer: ReturnType<typeof setTimeout> | undefined;
  /** Symbols with a forced analysis whose decision is awaited. */
  #awaited = new Set<string>();
  #dirty = false;
  #refreshedAt = 0;
  #healthAt = 0;
  #extending = false;
  #aroundAt = 0;

  constructor() {
    super();
    this.state = null;
    this.socket = { status: "connecting", heardAt: null };
    this.symbol = "";
    this.theme = themeNow();
    const few = matchMedia("(max-width: 640px)").matches;
    this.choices = {
      filter: { symbol: "all", action: "all", shown: few ? 6 : 10 },
      sort: { by: "closed", descending: true, shown: few ? 6 : 14, scope: "all" },
      lessons: { by: "newest", shown: few ? 3 : 4 }, refusals: few ? 3 : 5, bars: few ? 60 : 120, days: 0,
      articles: few ? 4 : 8, worked: { during: "", side: "" }, folds: { market: "open", news: "open" },
    };
    this.notice = null;
    this.asking = false;
    this.why = null;
    this.market = null;
    this.marketFailed = null;
    this.quietMs = null;
    this.gate = null;
    this.visitor = null;
    this.around = NOTHING;
    this.worked = null;
    this.workedFailed = null;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("hashchange", this.#route);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.#systemTheme);
    this.#timers = [setInterval(() => this.#tick(), 1000)];
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("hashchange", this.#route);
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.#systemTheme);
    this.#timers.forEach(clearInterval);
  }

  // What the feed tells.

  snapshot(view: StateView): void {
    const first = this.state === null;
    const known = this.state?.refusals ?? [];
    this.state = fromView(view);
    if (known.length && !this.state.refusals.length) this.state = { ...this.state, refusals: known };
    this.#refreshedAt = this.#healthAt = performance.now();
    if (!view.health.symbols.includes(this.symbol)) this.symbol = remembered("semsig-symbol", view.health.symbols) ?? view.health.symbols[0] ?? "";
    void this.#loadMarket();
    void this.#loadRefusals();
    void this.#loadWorked();
    this.#lookAround();
    if (first) {
      this.#route();
      void import("./charts/price-chart");
      void import("./charts/equity-chart");
    }
  }

  events(events: readonly EventView[]): void {
    if (!this.state) return;
    this.state = events.reduce(reduce, this.state);
    let candleClosed = false;
    if (events.some(({ kind }) => kind === "LessonLearned")) void this.#loadWorked();
    for (const event of events) {
      if (event.kind === "PositionClosed" || event.kind === "EquityMarked") this.#dirty = true;
      if (event.kind !== "DecisionMade") continue;
      const made = event.decision;
      candleClosed ||= made.symbol === this.symbol;
      if (made.is_forced && this.#awaited.delete(made.symbol)) {
        const why = `#/decision/${encodeURIComponent(made.id)}`;
        const refused = made.refusals.length ? `, ${made.wanted ?? "nothing"} was refused` : "";
        this.#notify({ tone: "up", text: `${made.symbol}: ${made.action}${refused}.`, href: why });
      }
    }
    if (candleClosed) {
      void this.#loadSeen();
      if (performance.now() - this.#aroundAt > AROUND_MS) this.#loadAround();
    }
    if (candleClosed && !this.#extending) {
      this.#extending = true;
      void this.#extendMarket().finally(() => (this.#extending = false));
    }
  }

  link(link: Link): void {
    this.socket = link;
    this.#quiet();
  }

  /** Nobody may look: what was seen is put away, too. */
  shut(gate: Gate): void {
    this.gate = gate;
    this.state = this.market = this.why = this.visitor = null;
    this.around = NOTHING;
    this.worked = null;
    this.workedFailed = null;
  }

  // What the page asks for.

  async #loadMarket(): Promise<void> {
    const symbol = this.symbol;
    if (!symbol) return;
    if (this.market?.symbol !== symbol) this.market = null;
    this.marketFailed = null;
    try {
      const market = await this.api.market(symbol, MARKET_BARS);
      if (symbol === this.symbol) this.market = market;
    } catch (error) {
      if (symbol === this.symbol && !this.market) this.marketFailed = words(error);
    }
  }

  /** A candle closed: the newest few bars, joined to those already drawn. */
  async #extendMarket(): Promise<void> {
    const { symbol, market } = this;
    if (!market || market.symbol !== symbol) return this.#loadMarket();
    const tail = await this.api.market(symbol, TAIL_BARS).catch(() => null);
    const first = tail?.candles[0];
    const last = this.market?.candles.at(-1);
    if (!tail || !first || !last || symbol !== this.symbol || this.market?.symbol !== symbol) return;
    if (first.time > last.time) return this.#loadMarket();
    const before = this.market.candles.filter(({ time }) => time < first.time);
    this.market = { ...tail, candles: [...before, ...tail.candles].slice(-MARKET_BARS * 2) };
  }

  async #loadRefusals(): Promise<void> {
    const told = await this.api.refusals().catch(() => null);
    if (!told || !this.state) return;
    const known = new Set(told.refusals.map(({ id }) => id));
    const newer = this.state.refusals.filter(({ id }) => !known.has(id));
    const all = [...newer, ...told.refusals].sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
    this.state = { ...this.state, refusals: all.slice(0, CAPS.refusals) };
  }

  /** Asked anew by choice, and when another trade has taught something. */
  async #loadWorked(): Promise<void> {
    const { during, side } = this.choices.worked;
    // A slower answer to an earlier choice would stand under the words of this one.
    const isStale = (): boolean => this.choices.worked.during !== during || this.choices.worked.side !== side;
    try {
      const told = await this.api.worked(during || null, side || null);
      if (isStale()) return;
      this.worked = told;
      this.workedFailed = null;
    } catch (error) {
      if (!isStale()) this.workedFailed = words(error);
    }
  }

  #lookAround(): void {
    void this.#loadSeen();
    this.#loadAround();
  }

  #loadAround(): void {
    this.#aroundAt = performance.now();
    void this.#ask("news", async () => ({ of: "news", told: await this.api.news() }));
    void this.#ask("context", async () => ({ of: "context", told: await this.api.context() }));
  }

  /** What the last decision on the chosen pair saw; asked once a decision. */
  async #loadSeen(): Promise<void> {
    const decision = this.state && lastOn(this.state, this.symbol);
    if (!decision || (this.around.decision === decision && !this.around.failed.snapshot)) return;
    await this.#ask("snapshot", async () => {
      const { snapshot } = await this.api.snapshot(decision);
      const wanted = this.state && lastOn(this.state, this.symbol) === decision;
      return wanted ? { of: "snapshot", decision, told: snapshot } : null;
    });
  }

  async #ask(question: Question, told: () => Promise<Answer | null>): Promise<void> {
    const answer = await told().catch((error: unknown): Answer => ({ of: "failure", question, why: words(error) }));
    if (answer && this.state) this.around = heard(this.around, answer);
  }

  /** What only the server can reckon: Sharpe, profit factor, fees. */
  async #refresh(): Promise<void> {
    this.#dirty = false;
    this.#refreshedAt = performance.now();
    const statistics = await this.api.statistics().catch(() => null);
    if (statistics && this.state) this.state = { ...this.state, statistics };
  }

  async #checkHealth(): Promise<void> {
    this.#healthAt = performance.now();
    const health = await this.api.health().catch(() => null);
    if (!health || !this.state) return;
    const ready = this.state.health.status === "starting" && health.status !== "starting";
    this.state = { ...this.state, health };
    if (!ready) return;
    const view = await this.api.state().catch(() => null);
    if (view) this.snapshot(view);
  }

  #older = async (): Promise<void> => {
    const told = await this.api.decisions(CAPS.decisions).catch(() => null);
    if (!told || !this.state) return;
    const known = new Set(told.decisions.map(({ id }) => id));
    const newer = this.state.decisions.filter(({ id, closed_at }) => !known.has(id) && closed_at > (told.decisions[0]?.closed_at ?? ""));
    this.state = { ...this.state, decisions: [...newer, ...told.decisions].slice(0, CAPS.decisions) };
    this.#choose({ filter: { ...this.choices.filter, shown: this.choices.filter.shown + 25 } });
  };

  #analyse = async (): Promise<void> => {
    const symbol = this.symbol;
    this.asking = true;
    this.#awaited.add(symbol);
    try {
      const queued = await this.api.analyse(symbol);
      if (this.#awaited.has(symbol))
        this.#notify({ tone: "flat", text: queued.waits ? `${queued.symbol}: waits for the analysis now running.` : `${queued.symbol}: being analysed.` });
    } catch (error) {
      this.#awaited.delete(symbol);
      this.#notify({ tone: "down", text: `${symbol} was not analysed: ${words(error)}` });
    } finally {
      this.asking = false;
    }
  };

  // What happens here.

  #tick(): void {
    this.#quiet();
    if (document.hidden || !this.state || this.socket.status === "lost") return;
    const now = performance.now();
    const well = this.socket.status === "live" && this.state.health.status === "running";
    if (now - this.#healthAt > (well ? HEALTH_MS : TROUBLED_MS)) void this.#checkHealth();
    if (this.#dirty && now - this.#refreshedAt > REFRESH_MS) void this.#refresh();
    if (now - this.#aroundAt > AROUND_IDLE_MS) this.#lookAround();
  }

  #quiet(): void {
    const { heardAt, status } = this.socket;
    this.quietMs = heardAt === null || status === "live" ? null : performance.now() - heardAt;
  }

  #pick = (symbol: string): void => {
    if (symbol === this.symbol) return;
    this.symbol = symbol;
    store("semsig-symbol", symbol);
    void this.#loadMarket();
    void this.#loadSeen();
  };

  #choose(change: Partial<Choices>): void {
    this.choices = { ...this.choices, ...change };
  }

  #frame(name: Foldable): Frame {
    const { folds } = this.choices;
    const set = (fold: Fold): void => {
      this.#choose({ folds: { ...folds, [name]: fold } });
      // The button that was pressed is drawn anew elsewhere; whoever pressed it finds it again.
      const pressed = fold === "closed" || (fold === "open" && folds[name] === "closed") ? "fold" : "full";
      void this.updateComplete.then(() => this.querySelector<HTMLElement>(`[data-${pressed}=${name}]`)?.focus());
    };
    return { fold: folds[name], set };
  }

  #foldable(name: Foldable, state: State): TemplateResult {
    const { around, symbol, choices } = this;
    const frame = this.#frame(name);
    if (name === "market") return marketPanel({ state, around, symbol, frame });
    return newsPanel({ state, around, symbol, frame, shown: choices.articles, show: (articles) => this.#choose({ articles }) });
  }

  #full(): Foldable | null {
    const { folds } = this.choices;
    return folds.market === "full" ? "market" : folds.news === "full" ? "news" : null;
  }

  #notify(notice: Notice | null): void {
    clearTimeout(this.#noticeTimer);
    this.notice = notice;
    if (notice) this.#noticeTimer = setTimeout(() => (this.notice = null), NOTICE_MS);
  }

  #toggleTheme = (): void => {
    this.theme = this.theme === "dark" ? "light" : "dark";
    document.documentElement.dataset["theme"] = this.theme;
    store("semsig-theme", this.theme);
  };

  #systemTheme = (): void => {
    this.theme = themeNow();
  };

  #route = (): void => {
    const match = /^#\/decision\/(.+)$/.exec(location.hash);
    const id = match?.[1] === undefined ? null : decoded(match[1]);
    if (id === null) this.why = null;
    else if (id !== this.why?.id) {
      this.why = { id, view: null, failed: null };
      void this.#loadWhy(id);
    }
  };

  async #loadWhy(id: string): Promise<void> {
    const found = await this.api.why(id).then(
      (view) => ({ id, view, failed: null }),
      (error: unknown) => ({ id, view: null, failed: words(error) }),
    );
    if (this.why?.id === id) this.why = found;
  }

  #closeWhy = (): void => {
    if (location.hash.startsWith("#/decision/")) location.hash = "#/";
  };

  #copy = (text: string): void => {
    navigator.clipboard.writeText(text).then(
      () => this.#notify({ tone: "flat", text: "Copied." }),
      () => this.#notify({ tone: "down", text: "The browser did not allow copying." }),
    );
  };

  protected override updated(): void {
    for (const [which, wanted] of [["why", this.why], ["full", this.state && this.#full()]] as const) {
      const dialog = this.querySelector<HTMLDialogElement>(`dialog.${which}`);
      if (wanted && dialog && !dialog.open) dialog.showModal();
      if (!wanted && dialog?.open) dialog.close();
    }
    document.title = this.gate ? "Semantic Signal · sign in" : this.state ? title(this.state, this.symbol) : "Semantic Signal · paper trading";
  }

  protected override render(): TemplateResult {
    const { state, socket, symbol, theme, notice, asking, why, gate, visitor } = this;
    if (gate) return gatePage(gate, theme, this.#toggleTheme);
    const dim = socket.status === "lost" || socket.status === "silent";
    return html`
      <a class="skip" href="#main">Skip to the figures</a>
      ${topbar({
        state, link: socket, symbol, theme, notice, asking, visitor,
        toggleTheme: this.#toggleTheme, analyse: this.#analyse, dismiss: () => this.#notify(null),
        forbid: (text) => this.#notify({ tone: "flat", text }),
      })}
      ${banner(state, socket, this.quietMs)}
      <main id="main" tabindex="-1" class=${dim ? "stale" : ""}>
        <h1 class="sr-only">Paper trading dashboard</h1>
        ${state ? this.#panels(state) : waiting(socket)}
      </main>
      ${this.#fullScreen(state, dim)}
      <footer>
        <p><strong>Educational, paper trading only. No real orders.</strong></p>
        <p class="muted">Charts by <a href="https://www.tradingview.com/" rel="noopener noreferrer" target="_blank">TradingView Lightweight Charts™</a>. ${state ? html`Model ${state.health.model}, market ${state.health.market_source}, version ${state.health.version}.` : nothing} All times UTC.</p>
      </footer>
      ${guard([why], () => whyDialog({ why, chart: (id) => this.api.chart(id), close: this.#closeWhy, copy: this.#copy }))}`;
  }

  /** One panel alone, above the page; Escape leads back. Before the why dialog, which opens above it. */
  #fullScreen(state: State | null, dim: boolean): TemplateResult {
    const name = this.#full();
    return html`<dialog class="full ${dim ? "stale" : ""}" aria-label=${name ?? "Full screen"} @close=${() => name && this.#frame(name).set("open")}>
      ${state && name ? this.#foldable(name, state) : nothing}</dialog>`;
  }

  #panels(state: State): TemplateResult {
    const { symbol, choices, market, marketFailed: failed, theme } = this;
    const charts: ChartProps = {
      state, symbol, market, failed, theme, bars: choices.bars, days: choices.days,
      setBars: (bars) => this.#choose({ bars }), setDays: (days) => this.#choose({ days }),
    };
    const open = this.why?.id ?? null;
    return html`
      ${headline(state)}
      ${tickers(state, symbol, this.#pick)}
      <div class="grid">
        <div class="column wide-column">${priceChart(charts)}${equityChart(charts)}</div>
        <div class="column">${positions(state, symbol)}${lastDecision(state, symbol)}</div>
      </div>
      <div class="around">${(["market", "news"] as const).map((name) => (this.#full() === name ? nothing : this.#foldable(name, state)))}</div>
      <div class="grid halves">
        ${guard([state.decisions, state.health.symbols, choices.filter, open], () => decisions({
          state, filter: choices.filter, open, setFilter: (filter) => this.#choose({ filter }), older: () => void this.#older(),
        }))}
        ${guard([state.trades, symbol, choices.sort], () => trades({ state, symbol, sort: choices.sort, setSort: (sort) => this.#choose({ sort }) }))}
      </div>
      <div class="grid halves">
        ${guard([state.experiences, choices.lessons], () => memory(state, choices.lessons, (lessons) => this.#choose({ lessons })))}
        ${guard([this.worked, this.workedFailed, choices.worked], () => worked({
          asked: choices.worked, told: this.worked, failed: this.workedFailed,
          ask: (asked) => { this.#choose({ worked: asked }); void this.#loadWorked(); },
        }))}
      </div>
      <div class="grid halves">
        ${guard([state.rules], () => rules(state))}
        ${guard([state.refusals, choices.refusals], () => refusals(state, choices.refusals, (shown) => this.#choose({ refusals: shown })))}
      </div>`;
  }
}

function waiting(link: Link): TemplateResult {
  return html`<div class="loading" aria-busy="true">
    <p>${link.status === "lost" ? "The server does not answer. Trying again." : "Loading the figures…"}</p>
    <div class="skeleton"></div><div class="skeleton tall"></div>
  </div>`;
}

function title(state: State, symbol: string): string {
  const change = Number(state.equity_quote) / Number(state.statistics.start_quote) - 1;
  return `${ratio(change, 2, true)} · ${symbol} · Semantic Signal (paper)`;
}

function words(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  return "the server did not answer.";
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function themeNow(): Theme {
  const chosen = document.documentElement.dataset["theme"];
  if (chosen === "light" || chosen === "dark") return chosen;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Storage refused: the choice holds until the page is left.
  }
}

function remembered(key: string, among: readonly string[]): string | null {
  try {
    const value = localStorage.getItem(key);
    return value !== null && among.includes(value) ? value : null;
  } catch {
    return null;
  }
}

customElements.define("semsig-app", SemsigApp);
