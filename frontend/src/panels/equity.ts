/** Equity beside buy and hold: loads what holding would have come to, and what was decided. */
import type { TemplateResult } from "lit";
import type { CurveView } from "../shapes";
import { equityChart } from "./charts";
import { LoadedPanel } from "./loaded";
import "../styles/numbers.css";

/** As many as the page is told of equity. */
const POINTS = 1000;

export class EquityPanel extends LoadedPanel<CurveView> {
  static override properties = { ...LoadedPanel.properties, days: { state: true }, listed: { state: true } };
  declare days: number;
  declare listed: boolean;

  constructor() {
    super();
    this.days = 0;
    this.listed = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void import("../charts/equity-chart");
  }

  /** What holding is worth at a close is known by the decisions that follow the mark. */
  protected override needs(): string {
    return `${this.state.equity.at(-1)?.at} ${this.state.decisions[0]?.id}`;
  }

  protected override load(): Promise<CurveView> {
    return this.api.curve(POINTS);
  }

  protected override render(): TemplateResult {
    const { state, theme, days, frame, listed, told, failed } = this;
    return equityChart({
      state, theme, frame, days, setDays: (value) => (this.days = value), listed, list: (open) => (this.listed = open),
      curve: told, curveFailed: told ? null : failed, hold: told && holdNow(told, state.prices),
    });
  }
}

/** What the coins held are worth at the newest prices; null where one of them is not known. */
export function holdNow({ held, cash_quote, points }: CurveView, prices: Readonly<Record<string, string>>): number | null {
  if (!points.length) return null;
  let worth = Number(cash_quote);
  for (const { symbol, quantity } of held) {
    const price = prices[symbol];
    if (price === undefined) return null;
    worth += Number(quantity) * Number(price);
  }
  return worth;
}

customElements.define("semsig-equity", EquityPanel);
