/** What a model was asked and what it answered, decision by decision of the chosen pair; every word of it is foreign. */
import { LitElement, html, nothing, type TemplateResult } from "lit";
import "../styles/thoughts.css";
import { because, type Api } from "../api";
import type { Line, Skipped } from "../changes";
import { age, fixed, instant, time, usd } from "../format";
import { OneAtATime } from "../one-at-a-time";
import type { Attempt, DecisionView, WhyView } from "../shapes";
import type { State } from "../state";
import { wantedAndDone } from "./decision";
import { empty, panel, segment, whyHref, type Frame } from "./parts";
import { SeenFirst } from "./seen-first";

type Tab = "reply" | "prompt" | "instructions" | "attempts";
type Look = "drawn" | "raw" | "changes";

const TABS = [["reply", "Reply"], ["prompt", "Prompt"], ["instructions", "Instructions"], ["attempts", "Attempts"]] as const;
const LOOKS = [["Markdown", "drawn"], ["Raw", "raw"], ["Changes", "changes"]] as const;
/** Whole decisions are large: so many are held. */
const HELD = 12;
const PAGE = 50;

export class SemsigThoughts extends LitElement {
  static override properties = {
    api: { attribute: false }, state: { attribute: false }, symbol: { attribute: false }, frame: { attribute: false }, promptsHidden: { attribute: false },
    chosen: { state: true }, tab: { state: true }, look: { state: true }, older: { state: true }, failed: { state: true }, drawn: { state: true },
    changed: { state: true }, copied: { state: true },
  };
  declare api: Api;
  declare state: State;
  declare symbol: string;
  declare frame: Frame;
  /** This page is for everybody, who are not shown what a model was asked. */
  declare promptsHidden: boolean;
  /** Null: the newest, whichever that is. */
  declare chosen: string | null;
  declare tab: Tab;
  declare look: Look;
  /** Of this pair, older than what the state holds. */
  declare older: readonly DecisionView[];
  declare failed: string | null;
  declare drawn: HTMLElement | null;
  declare changed: readonly (Line | Skipped)[] | "other" | null;
  declare copied: string;
  readonly #first = new SeenFirst(this);
  #held = new Map<string, WhyView>();
  #asked = new Set<string>();
  readonly #turn = new OneAtATime();
  /** Of which words `drawn` and `changed` are. */
  #of = "";
  #isEnd = false;
  #symbol = "";

  constructor() {
    super();
    this.promptsHidden = false;
    this.chosen = this.failed = this.drawn = this.changed = null;
    this.tab = "reply";
    this.look = "drawn";
    this.older = [];
    this.copied = "";
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  #all(): readonly DecisionView[] {
    const told = this.state.decisions.filter(({ symbol }) => symbol === this.symbol);
    const ids = new Set(told.map(({ id }) => id));
    return [...told, ...this.older.filter(({ id, symbol }) => symbol === this.symbol && !ids.has(id))];
  }

  protected override willUpdate(): void {
    if (this.#symbol !== this.symbol) {
      this.#symbol = this.symbol;
      this.chosen = null;
      this.#isEnd = false;
    }
    if (!this.#first.isSeen || this.frame.fold === "closed") return;
    const all = this.#all();
    const place = this.#place(all);
    const made = all[place];
    if (!made) return;
    const before = all[place + 1];
    const wanted = [made.id, ...(this.look === "changes" && before ? [before.id] : [])].filter((id) => !this.#held.has(id) && !this.#asked.has(id));
    if (wanted.length) this.#turn.ask(() => Promise.all(wanted.map((id) => this.#load(id))));
    if (this.look === "changes" && !before && !this.#isEnd) void this.#more(all);
    this.#draw(made, before);
  }

  #place(all: readonly DecisionView[]): number {
    return this.chosen === null ? 0 : Math.max(0, all.findIndex(({ id }) => id === this.chosen));
  }

  async #load(id: string): Promise<void> {
    if (this.#held.has(id) || this.#asked.has(id)) return;
    this.#asked.add(id);
    try {
      this.#held.set(id, await this.api.why(id));
      if (this.#held.size > HELD) this.#held.delete(this.#held.keys().next().value!);
      this.failed = null;
      this.#asked.delete(id);
      this.requestUpdate();
    } catch (error) {
      // Stays asked: it is tried again when somebody says so, not at each fact.
      this.failed = because(error);
    }
  }

  async #more(all: readonly DecisionView[]): Promise<void> {
    const last = all.at(-1);
    const symbol = this.symbol;
    if (!last || this.#isEnd || this.#asked.has("more")) return;
    this.#asked.add("more");
    try {
      const { decisions } = await this.api.decisions(PAGE, { symbol, before: last.id, action: null, words: null });
      if (symbol !== this.symbol) return;
      this.#isEnd = decisions.length < PAGE;
      this.older = [...this.older.filter((one) => one.symbol === symbol), ...decisions];
    } catch (error) {
      this.failed = because(error);
    } finally {
      this.#asked.delete("more");
    }
  }

  #words(id: string | undefined): string | null {
    const view = id === undefined ? undefined : this.#held.get(id);
    if (!view) return null;
    return { reply: view.reply, prompt: view.user_prompt, instructions: view.system_prompt, attempts: null }[this.tab];
  }

  /** Libraries come when they are needed, and what they make is made once for the same words. */
  #draw(made: DecisionView, before: DecisionView | undefined): void {
    const words = this.#words(made.id);
    const other = this.#words(before?.id);
    if (words === null || this.look === "raw" || (this.look === "changes" && other === null)) return;
    const of = `${this.look} ${this.tab} ${made.id} ${this.look === "changes" ? before?.id : ""}`;
    if (of === this.#of) return;
    this.#of = of;
    this.drawn = this.changed = null;
    const isStale = (): boolean => of !== this.#of;
    const gone = (): void => {
      if (isStale()) return;
      this.#of = "";
      this.look = "raw";
    };
    if (this.look === "drawn") import("../markdown").then(({ markdown }) => isStale() || (this.drawn = markdown(words))).catch(gone);
    else import("../changes").then(({ changes }) => isStale() || (this.changed = changes(other ?? "", words) ?? "other")).catch(gone);
  }

  #step(to: DecisionView | undefined, isNewest: boolean): void {
    this.chosen = isNewest || !to ? null : to.id;
    this.copied = "";
  }

  #older = async (): Promise<void> => {
    const place = this.#place(this.#all());
    if (place + 1 >= this.#all().length) await this.#more(this.#all());
    this.#step(this.#all()[place + 1] ?? this.#all()[place], false);
  };

  #newer = (): void => {
    const all = this.#all();
    const place = this.#place(all) - 1;
    this.#step(all[place], place <= 0);
  };

  #copy(words: string): void {
    navigator.clipboard.writeText(words).then(() => (this.copied = "Copied."), () => (this.copied = "The browser did not allow copying."));
  }

  #retry = (): void => {
    this.#asked.clear();
    this.failed = null;
  };

  #tabKey = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const at = TABS.findIndex(([tab]) => tab === this.tab);
    this.tab = TABS[(at + step + TABS.length) % TABS.length]![0];
    void this.updateComplete.then(() => this.querySelector<HTMLElement>("[role=tab][aria-selected=true]")?.focus());
  };

  protected override render(): TemplateResult {
    const all = this.#all();
    const place = this.#place(all);
    const made = all[place];
    const steps = html`<span class="thought-steps">
      <button type="button" class="icon" aria-label="Older decision" title="Older decision" ?disabled=${!made || (place + 1 >= all.length && this.#isEnd)} @click=${() => void this.#older()}>‹</button>
      <button type="button" class="icon" aria-label="Newer decision" title="Newer decision" ?disabled=${place <= 0} @click=${this.#newer}>›</button>
    </span>`;
    return panel({ name: "thoughts", title: "Thought stream", frame: this.frame, controls: steps, beside: html`<span class="muted">${this.symbol}</span>` }, () =>
      made ? this.#thought(made, all[place + 1], place) : empty("No thought yet", `What the model is asked about ${this.symbol}, and what it answers, stands here after the first decision.`));
  }

  #thought(made: DecisionView, before: DecisionView | undefined, place: number): TemplateResult {
    const view = this.#held.get(made.id);
    const words = this.#words(made.id);
    return html`
      <p class="row thought-of">${wantedAndDone(made)}<time datetime=${made.closed_at}>${time(made.closed_at)} UTC</time>
        <span class="muted">${place === 0 ? "newest, " : ""}${age(made.closed_at, this.state.at)}</span><span class="muted"><bdi>${made.model ?? "no model asked"}</bdi></span><a class="push" href=${whyHref(made.id)}>Why</a></p>
      <div class="thought-tools">
        <div class="tabs" role="tablist" aria-label="What to read" @keydown=${this.#tabKey}>${TABS.map(([tab, name]) => html`<button type="button" role="tab" id="thought-${tab}" aria-controls="thought-place"
          aria-selected=${tab === this.tab ? "true" : "false"} tabindex=${tab === this.tab ? "0" : "-1"} @click=${() => (this.tab = tab)}>${name}</button>`)}</div>
        ${this.tab === "attempts" ? nothing : html`<span class="row push">${segment("How to read it", LOOKS, this.look, (look) => (this.look = look))}
          <button type="button" class="small" ?disabled=${words === null} @click=${() => words !== null && this.#copy(words)}>Copy</button></span>`}
        <span class="sr-only" role="status">${this.copied}</span>
      </div>
      <div class="thought-place" id="thought-place" role="tabpanel" aria-labelledby="thought-${this.tab}" tabindex="0">
        ${this.failed ? html`<p class="refusal"><strong>Could not load it.</strong> ${this.failed} <button type="button" @click=${this.#retry}>Try again</button></p>` : nothing}
        ${view ? this.#read(view, words, before) : this.failed ? nothing : html`<p class="muted" aria-busy="true">Loading…</p>`}
      </div>`;
  }

  #read(view: WhyView, words: string | null, before: DecisionView | undefined): unknown {
    if (this.tab === "attempts") return attempts(view);
    if (words === null) return html`<p class="muted">${this.#why(view)}</p>`;
    const by = view.attempts.length || this.tab !== "reply" ? nothing : html`<p class="muted aside">No model was asked: this is the reply of ${view.decision.model ?? "the rules analyst"}, made by rules.</p>`;
    if (this.look === "raw") return html`${by}<pre>${words}</pre>`;
    if (this.look === "drawn") return html`${by}${this.drawn ?? html`<p class="muted" aria-busy="true">Drawing…</p>`}`;
    if (!before) return html`<p class="muted">${this.#isEnd ? "This is the first decision on this pair: there is none before it." : "Looking for the one before…"}</p>`;
    const older = this.#held.get(before.id);
    if (!older) return html`<p class="muted" aria-busy="true">Loading the one before…</p>`;
    if (this.#words(before.id) === null) return html`<p class="muted">Of the decision before this one (${time(before.closed_at)} UTC) there are no such words to compare with.</p>`;
    return this.changed === null ? html`<p class="muted" aria-busy="true">Comparing…</p>` : different(this.changed, before);
  }

  /** Why there are no words: each reason is another. */
  #why(view: WhyView): string {
    const { decision, prompt_sha256: asked, reply_sha256: answered } = view;
    if (this.tab !== "reply") {
      if (asked === null) return `Nobody was asked: ${decision.refusals[0]?.reason ?? "it was decided without a model"}.`;
      return this.promptsHidden ? "What it was asked is not shown in this public view." : "The archive no longer has these words; their seal is kept.";
    }
    if (asked === null) return `No model was asked: ${decision.refusals[0]?.reason ?? "it was decided without one"}.`;
    if (answered !== null) return "The archive no longer has the reply; its seal is kept.";
    return `No answer came: ${decision.refusals[0]?.reason ?? "no model answered"}. The attempts tell more.`;
  }
}

function attempts({ attempts, decision }: WhyView): TemplateResult {
  if (!attempts.length) return html`<p class="muted">No model was asked, so nothing was paid: ${decision.model ?? "nobody"} answered by rules.</p>`;
  return html`<ol class="attempts-list">${attempts.map((one: Attempt) => html`<li>
    <p><strong>${one.fault === null ? "Answered" : one.fault.replaceAll("_", " ")}</strong> <bdi>${one.model}</bdi> at <bdi>${one.provider}</bdi></p>
    <p class="muted">${instant(one.asked_at)} · ${fixed(one.latency_s, 1)} s · ${fixed(one.input_tokens, 0)} tokens in, ${fixed(one.output_tokens, 0)} out · ${one.cost_usd === null ? "cost not told" : usd(one.cost_usd)}</p>
    ${one.said ? html`<p><bdi>${one.said}</bdi></p>` : nothing}${one.text ? html`<pre>${one.text}</pre>` : nothing}</li>`)}</ol>`;
}

const SPOKEN = { "+": "added: ", "−": "removed: ", " ": "" } as const;

function different(told: readonly (Line | Skipped)[] | "other", before: DecisionView): TemplateResult {
  const since = html`<time datetime=${before.closed_at}>${time(before.closed_at)} UTC</time>`;
  if (told === "other") return html`<p class="muted">So much is other than at ${since} that the two are simply two texts.</p>`;
  const count = (mark: string): number => told.filter((line) => line.mark === mark).length;
  if (!count("+") && !count("−")) return html`<p class="muted">Word for word the same as at ${since}.</p>`;
  return html`<p class="muted aside">Since ${since}: <span class="up">+ ${count("+")}</span> and <span class="down">− ${count("−")}</span> lines.</p>
    <div class="changes">${told.map((line) => line.mark === "…" ? html`<p class="skipped">… ${line.lines} ${line.lines === 1 ? "line" : "lines"} the same</p>`
      : html`<p class=${{ "+": "added", "−": "removed", " ": "same" }[line.mark]}><span class="mark" aria-hidden="true">${line.mark}</span><span class="sr-only">${SPOKEN[line.mark]}</span><span>${line.text || " "}</span></p>`)}</div>`;
}


customElements.define("semsig-thoughts", SemsigThoughts);
