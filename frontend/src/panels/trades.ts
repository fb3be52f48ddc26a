/** Closed trades: sortable, right-aligned, cards on a phone. */
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { between, money, multiple, price, quantity, ratio, sum, time } from "../format";
import type { TradeView } from "../shapes";
import type { State } from "../state";
import { actionTag, empty, panel, segment, select, signed, whyHref, type Frame } from "./parts";

export interface TradeSort {
  readonly by: string;
  readonly descending: boolean;
  readonly shown: number;
  readonly scope: string;
}

interface Column {
  readonly id: string;
  readonly name: string;
  readonly key: (trade: TradeView) => number | string;
  readonly show: (trade: TradeView) => unknown;
  readonly text?: boolean;
}

const MORE = 20;
const held = (trade: TradeView): number => Date.parse(trade.closed_at) - Date.parse(trade.opened_at);

const COLUMNS: readonly Column[] = [
  { id: "closed", name: "Closed", key: (trade) => Date.parse(trade.closed_at), text: true,
    show: (trade) => html`<time datetime=${trade.closed_at}>${time(trade.closed_at)}</time>` },
  { id: "symbol", name: "Pair", key: (trade) => trade.symbol, text: true,
    show: (trade) => html`<a href=${whyHref(trade.decision_id)} title="Why it was opened">${trade.symbol}</a>` },
  { id: "side", name: "Side", key: (trade) => trade.side, text: true, show: (trade) => actionTag(trade.side) },
  { id: "pnl", name: "Net P&L", key: (trade) => Number(trade.realized_pnl_quote),
    show: (trade) => signed(money(trade.realized_pnl_quote, "", true)) },
  { id: "return", name: "Return", key: (trade) => trade.return_ratio, show: (trade) => ratio(trade.return_ratio, 2, true) },
  { id: "r", name: "R", key: (trade) => trade.r_multiple ?? -Infinity, show: (trade) => multiple(trade.r_multiple, "R", true) },
  { id: "entry", name: "Entry", key: (trade) => Number(trade.entry_price), show: (trade) => price(trade.entry_price) },
  { id: "exit", name: "Exit", key: (trade) => Number(trade.exit_price), show: (trade) => price(trade.exit_price) },
  { id: "quantity", name: "Quantity", key: (trade) => Number(trade.quantity), show: (trade) => quantity(trade.quantity) },
  { id: "held", name: "Held", key: held, show: (trade) => between(trade.opened_at, trade.closed_at) },
  { id: "reason", name: "Ended by", key: (trade) => trade.exit_reason, text: true,
    show: (trade) => html`${trade.close_decision_id ? html`<a href=${whyHref(trade.close_decision_id)} title="Why it was closed">${trade.exit_reason}</a>` : trade.exit_reason}${trade.is_ambiguous
      ? html` <abbr title="One bar held both stop and target; the stop was taken">amb.</abbr>` : nothing}` },
];

export interface TradesProps {
  state: State;
  symbol: string;
  sort: TradeSort;
  frame: Frame;
  setSort(sort: TradeSort): void;
}

export function sorted(trades: readonly TradeView[], { by, descending }: Pick<TradeSort, "by" | "descending">): readonly TradeView[] {
  const column = COLUMNS.find(({ id }) => id === by) ?? COLUMNS[0]!;
  const way = descending ? -1 : 1;
  return [...trades].sort((one, other) => {
    const [a, b] = [column.key(one), column.key(other)];
    return (a < b ? -1 : a > b ? 1 : 0) * way;
  });
}

export function trades({ state, symbol, sort, setSort, frame }: TradesProps): TemplateResult {
  const scope = sort.scope === "all" ? state.trades : state.trades.filter((trade) => trade.symbol === symbol);
  const found = sorted(scope, sort);
  const shown = found.slice(0, sort.shown);
  const net = sum(scope.map((trade) => trade.realized_pnl_quote));
  const orders = COLUMNS.map(({ id, name }) => [name, id] as const);
  const beside = html`<span class="count">${found.length}</span>
    ${found.length ? html`<span class="muted sum">net ${signed(money(net, "", true))}</span>` : nothing}`;
  const controls = html`<span class="phone">${select("Sort the trades by", orders, sort.by, (by) => setSort({ ...sort, by }))}</span>
    ${segment("Trades of", [["All", "all"], [symbol, "symbol"]] as const, sort.scope as "all", (scope) => setSort({ ...sort, scope }))}`;
  return panel({ name: "trades", title: "Trades", frame, beside, controls }, () => html`
    ${shown.length ? html`<div class="table-place" role="region" aria-label="Table of trades" tabindex="0">
      <table role="table">
        <thead role="rowgroup"><tr role="row">${COLUMNS.map((column) => heading(column, sort, setSort))}</tr></thead>
        <tbody role="rowgroup">${repeat(shown, ({ id }) => id, (trade) => html`<tr role="row" data-test="trade">
          ${COLUMNS.map(({ id, name, text, show }) => html`<td role="cell" class="${text ? "text" : "number"} is-${id}" data-name=${name}>${show(trade)}</td>`)}
        </tr>`)}</tbody>
      </table></div>` : empty("No trade has closed yet", "A trade appears here when its stop, its target or a decision ends it.")}
    ${found.length > shown.length ? html`<p class="more"><button type="button" @click=${() => setSort({ ...sort, shown: sort.shown + MORE })}>Show ${Math.min(MORE, found.length - shown.length)} more of ${found.length}</button></p>` : nothing}`);
}

function heading({ id, name, text }: Column, sort: TradeSort, setSort: TradesProps["setSort"]): TemplateResult {
  const is = sort.by === id;
  const way = is ? (sort.descending ? "descending" : "ascending") : "none";
  const choose = (): void => setSort({ ...sort, by: id, descending: is ? !sort.descending : !text || id === "closed" });
  return html`<th role="columnheader" scope="col" class="${text ? "text" : "number"} is-${id}" aria-sort=${way}>
    <button type="button" @click=${choose}>${name}<span class="sort" aria-hidden="true">${is ? (sort.descending ? "↓" : "↑") : ""}</span></button></th>`;
}
