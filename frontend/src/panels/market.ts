/** What the whole market feels and holds, and what the last decision on the chosen pair saw of its book and trades. */
import { html, nothing, type TemplateResult } from "lit";
import { NONE, age, compact, fixed, ratio, time } from "../format";
import type { FigureView } from "../shapes";
import type { State } from "../state";
import { valueOf, type Surroundings } from "../surroundings";
import { gaps, signed, tools, type Frame } from "./parts";
import { failed, seen } from "./seen";

const FIGURES = [
  ["fear_greed", "Fear & Greed"], ["market_cap", "Market cap"], ["volume_24h", "Volume 24 h"], ["btc_dominance", "BTC dominance"],
  ["tvl", "Locked in DeFi (TVL)"], ["stablecoins", "Stablecoins"], ["dex_volume_24h", "DEX volume 24 h"], ["fees_24h", "Fees 24 h"],
] as const;
const DAYS = 7;

export interface MarketProps {
  state: State;
  around: Surroundings;
  symbol: string;
  frame: Frame;
}

export function market({ state, around, symbol, frame }: MarketProps): TemplateResult {
  const { context } = around;
  const gathered = context?.gathered_at ?? null;
  return html`<section class="panel market ${frame.fold}" data-panel="market" aria-labelledby="market-title">
    <div class="panel-head">
      <h2 id="market-title">Market</h2>
      ${gathered ? html`<span class="muted sum">asked ${age(gathered, state.at)}</span>` : nothing}
      ${tools("market", "Market", frame)}
    </div>
    ${frame.fold === "closed" ? nothing : html`
      ${failed(around, "context")}
      <h3 class="part-title">All coins</h3>
      ${gathered ? whole(context?.readings ?? [], state.at) : html`<p class="muted unasked">${unasked(state, around)}</p>`}
      ${gaps("Silent when they were asked", context?.silent ?? [])}
      ${seen({ state, around, symbol })}`}
  </section>`;
}

function unasked({ health }: State, { context, failed: silent }: Surroundings): string {
  if (health.is_simulated) return "A simulated market has no mood: nothing is asked about all coins.";
  if (!context) return silent.context === undefined ? "Loading the figures…" : NONE;
  return "Nothing was gathered lately; a live market asks every quarter of an hour.";
}

function whole(readings: readonly FigureView[], at: string): TemplateResult {
  const told = new Map(readings.map((figure) => [figure.name, figure]));
  const change = valueOf(told.get("market_cap_change_24h"), at);
  const beside: Readonly<Record<string, unknown>> = {
    fear_greed: bars(told.get("fear_greed"), at),
    market_cap: change === null ? nothing : html`<span class="beside" title="Change in 24 hours">${signed(ratio(change, 1, true))}</span>`,
  };
  return html`<dl class="fields figures">${FIGURES.map(([name, label]) => figure(label, told.get(name), at, beside[name] ?? nothing))}</dl>`;
}

function figure(label: string, told: FigureView | undefined, at: string, beside: unknown): TemplateResult {
  const value = valueOf(told, at);
  const from = !told ? "not told" : value === null ? `too old since ${time(told.stale_at)}` : age(told.true_at, at);
  return html`<div class="field"><dt>${label}</dt><dd>${told && value !== null ? html`<span>${amount(told.unit, value)}</span>${beside}` : NONE}</dd>
    <dd class="from">${from}${told ? html` · <bdi>${told.source}</bdi>` : nothing}</dd></div>`;
}

/** Absent stays absent: nothing here makes a figure of what was not told. */
export function amount(unit: string, value: string): string {
  if (unit === "usd") return `$${compact(Number(value))}`;
  return unit === "ratio" ? ratio(value, 1) : `${fixed(value, 0)} of 100`;
}

function bars(told: FigureView | undefined, at: string): TemplateResult | typeof nothing {
  const days = valueOf(told, at) === null ? [] : (told?.history ?? []).slice(-DAYS);
  if (days.length < 2) return nothing;
  return html`<span class="bars" role="img" aria-label="The last ${days.length} days, oldest first: ${days.map(({ value }) => fixed(value, 0)).join(", ")}">
    ${days.map(({ value }) => html`<span .style=${`height:${Math.min(100, Math.max(4, Number(value)))}%`}></span>`)}</span>`;
}
