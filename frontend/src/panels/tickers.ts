/** The symbol picker: each pair with its newest price. */
import { html, nothing, type TemplateResult } from "lit";
import { price, ratio } from "../format";
import type { State } from "../state";
import { signed } from "./parts";

export function tickers(state: State, chosen: string, choose: (symbol: string) => void): TemplateResult {
  return html`<nav class="tickers" aria-label="Symbols">
    ${state.health.symbols.map((symbol) => {
      const now = state.prices[symbol];
      const before = state.decisions.find((decision) => decision.symbol === symbol)?.price;
      const change = now !== undefined && before !== undefined && Number(before) ? Number(now) / Number(before) - 1 : null;
      const held = state.positions.find((position) => position.symbol === symbol);
      return html`<button type="button" class="ticker" aria-pressed=${symbol === chosen} data-symbol=${symbol} @click=${() => choose(symbol)}>
        <span class="ticker-name">${symbol}</span><span class="ticker-price">${price(now)}</span>
        ${change === null ? nothing : html`<span class="ticker-change" title="Since the last decision's price">${signed(ratio(change, 2, true))}</span>`}
        ${held ? html`<span class="held">${held.side}</span>` : nothing}
      </button>`;
    })}
  </nav>`;
}
