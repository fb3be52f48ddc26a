/** The statistics, each with how sure it is, what it rests on and what counts as good. */
import { html, nothing, type TemplateResult } from "lit";
import { NONE, duration, fixed, money, multiple, number, quoteOf, ratio } from "../format";
import type { Estimate, IntervalsView } from "../shapes";
import { signed, panel } from "./parts";
import { LoadedPanel } from "./loaded";
import "../styles/numbers.css";

type Name = Estimate["name"];

interface Meaning {
  readonly title: string;
  readonly means: string;
  readonly good: string;
  /** What the interval must leave out to say something. */
  readonly nothing: number | null;
  show(value: number, currency: string): string;
}

const MEANINGS: Readonly<Record<Name, Meaning>> = {
  mean_r: {
    title: "Mean R", means: "Mean result of a trade in multiples of what it risked.", good: "Above 0 it earns; 0.2 R and more is good.",
    nothing: 0, show: (value) => multiple(value, "R", true),
  },
  win_rate: {
    title: "Win rate", means: "Share of closed trades that made money after all costs.",
    good: "Good only beside the size of wins: 40 % is plenty where a win is twice a loss.", nothing: null, show: (value) => ratio(value, 1),
  },
  profit_factor: {
    title: "Profit factor", means: "What winners made over what losers lost.", good: "Above 1 it earns; 1.5 and more is good.",
    nothing: 1, show: (value) => number(value),
  },
  expectancy: {
    title: "Expectancy", means: "Mean net result of a trade, in money.", good: "Above 0 it earns, after fees and funding.",
    nothing: 0, show: (value, currency) => money(value, currency, true),
  },
  sharpe: {
    title: "Sharpe", means: "Return over its own ups and downs, a year, from equity at each bar.", good: "1 and more is good, 2 is rare.",
    nothing: 0, show: (value) => number(value),
  },
  against_hold: {
    title: "Against buy & hold", means: "Equity against the same money spread over the pairs and left alone, without funding.", good: "Above 0 it was worth the trouble.",
    nothing: 0, show: (value) => ratio(value, 2, true),
  },
  max_drawdown: {
    title: "Worst drawdown", means: "Deepest fall of equity below its own peak.", good: "Below 20 % is what most people bear.",
    nothing: null, show: (value) => ratio(value),
  },
};
const ORDER: readonly Name[] = ["mean_r", "win_rate", "profit_factor", "expectancy", "sharpe", "against_hold", "max_drawdown"];
const VERDICTS = { edge: ["up", "An edge shows"], loss: ["down", "It loses"], unclear: ["flat", "Luck could explain it"], nothing: ["flat", "Too early to tell"] } as const;

export class Statistics extends LoadedPanel<IntervalsView> {
  protected override needs(): string {
    return `${this.state.trades[0]?.id} ${this.state.equity.at(-1)?.at} ${this.state.decisions[0]?.id}`;
  }

  protected override load(): Promise<IntervalsView> {
    return this.api.intervals();
  }

  protected override render(): TemplateResult {
    return panel({ name: "statistics", title: "Statistics", frame: this.frame, beside: html`<span class="muted sum">90 % intervals</span>` },
      () => this.shown((told) => statisticsBody(told, quoteOf(this.state.health.symbols[0] ?? "")), "Counting…"));
  }
}

export function statisticsBody(told: IntervalsView, currency: string): TemplateResult {
  const known = new Map(told.figures.map((one) => [one.name, one]));
  const [tone, short] = VERDICTS[told.verdict];
  const all = told.statistics;
  return html`
    <p class="luck ${tone}"><strong>${short}.</strong> ${told.said}</p>
    <ul class="estimates">${ORDER.map((name) => known.get(name)).filter((one) => one !== undefined).map((one) => estimate(one, currency, told.bars_per_year))}</ul>
    ${told.figures.some(({ n, effective }) => effective !== null && n - effective >= 0.5)
      ? html`<p class="muted">Independent: trades open at the same time count as parts of one, as if all pairs moved together.</p>` : nothing}
    <dl class="figures sums">
      ${sum("Net profit", signed(money(all.net_pnl_quote, currency, true)))}
      ${sum("Fees paid", money(all.fees_quote, currency))}
      ${sum("Funding paid", money(all.funding_quote, currency))}
      ${sum("In the market", ratio(all.exposure_ratio, 1))}
      ${sum("Sortino", number(all.sortino_annualized))}
      ${sum("Unsure exits", `${fixed(all.ambiguous_exits, 0)} of ${fixed(all.trades, 0)}`, "One bar held both stop and target: the stop was taken")}
    </dl>`;
}

function sum(name: string, value: unknown, title = ""): TemplateResult {
  return html`<div class="field" title=${title || nothing}><dt>${name}</dt><dd>${value}</dd></div>`;
}

function estimate(one: Estimate, currency: string, barsPerYear: number): TemplateResult {
  const { title, means, good, nothing: none, show } = MEANINGS[one.name];
  const { value, low, high } = one;
  const spread = low !== null && high !== null && value !== null ? place(low, value, high, none) : null;
  return html`<li class="estimate">
    <h3>${title}</h3>
    <p class="value">${value === null ? NONE : show(value, currency)}</p>
    ${spread ? html`<div class="spread" aria-hidden="true">
        ${spread.nothing === null ? nothing : html`<span class="nothing-at" .style=${`left:${spread.nothing}%`}></span>`}
        <span class="range ${spread.tells ? "tells" : ""}" .style=${`left:${spread.from}%;width:${spread.to - spread.from}%`}></span>
        <span class="point" .style=${`left:${spread.at}%`}></span></div>` : nothing}
    <p class="between" title=${one.method || nothing}>${low !== null && high !== null ? `${show(low, currency)} to ${show(high, currency)}` : `${value === null ? "Undefined" : "No interval"}: ${one.why ?? ""}`}</p>
    <p class="rests muted">${rests(one)}</p>
    <p class="muted">${means} ${good}${one.name === "sharpe" ? longer(one, barsPerYear) : ""}</p>
  </li>`;
}

/** What a figure rests on, in words. */
export function rests({ of, n, effective }: Estimate): string {
  const many = `n = ${fixed(n, 0)} ${of === "trades" ? (n === 1 ? "closed trade" : "closed trades") : "marks of equity"}`;
  if (effective === null || n - effective < 0.5) return many;
  return `${many}, at least ${fixed(Math.floor(effective), 0)} independent`;
}

/** How long until a Sharpe ratio like this would be told from 0. */
export function longer({ n, needed }: Estimate, barsPerYear: number): string {
  if (needed === null) return "";
  if (needed <= n) return " The record is long enough to tell it from 0.";
  const days = ((needed - n) / barsPerYear) * 365;
  const time = days > 730 ? `${fixed(days / 365, days > 3650 ? 0 : 1)} years` : duration(Math.ceil(days) * 86_400_000);
  return ` If it stays so, ${time} more would tell it from 0.`;
}

export interface Place {
  readonly from: number;
  readonly at: number;
  readonly to: number;
  readonly nothing: number | null;
  /** Whether the interval leaves out what says nothing. */
  readonly tells: boolean;
}

/** An interval on a line of 0 to 100, which shows what says nothing, too. */
export function place(low: number, value: number, high: number, none: number | null): Place {
  const least = Math.min(low, none ?? low);
  const span = Math.max(high, none ?? high) - least || 1;
  const at = (of: number): number => 4 + (92 * (of - least)) / span;
  return { from: at(low), at: at(value), to: at(high), nothing: none === null ? null : at(none), tells: none !== null && (low > none || high < none) };
}

customElements.define("semsig-statistics", Statistics);
