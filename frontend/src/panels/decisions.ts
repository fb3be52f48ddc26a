/** Every decision, newest first; each leads to its why. */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { price, ratio, time } from "../format";
import type { DecisionView } from "../shapes";
import type { State } from "../state";
import { wantedAndDone } from "./decision";
import { empty, select, whyHref } from "./parts";

export interface DecisionFilter {
  readonly symbol: string;
  readonly action: string;
  readonly shown: number;
}

export interface DecisionsProps {
  state: State;
  filter: DecisionFilter;
  open: string | null;
  setFilter(filter: DecisionFilter): void;
  older(): void;
}

const ACTIONS = ["BUY", "SELL", "HOLD", "CLOSE", "UPDATE"];

/** `refused` asks for those that a guard changed. */
export function chosen(decisions: readonly DecisionView[], { symbol, action }: DecisionFilter): readonly DecisionView[] {
  return decisions.filter((made) =>
    (symbol === "all" || made.symbol === symbol)
    && (action === "all" || (action === "refused" ? made.refusals.length > 0 : action === "acted" ? made.action !== "HOLD" : made.action === action)));
}

export function decisions({ state, filter, open, setFilter, older }: DecisionsProps): TemplateResult {
  const found = chosen(state.decisions, filter);
  const shown = found.slice(0, filter.shown);
  const symbols = [["All symbols", "all"], ...state.health.symbols.map((symbol) => [symbol, symbol] as const)] as const;
  const actions = [["All actions", "all"], ["Acted", "acted"], ["Refused", "refused"], ...ACTIONS.map((action) => [action, action] as const)] as const;
  return html`<section class="panel decisions" aria-labelledby="decisions-title">
    <div class="panel-head">
      <h2 id="decisions-title">Decisions</h2><span class="count">${found.length}</span>
      <div class="push row">
        ${select("Symbol of the decisions", symbols, filter.symbol, (symbol) => setFilter({ ...filter, symbol }))}
        ${select("Action of the decisions", actions, filter.action, (action) => setFilter({ ...filter, action }))}
      </div>
    </div>
    ${shown.length ? html`<ol class="feed">${repeat(shown, ({ id }) => id, (made) => item(made, made.id === open))}</ol>`
      : state.decisions.length ? empty("No such decision", "Nothing matches the filter.")
        : empty("No decision yet", "The first comes when a candle closes.")}
    <p class="more">
      ${found.length > shown.length ? html`<button type="button" @click=${() => setFilter({ ...filter, shown: filter.shown + 25 })}>Show 25 more</button>`
        : state.statistics.decisions > state.decisions.length && state.decisions.length < 500 ? html`<button type="button" @click=${older}>Load older</button>` : nothing}
    </p>
  </section>`;
}

function item(made: DecisionView, isOpen: boolean): TemplateResult {
  const said = made.refusals[0] ? `Refused by ${made.refusals[0].guard}: ${made.refusals[0].reason}` : made.reasoning;
  return html`<li><a class="decision" href=${whyHref(made.id)} aria-current=${isOpen ? "true" : nothing}>
    <span class="row">
      ${wantedAndDone(made)}<span class="symbol">${made.symbol}</span>
      <span class="muted at-price">@ ${price(made.price)}</span>
      ${made.is_forced ? html`<span class="chip">forced</span>` : nothing}
      <span class="push figures">${made.confidence_ratio === null ? nothing : html`<span class="muted" title="Confidence">${ratio(made.confidence_ratio, 0)}</span>`}<time datetime=${made.closed_at}>${time(made.closed_at)}</time></span>
    </span>
    <span class="line">${said}</span>
  </a></li>`;
}
