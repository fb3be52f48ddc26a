/** Am I winning, and am I safe? */
import { html, nothing, type TemplateResult } from "lit";
import { drawdown, openRisk } from "../figures";
import { NONE, fixed, minus, money, number, quoteOf, ratio } from "../format";
import type { State } from "../state";
import { signed, tone, tools, type Frame } from "./parts";

export function headline(state: State, frame: Frame): TemplateResult {
  const { statistics: told, positions, equity_quote, health } = state;
  const currency = quoteOf(health.symbols[0] ?? "");
  const start = Number(told.start_quote);
  const net = minus(equity_quote, told.start_quote);
  const share = ratio(start ? Number(net) / start : null, 2, true);
  // While the past is lived through only equity is told; the rest is counted once it is there.
  const isPast = health.status === "starting";
  const realized = isPast ? null : minus(told.net_pnl_quote, told.unrealized_pnl_quote);
  const risk = openRisk(positions);
  const fall = isPast ? { now: null, worst: null } : drawdown(state);
  const closed = told.wins + told.losses;
  if (frame.fold === "closed")
    return html`<section class="panel headline closed" aria-labelledby="headline-title" data-panel="headline">
      <div class="panel-head"><h2 id="headline-title">${fixed(equity_quote, 2)} ${currency}</h2>${signed(share)}${tools("headline", "Headline", frame)}</div>
    </section>`;
  return html`<section class="panel headline" aria-labelledby="headline-title" data-panel="headline">
    <h2 id="headline-title" class="sr-only">Headline</h2>
    ${tools("headline", "Headline", frame)}
    <dl>
      ${cell("Equity", html`${fixed(equity_quote, 2)} <small>${currency}</small>`, `started with ${money(told.start_quote, currency)}`, "", "equity")}
      ${cell(
        "Net profit",
        html`${signed(fixed(net, 2, { signed: true }))} <small class="pill ${tone(share)}">${share}</small>`,
        isPast ? "the past is lived through" : `realized ${money(realized, "", true)} · fees ${money(told.fees_quote)}`,
        "Equity now against the start, after fees and funding", "net",
      )}
      ${cell("Drawdown", ratio(fall.now), `worst at a close ${ratio(fall.worst)}`, "How far equity is below its highest close; the worst is counted from close to close")}
      ${cell(
        "Open risk", html`${fixed(risk, 2)} <small>${currency}</small>`,
        `${ratio(Number(equity_quote) ? risk / Number(equity_quote) : null)} of equity · ${positions.length} open`,
        "What equity would lose if every stop were hit at its price now; fee and slippage of the way out come on top",
      )}
      ${cell("Win rate", ratio(told.win_rate_ratio, 1), closed ? `${told.wins} won · ${told.losses} lost` : isPast ? "counted afterwards" : "no trade closed yet",
        undefinedBecause(told.win_rate_ratio, "no trade has closed yet") || "Trades with a net profit, of all closed trades")}
      ${cell("Trades", isPast ? NONE : fixed(told.trades, 0), `profit factor ${number(told.profit_factor)}`,
        undefinedBecause(told.profit_factor, "the profit factor needs at least one losing trade") || "Profit factor: what winners made over what losers lost")}
      ${cell("Sharpe", number(told.sharpe_annualized), `Sortino ${number(told.sortino_annualized)}`,
        undefinedBecause(told.sharpe_annualized, "too few equity marks, or none that moved") || "Annualized from equity marked at each bar, 365 days")}
    </dl>
  </section>`;
}

function undefinedBecause(value: number | null, reason: string): string {
  return value === null ? `${NONE}: undefined, ${reason}` : "";
}

function cell(name: string, value: unknown, under: string, title = "", test = ""): TemplateResult {
  return html`<div class="figure" title=${title || nothing} data-test=${test || nothing}>
    <dt>${name}</dt><dd class="value">${value}</dd><dd class="under">${under}</dd>
  </div>`;
}
