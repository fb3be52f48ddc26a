/** The shell: holds the state, passes it to the panels and answers their buttons. */
import { LitElement, html, nothing, type TemplateResult } from "lit";
import type { DirectiveResult } from "lit/directive.js";
import { guard } from "lit/directives/guard.js";
import { keyed } from "lit/directives/keyed.js";
import { because, type Api } from "./api";
import { duration, ratio, time } from "./format";
import type { Link, Listener } from "./feed";
import type { EventView, StateView, WorkedView } from "./shapes";
import { fromView, reduce, type State } from "./state";
import { struck, type Command } from "./commands";
import { forget, keep, kept, keptAmong } from "./kept";
import { OneAtATime } from "./one-at-a-time";
import { banner } from "./panels/banner";
import "./panels/equity";
import "./panels/price";
import "./panels/steps";
import { lastDecision } from "./panels/decision";
import { gatePage, type Gate } from "./panels/gate";
import { headline } from "./panels/headline";
import { help } from "./panels/help";
import { market as marketPanel } from "./panels/market";
import { nav } from "./panels/nav";
import { news as newsPanel } from "./panels/news";
import { worked, type Asked } from "./panels/worked";
import { leaving, type Fold, type Frame } from "./panels/parts";
import { positions } from "./panels/position";
import { rules } from "./panels/rules";
import { tickers } from "./panels/tickers";
import { THEMES, topbar, type Notice, type ThemeChoice, type Visitor } from "./panels/topbar";
import { trades, type TradeSort } from "./panels/trades";
import { whyDialog, type Why } from "./panels/why";
import { OVERVIEW, PANELS, asked, closedFrom, foldOf, growing, pageHref, pageOf, pagesFor, rowsOf, type Page, type PanelName, type Row } from "./places";
import { elapsed } from "./stopwatch";
import { NOTHING, heard, lastOn, type Answer, type Question, type Surroundings } from "./surroundings";

const NARROW = "(max-width: 900px)";
const NOTICE_MS = 12_000;
const BETWEEN_MS = 2_000;

type Theme = "dark" | "light";
type Sheet = "help" | "palette";

/** What a page needs beyond what stands in the first load, asked for when somebody goes there. */
const NEEDS: Partial<Record<Page["id"], () => Promise<unknown>>> = {
  decisions: () => Promise.all([import("./panels/feed"), import("./panels/refused"), import("./panels/postmortems")]),
  mind: () => Promise.all([import("./panels/thoughts"), import("./panels/cortex"), import("./panels/neural")]),
  memory: () => Promise.all([import("./panels/brain"), import("./panels/memory-table")]),
  results: () => Promise.all([import("./panels/statistics"), import("./panels/calibration"), import("./panels/costs")]),
  health: () => import("./panels/health"),
};

/** What the person at the page has chosen, beside the facts. */
interface Choices {
  readonly sort: TradeSort;
  readonly articles: number;
  readonly rules: number;
  readonly worked: Asked;
  readonly kinds: number;
}

export class SemsigApp extends LitElement implements Listener {
  static override properties = {
    api: { attribute: false }, state: { state: true }, socket: { state: true }, symbol: { state: true }, theme: { state: true },
    choices: { state: true }, notice: { state: true }, asking: { state: true }, why: { state: true },
    quietMs: { state: true }, gate: { state: true }, visitor: { state: true },
    around: { state: true }, worked: { state: true }, workedFailed: { state: true }, chosenTheme: { state: true },
    page: { state: true }, closed: { state: true }, full: { state: true }, sheet: { state: true }, keys: { state: true }, narrow: { state: true }, unloaded: { state: true },
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
  declare quietMs: number | null;
  declare gate: Gate | null;
  declare visitor: Visitor | null;
  declare around: Surroundings;
  declare worked: WorkedView | null;
  declare workedFailed: string | null;
  declare chosenTheme: ThemeChoice;
  declare page: Page;
  declare closed: ReadonlySet<PanelName>;
  declare full: PanelName | null;
  declare sheet: Sheet | null;
  declare keys: boolean;
  declare narrow: boolean;
  /** Pages whose code is not here: on its way, or why it did not come. */
  declare unloaded: Readonly<Partial<Record<Page["id"], string>>>;

  #timers: ReturnType<typeof setInterval>[] = [];
  #noticeTimer: ReturnType<typeof setTimeout> | undefined;
  /** Symbols with a forced analysis whose decision is awaited. */
  #awaited = new Set<string>();
  readonly #turns = { seen: new OneAtATime(), worked: new OneAtATime() };
  #dirty = false;
  #toldAt = -Infinity;
  #refreshing = false;
  #hash = location.hash;

  constructor() {
    super();
    this.state = null;
    this.socket = { status: "connecting", heardAt: null };
    this.symbol = "";
    this.theme = themeNow();
    this.chosenTheme = keptAmong("theme", THEMES) ?? "system";
    this.page = OVERVIEW;
    this.closed = closedFrom(kept("closed"));
    this.full = this.sheet = null;
    this.keys = kept("keys") !== "off";
    this.unloaded = {};
    this.narrow = matchMedia(NARROW).matches;
    const few = matchMedia("(max-width: 640px)").matches;
    this.choices = {
      sort: { by: "closed", descending: true, shown: few ? 6 : 10, scope: "all" },
      articles: few ? 4 : 8, rules: few ? 4 : 6, worked: { during: "", side: "" }, kinds: 4,
    };
    this.notice = null;
    this.asking = false;
    this.why = null;
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
    addEventListener("popstate", this.#popped);
    addEventListener("keydown", this.#key);
    matchMedia(NARROW).addEventListener("change", this.#width);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.#systemTheme);
    this.#timers = [setInterval(() => this.#quiet(), 1000)];
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("hashchange", this.#route);
    removeEventListener("popstate", this.#popped);
    removeEventListener("keydown", this.#key);
    matchMedia(NARROW).removeEventListener("change", this.#width);
    matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.#systemTheme);
    this.#timers.forEach(clearInterval);
  }

  // What the feed tells.

  snapshot(view: StateView): void {
    const first = this.state === null;
    this.state = fromView(view);
    if (!view.health.symbols.includes(this.symbol)) this.symbol = keptAmong("symbol", view.health.symbols) ?? view.health.symbols[0] ?? "";
    if (first) this.#route();
    this.#lookAround();
  }

  events(events: readonly EventView[]): void {
    if (!this.state) return;
    const before = this.state;
    this.#toldAt = elapsed();
    this.state = events.reduce(reduce, before);
    this.#follow(before, this.state);
    let candleClosed = false;
    if (this.page.id === "memory" && events.some(({ kind }) => kind === "LessonLearned")) this.#turns.worked.ask(() => this.#loadWorked());
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
    if (candleClosed && this.page.id === "market") this.#turns.seen.ask(() => this.#loadSeen());
    if (this.#dirty) void this.#refresh();
  }

  /** A fact says that there is more to ask for. */
  #follow(before: State, { told, health }: State): void {
    const isThere = this.page.id === "market";
    if (isThere && told.news !== before.told.news) this.#loadNews();
    if (isThere && told.context !== before.told.context) this.#loadContext();
    if (before.health.status === "starting" && health.status !== "starting") void this.#begun();
  }

  link(link: Link): void {
    // What passes is not told again: after a cut the page looks for itself.
    const isBack = this.socket.status === "lost" && link.status === "live" && this.state !== null;
    this.socket = link;
    if (isBack) {
      this.#lookAround();
      void this.#refresh();
    }
    this.#quiet();
  }

  /** Nobody may look: what was seen is put away, too. */
  shut(gate: Gate): void {
    this.gate = gate;
    this.state = this.why = this.visitor = null;
    this.around = NOTHING;
    this.worked = null;
    this.workedFailed = null;
  }

  // What the page asks for.

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
      if (!isStale()) this.workedFailed = because(error);
    }
  }

  /** What a page shows beside the state is asked for when somebody is there. */
  #lookAround(): void {
    if (!this.state) return;
    if (this.page.id === "memory") void this.#loadWorked();
    if (this.page.id !== "market") return;
    void this.#loadSeen();
    this.#loadNews();
    this.#loadContext();
  }

  #loadNews(): void {
    void this.#ask("news", async () => ({ of: "news", told: await this.api.news() }));
  }

  #loadContext(): void {
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
    const answer = await told().catch((error: unknown): Answer => ({ of: "failure", question, why: because(error) }));
    if (answer && this.state) this.around = heard(this.around, answer);
  }

  /** What only the server can reckon: Sharpe, profit factor, fees. A burst of facts is one question, and one after it. */
  async #refresh(): Promise<void> {
    if (this.#refreshing) return;
    this.#dirty = false;
    this.#refreshing = true;
    const statistics = await this.api.statistics().catch(() => null);
    if (statistics && this.state) this.state = { ...this.state, statistics };
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    this.#refreshing = false;
    if (this.#dirty) await this.#refresh();
  }

  /** The history is lived through. */
  async #begun(): Promise<void> {
    const view = await this.api.state().catch(() => null);
    if (view) this.snapshot(view);
  }

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
      this.#notify({ tone: "down", text: `${symbol} was not analysed: ${because(error)}` });
    } finally {
      this.asking = false;
    }
  };

  // What happens here.

  #quiet(): void {
    const { heardAt } = this.socket;
    const last = Math.max(heardAt ?? -Infinity, this.#toldAt);
    this.quietMs = Number.isFinite(last) ? elapsed() - last : null;
  }

  #pick = (symbol: string): void => {
    if (symbol === this.symbol) return;
    this.symbol = symbol;
    keep("symbol", symbol);
    this.#lookAround();
  };

  #choose(change: Partial<Choices>): void {
    this.choices = { ...this.choices, ...change };
  }

  #frame(name: PanelName): Frame {
    const fold = foldOf(name, this.closed, this.full);
    return { fold, set: (to) => this.#fold(name, fold, to) };
  }

  #fold(name: PanelName, from: Fold, to: Fold): void {
    const closed = new Set(this.closed);
    if (to === "closed") closed.add(name);
    else closed.delete(name);
    if (closed.size) keep("closed", [...closed].join(" "));
    else forget("closed");
    this.closed = closed;
    this.full = to === "full" ? name : null;
    if (to === "full") history.pushState({ full: name }, "");
    else if (from === "full" && isFull(history.state)) history.back();
    // The button that was pressed is drawn anew; whoever pressed it finds it again.
    const pressed = to === "full" || from === "full" ? "full" : "fold";
    void this.updateComplete.then(() => setTimeout(() => this.querySelector<HTMLElement>(`[data-${pressed}=${name}]`)?.focus()));
  }

  #goTo(name: PanelName, fold: Fold = "open"): void {
    location.hash = pageHref(pageOf(name).id);
    this.#route();
    this.#fold(name, foldOf(name, this.closed, this.full), fold);
    void this.updateComplete.then(() => this.querySelector(`[data-slot=${name}]`)?.scrollIntoView({ block: "start" }));
  }

  #foldAll(names: readonly PanelName[]): void {
    this.closed = new Set(names);
    this.full = null;
    keep("closed", names.join(" "));
  }

  #notify(notice: Notice | null): void {
    clearTimeout(this.#noticeTimer);
    this.notice = notice;
    if (notice) this.#noticeTimer = setTimeout(() => (this.notice = null), NOTICE_MS);
  }

  /** Dark, light, as the system has it; from there first to what it does not have. */
  #toggleTheme = (): void => {
    const order: readonly ThemeChoice[] = systemTheme() === "dark" ? ["system", "light", "dark"] : ["system", "dark", "light"];
    this.#wear(order[(order.indexOf(this.chosenTheme) + 1) % order.length]!);
  };

  #wear(choice: ThemeChoice): void {
    this.chosenTheme = choice;
    const root = document.documentElement.dataset;
    if (choice === "system") {
      delete root["theme"];
      forget("theme");
    } else {
      root["theme"] = choice;
      keep("theme", choice);
    }
    this.theme = themeNow();
  }

  #systemTheme = (): void => {
    this.theme = themeNow();
  };

  #width = ({ matches }: MediaQueryListEvent): void => {
    this.narrow = matches;
  };

  /** Back leaves the full screen, not the page; a move to another address is the route's. */
  #popped = ({ state }: PopStateEvent): void => {
    const isMove = location.hash !== this.#hash;
    this.#hash = location.hash;
    if (!isMove && !isFull(state)) this.full = null;
  };

  #route = (): void => {
    this.#hash = location.hash;
    const to = asked(location.hash);
    if ("decision" in to) {
      if (to.decision === this.why?.id) return;
      this.why = { id: to.decision, view: null, failed: null };
      void this.#loadWhy(to.decision);
      return;
    }
    this.why = null;
    if (to.page === this.page) return;
    this.page = to.page;
    this.full = null;
    scrollTo({ top: 0, behavior: "instant" });
    void this.#loadPage(to.page);
    this.#lookAround();
  };

  async #loadPage({ id }: Page): Promise<void> {
    const needed = NEEDS[id];
    if (!needed) return;
    this.unloaded = { ...this.unloaded, [id]: "" };
    try {
      await needed();
      const { [id]: _, ...others } = this.unloaded;
      this.unloaded = others;
    } catch {
      // A newer build may have taken the place of the one this page came from.
      this.unloaded = { ...this.unloaded, [id]: "This part of the page did not come." };
    }
  }

  async #loadWhy(id: string): Promise<void> {
    const found = await this.api.why(id).then(
      (view) => ({ id, view, failed: null }),
      (error: unknown) => ({ id, view: null, failed: because(error) }),
    );
    if (this.why?.id === id) this.why = found;
  }

  #closeWhy = (): void => {
    // At once: the address tells of it later, and what is drawn in between would open it again.
    this.why = null;
    if (location.hash.startsWith("#/decision/")) location.hash = pageHref(this.page.id);
  };

  #copy = (text: string): void => {
    navigator.clipboard.writeText(text).then(
      () => this.#notify({ tone: "flat", text: "Copied." }),
      () => this.#notify({ tone: "down", text: "The browser did not allow copying." }),
    );
  };

  // Keys and commands.

  #commands(): readonly Command[] {
    const symbols = this.state?.health.symbols ?? [];
    const panels = pagesFor(this.#isPublic).flatMap((page) => rowsOf(page, this.narrow, this.#isPublic).flatMap((row) => row.flatMap((column) => column.panels))).map((name): Command => ({ group: "Panel", name: PANELS[name], run: () => this.#goTo(name) }));
    return [
      ...pagesFor(this.#isPublic).map(({ id, name, says }, index): Command => ({ group: "Go to", name, also: says, key: String(index + 1), run: () => void (location.hash = pageHref(id)) })),
      ...symbols.map((symbol): Command => ({ group: "Pair", name: symbol, run: () => this.#pick(symbol) })),
      { group: "Pair", name: "Next pair", key: "]", run: () => this.#step(1) },
      { group: "Pair", name: "Previous pair", key: "[", run: () => this.#step(-1) },
      { group: "Do", name: `Analyse ${this.symbol} now`, also: "force ask", key: "a", run: () => this.#act() },
      { group: "Do", name: "Why: the last decision", also: "explain", key: "w", run: () => this.#whyLast() },
      { group: "Look", name: "Switch the theme", also: "dark light system", key: "t", run: this.#toggleTheme },
      ...THEMES.map((theme): Command => ({ group: "Look", name: `Theme: ${theme}`, run: () => this.#wear(theme) })),
      { group: "Look", name: "Full screen of the panel in use", also: "maximise", key: "f", run: () => this.#turn("full") },
      { group: "Look", name: "Collapse or expand the panel in use", also: "fold", key: "c", run: () => this.#turn("closed") },
      { group: "Look", name: "Collapse all panels", run: () => this.#foldAll(Object.keys(PANELS) as PanelName[]) },
      { group: "Look", name: "Expand all panels", also: "reset layout", run: () => this.#foldAll([]) },
      { group: "Do", name: "Keyboard help", also: "shortcuts keys", key: "?", run: () => void (this.sheet = "help") },
      { group: "Do", name: "Find anything", also: "palette", key: "/", run: () => void (this.sheet = "palette") },
      ...panels,
    ];
  }

  #key = (event: KeyboardEvent): void => {
    if (this.gate) return;
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      event.preventDefault();
      this.sheet = this.sheet === "palette" ? null : "palette";
      return;
    }
    if (event.key === "Escape" && this.full && !this.querySelector("dialog[open]")) return this.#fold(this.full, "full", "open");
    const key = struck(event);
    if ((key === "j" || key === "k") && this.why && this.keys) return this.#whyBeside(key === "j" ? 1 : -1);
    if (key === null || !this.keys || !this.state || this.querySelector("dialog[open]")) return;
    const command = this.#commands().find((one) => one.key === key);
    if (!command) return;
    event.preventDefault();
    command.run();
  };

  /** The panel that has the focus, else the one under the pointer. */
  #turn(to: "full" | "closed"): void {
    const slot = document.activeElement?.closest<HTMLElement>("[data-slot]") ?? [...this.querySelectorAll<HTMLElement>("[data-slot]:hover")].at(-1);
    const name = this.full ?? (slot?.dataset["slot"] as PanelName | undefined);
    if (name === undefined) return this.#notify({ tone: "flat", text: "Go to a panel first: with Tab, or with the pointer." });
    const fold = foldOf(name, this.closed, this.full);
    this.#fold(name, fold, fold === to ? "open" : to);
  }

  #step(by: 1 | -1): void {
    const symbols = this.state?.health.symbols ?? [];
    const to = symbols.at((symbols.indexOf(this.symbol) + by) % symbols.length);
    if (to !== undefined) this.#pick(to);
  }

  #whyLast(): void {
    const last = this.state && lastOn(this.state, this.symbol);
    if (last) location.hash = `#/decision/${encodeURIComponent(last)}`;
    else this.#notify({ tone: "flat", text: `Nothing was decided on ${this.symbol} yet.` });
  }

  /** From one decision to the next older or newer one of its pair. */
  #whyBeside(by: 1 | -1): void {
    const all = this.state?.decisions ?? [];
    const at = all.findIndex(({ id }) => id === this.why?.id);
    const found = by === 1 ? all.find((made, index) => index > at && made.symbol === all[at]?.symbol)
      : all.findLast((made, index) => index < at && made.symbol === all[at]?.symbol);
    if (at >= 0 && found) location.hash = `#/decision/${encodeURIComponent(found.id)}`;
  }

  /** Whoever is not signed in where everybody may look. */
  get #isPublic(): boolean {
    return this.visitor?.signIn != null;
  }

  #act(): void {
    const forbidden = this.#isPublic ? "Sign in to ask for an analysis." : (this.visitor?.forbidden ?? null);
    if (forbidden !== null) this.#notify({ tone: "flat", text: forbidden });
    else if (!this.asking) void this.#analyse();
  }

  #closeSheet = (): void => {
    this.sheet = null;
  };

  protected override willUpdate(): void {
    if (this.sheet === "palette") void import("./panels/palette");
  }

  protected override updated(): void {
    for (const [which, wanted] of [["why", this.why], ["sheet-place", this.sheet]] as const) {
      const dialog = this.querySelector<HTMLDialogElement>(`dialog.${which}`);
      if (wanted && dialog && !dialog.open) dialog.showModal();
      if (!wanted && dialog?.open) dialog.close();
    }
    document.title = this.gate ? "Semantic Signal · sign in" : this.state ? title(this.state, this.symbol, this.page, this.why) : "Semantic Signal · paper trading";
  }

  protected override render(): TemplateResult {
    const { state, socket, symbol, theme, notice, asking, why, gate, visitor, page, full, chosenTheme } = this;
    if (gate) return gatePage(gate, theme, this.#toggleTheme);
    const dim = socket.status === "lost" || socket.status === "silent";
    const aged = dim && this.quietMs !== null ? `--aged: " · ${duration(this.quietMs)} old"` : "";
    return html`
      <a class="skip" href="#main" @click=${this.#skip}>Skip to the figures</a>
      <div class="head" ?inert=${full !== null}>
        ${topbar({
          state, link: socket, symbol, theme, chosenTheme, notice, asking, visitor,
          toggleTheme: this.#toggleTheme, analyse: this.#analyse, dismiss: () => this.#notify(null),
          forbid: (text) => this.#notify({ tone: "flat", text }), find: () => void (this.sheet = "palette"),
        })}
        <div class="places">${nav(pagesFor(this.#isPublic), page.id)}${state ? tickers(state, symbol, this.#pick) : nothing}</div>
      </div>
      ${banner(state, socket, dim ? this.quietMs : null)}
      <main id="main" tabindex="-1" class=${dim ? "stale" : ""} .style=${aged}>
        <h1 class="sr-only">${page.name}: paper trading dashboard</h1>
        ${state ? this.#rows(page, state) : waiting(socket)}
      </main>
      <footer ?inert=${full !== null}>
        <p><strong>Educational, paper trading only. No real orders.</strong> <button type="button" class="quiet" @click=${() => (this.sheet = "help")}>Keyboard</button></p>
        <p class="muted">Charts by <a href="https://www.tradingview.com/" rel="noopener noreferrer" target="_blank">TradingView Lightweight Charts™</a>. ${state ? html`Model ${state.health.model}, market ${state.health.market_source}, version ${state.health.version}.` : nothing} All times UTC.</p>
      </footer>
      ${guard([why], () => whyDialog({ why, chart: (id) => this.api.chart(id), close: this.#closeWhy, copy: this.#copy, exported: (id) => this.api.exported(id), promptsHidden: this.#isPublic }))}
      ${this.#sheet()}`;
  }

  /** Not by the address: that says which page this is. */
  #skip = (event: Event): void => {
    event.preventDefault();
    this.querySelector<HTMLElement>("#main")?.focus();
  };

  #sheet(): TemplateResult {
    const { sheet } = this;
    const close = this.#closeSheet;
    const leave = leaving(close);
    const backdrop = (event: MouseEvent): void => {
      if (event.target === event.currentTarget) close();
    };
    return html`<dialog class="sheet-place" aria-label=${sheet === "palette" ? "Find anything" : "Keyboard help"} @cancel=${leave.cancel} @close=${leave.closed} @click=${backdrop}>
      ${sheet === "help" ? help({ commands: this.#commands(), keys: this.keys, setKeys: this.#setKeys, close })
        : sheet === "palette" ? html`<command-palette .commands=${this.#commands()} @done=${close}></command-palette>` : nothing}
    </dialog>`;
  }

  #setKeys = (on: boolean): void => {
    this.keys = on;
    if (on) forget("keys");
    else keep("keys", "off");
  };

  #rows(page: Page, state: State): unknown {
    const { id } = page;
    const why = this.unloaded[id];
    if (why === "") return html`<div class="loading" aria-busy="true"><div class="skeleton tall"></div></div>`;
    if (why !== undefined)
      return html`<p class="refusal"><strong>${why}</strong> There may be a newer version: <button type="button" @click=${() => location.reload()}>Load the page anew</button></p>`;
    return keyed(`${id} ${this.narrow}`, rowsOf(page, this.narrow, this.#isPublic).map((row) => this.#row(row, state)));
  }

  #row(row: Row, state: State): TemplateResult {
    const isClosed = (name: PanelName): boolean => this.closed.has(name) && this.full !== name;
    return html`<div class="row-place">${row.map(({ share, panels }) => {
      const grows = growing(panels, isClosed);
      return html`<div class="column ${grows === null ? "closed" : ""}" .style=${`--share: ${share}`}>${panels.map((name) => this.#slot(name, state, name === grows))}</div>`;
    })}</div>`;
  }

  /** Full, a panel lies over the page; the rest is out of reach until it is put back. It is the same panel all the while. */
  #slot(name: PanelName, state: State, grows: boolean): TemplateResult {
    const full = this.full === name;
    return html`<div class="slot ${full ? "full" : grows ? "grows" : ""}" data-slot=${name} ?inert=${this.full !== null && !full}
      role=${full ? "dialog" : nothing} aria-modal=${full ? "true" : nothing} aria-label=${full ? PANELS[name] : nothing}>${this.#panel(name, state)}</div>`;
  }

  #panel(name: PanelName, state: State): TemplateResult | DirectiveResult {
    const { symbol, choices, around, theme, api } = this;
    const frame = this.#frame(name);
    switch (name) {
      case "headline": return headline(state, frame);
      case "price": return html`<semsig-price .api=${api} .state=${state} .symbol=${symbol} .theme=${theme} .frame=${frame}></semsig-price>`;
      case "equity": return html`<semsig-equity .api=${api} .state=${state} .symbol=${symbol} .theme=${theme} .frame=${frame}></semsig-equity>`;
      case "steps": return html`<semsig-steps .state=${state} .symbol=${symbol} .frame=${frame}></semsig-steps>`;
      case "neural": return html`<semsig-neural .api=${api} .state=${state} .symbol=${symbol} .frame=${frame}></semsig-neural>`;
      case "thoughts": return html`<semsig-thoughts .api=${api} .state=${state} .symbol=${symbol} .frame=${frame} .promptsHidden=${this.#isPublic}></semsig-thoughts>`;
      case "cortex": return html`<semsig-cortex .api=${api} .state=${state} .symbol=${symbol} .frame=${frame}></semsig-cortex>`;
      case "brain": return html`<semsig-brain .api=${api} .state=${state} .symbol=${symbol} .theme=${theme} .frame=${frame}></semsig-brain>`;
      case "memory": return html`<semsig-memory .api=${api} .state=${state} .symbol=${symbol} .frame=${frame}></semsig-memory>`;
      case "decisions": return html`<semsig-decisions .api=${api} .state=${state} .symbol=${symbol} .frame=${frame}></semsig-decisions>`;
      case "refusals": return html`<semsig-refusals .api=${api} .state=${state} .frame=${frame}></semsig-refusals>`;
      case "postmortems": return html`<semsig-postmortems .api=${api} .state=${state} .symbol=${symbol} .frame=${frame}></semsig-postmortems>`;
      case "statistics": return html`<semsig-statistics .api=${api} .state=${state} .frame=${frame}></semsig-statistics>`;
      case "calibration": return html`<semsig-calibration .api=${api} .state=${state} .frame=${frame}></semsig-calibration>`;
      case "costs": return html`<semsig-costs .api=${api} .state=${state} .frame=${frame}></semsig-costs>`;
      case "health": return html`<semsig-health .api=${api} .state=${state} .frame=${frame}></semsig-health>`;
      case "positions": return positions(state, symbol, this.quietMs, frame);
      case "last": return lastDecision(state, symbol, frame);
      case "market": return marketPanel({ state, around, symbol, frame });
      case "news": return newsPanel({ state, around, symbol, frame, shown: choices.articles, show: (articles) => this.#choose({ articles }) });
      case "trades": return guard([state.trades, symbol, choices.sort, frame.fold], () =>
        trades({ state, symbol, sort: choices.sort, setSort: (sort) => this.#choose({ sort }), frame }));
      case "worked": return guard([this.worked, this.workedFailed, choices.worked, choices.kinds, frame.fold], () => worked({
        asked: choices.worked, told: this.worked, failed: this.workedFailed, frame, shown: choices.kinds, show: (kinds) => this.#choose({ kinds }),
        ask: (asked) => { this.#choose({ worked: asked }); void this.#loadWorked(); },
      }));
      case "rules": return guard([state.rules, choices.rules, frame.fold], () => rules({ state, frame, shown: choices.rules, show: (rules) => this.#choose({ rules }) }));
    }
  }
}

function waiting(link: Link): TemplateResult {
  return html`<div class="loading" aria-busy="true">
    <p>${link.status === "lost" ? "The server does not answer. Trying again." : "Loading the figures…"}</p>
    <div class="skeleton"></div><div class="skeleton tall"></div>
  </div>`;
}

function title(state: State, symbol: string, page: Page, why: Why | null): string {
  const made = why?.view?.decision;
  if (why) return `Why ${made ? `${made.symbol} ${time(made.closed_at)}` : "a decision"} · Semantic Signal (paper)`;
  const change = Number(state.equity_quote) / Number(state.statistics.start_quote) - 1;
  return `${ratio(change, 2, true)} net · ${page === OVERVIEW ? symbol : page.name} · Semantic Signal (paper)`;
}

/** Whether this entry of the browser's history is a panel in full screen. */
function isFull(state: unknown): boolean {
  return typeof state === "object" && state !== null && "full" in state;
}

function systemTheme(): Theme {
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

function themeNow(): Theme {
  const chosen = document.documentElement.dataset["theme"];
  return chosen === "light" || chosen === "dark" ? chosen : systemTheme();
}

customElements.define("semsig-app", SemsigApp);
