/** An analysis while it goes on: its steps, what each took, which is now going, and what came out. */
import { LitElement, html, nothing, type TemplateResult } from "lit";
import "../styles/steps.css";
import { clock, duration, fixed, instant } from "../format";
import type { State } from "../state";
import { hasEnded, STEPS, type Analysis, type Step } from "../steps";
import { empty, panel, whyHref, type Frame } from "./parts";

const NAMES: Readonly<Record<Step, string>> = {
  asked: "Asked for", collecting: "Market collected", analysing: "Analysed", deciding: "Model answers", executing: "Executed", done: "Done", failed: "Failed",
};
const GOING: Readonly<Record<Step, string>> = {
  asked: "waits for the one now running", collecting: "collecting the market", analysing: "analysing", deciding: "the model is asked", executing: "waiting for a price", done: "done", failed: "failed",
};

export class SemsigSteps extends LitElement {
  static override properties = { state: { attribute: false }, symbol: {}, frame: { attribute: false } };
  declare state: State;
  declare symbol: string;
  declare frame: Frame;

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override render(): TemplateResult {
    const { state, symbol, frame } = this;
    const known = state.steps[symbol];
    const beside = html`<span class="muted">${symbol}</span>${known?.isForced ? html`<span class="chip">asked for by hand</span>` : nothing}`;
    return panel({ name: "steps", title: "Analysis", frame, beside }, () =>
      known ? running(known, state) : empty("Nothing under way", "When the next candle closes, or somebody asks for an analysis, each step is seen here as it happens."));
  }
}

function running(known: Analysis, state: State): TemplateResult {
  const last = known.steps.at(-1);
  const ended = hasEnded(known);
  const failed = last?.step === "failed";
  const reached = new Map(known.steps.map(({ step, at }, index) => [step, { at, until: known.steps[index + 1]?.at ?? null }]));
  const shown: readonly Step[] = failed ? known.steps.map(({ step }) => step) : STEPS.filter((step) => step !== "asked" || reached.has("asked"));
  const speed = state.health.speed || 1;
  return html`<div class="body">
    <ol class="stepping">${shown.map((step) => {
      const told = reached.get(step);
      const isNow = step === last?.step && !ended;
      const isEnd = step === "done" || step === "failed";
      // Past a step that nobody told of, as a page that was opened in the middle sees it.
      const mark = step === "failed" ? "failed" : isNow ? "now" : told ? "past" : !isEnd && ended ? "skipped" : "ahead";
      const took = told?.until ? short((Date.parse(told.until) - Date.parse(told.at)) / speed) : null;
      return html`<li class=${mark} aria-current=${isNow ? "step" : nothing} title=${told ? `${NAMES[step]}: ${instant(told.at)}` : nothing}>
        <span class="step-name">${NAMES[step]}</span>
        <span class="muted">${isNow ? "now" : took ?? (told && !isEnd ? "–" : isEnd && told ? clock(told.at) : mark === "skipped" ? (step === "executing" ? "nothing to do" : "not seen") : "")}</span>
      </li>`;
    })}</ol>
    <p class="steps-said" role="status">${failed ? html`<strong class="down">Failed.</strong> <bdi>${known.said}</bdi>` : ended ? html`<strong>${known.said ?? "Done"}</strong>` : html`${last ? capital(GOING[last.step]) : ""}${known.said ? html`: <bdi>${known.said}</bdi>` : "…"}`}
      ${known.isDecided ? html` <a href=${whyHref(known.id)}>Why</a>` : nothing}</p>
    ${speed > 1 ? html`<p class="muted under">Times as they passed here; the market's clock runs ${speed} times as fast.</p>` : nothing}
  </div>`;
}

/** Below ten seconds the tenths say something. */
function short(ms: number): string {
  return ms < 10_000 ? `${fixed(Math.max(0, ms) / 1000, 1)} s` : duration(ms);
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

customElements.define("semsig-steps", SemsigSteps);
