/** The price of the chosen pair: loads its candles, in the timeframe chosen. */
import type { TemplateResult } from "lit";
import type { MarketView } from "../shapes";
import { priceChart } from "./charts";
import { LoadedPanel } from "./loaded";
import "../styles/numbers.css";

const BARS = 300;
const TAIL = 5;

export class PricePanel extends LoadedPanel<MarketView> {
  static override properties = { ...LoadedPanel.properties, timeframe: { state: true }, bars: { state: true }, listed: { state: true } };
  /** Empty: the one that is traded. */
  declare timeframe: string;
  declare bars: number;
  declare listed: boolean;

  constructor() {
    super();
    this.timeframe = "";
    this.bars = matchMedia("(max-width: 640px)").matches ? 60 : 120;
    this.listed = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void import("../charts/price-chart");
  }

  protected override needs(): string {
    const closed = this.state.decisions.find(({ symbol, is_forced }) => symbol === this.symbol && !is_forced)?.closed_at ?? "";
    return `${this.symbol} ${this.timeframe} ${closed}`;
  }

  protected override asksAnother(before: string, now: string): boolean {
    return before.slice(0, before.lastIndexOf(" ")) !== now.slice(0, now.lastIndexOf(" "));
  }

  /** All at first; then the newest few bars, joined to those already drawn. */
  protected override async load(): Promise<MarketView | null> {
    const { symbol, timeframe, told } = this;
    if (!symbol) return null;
    const goesOn = told?.symbol === symbol && told.timeframe === (timeframe || this.state.health.timeframe);
    const newer = await this.api.market(symbol, goesOn ? TAIL : BARS, timeframe || undefined);
    if (symbol !== this.symbol || timeframe !== this.timeframe) return null;
    const [first, last] = [newer.candles[0], told?.candles.at(-1)];
    if (!goesOn || !told || !first || !last) return newer;
    if (first.time > last.time) return this.api.market(symbol, BARS, timeframe || undefined);
    return { ...newer, candles: [...told.candles.filter(({ time }) => time < first.time), ...newer.candles].slice(-2 * BARS) };
  }

  protected override render(): TemplateResult {
    const { state, symbol, theme, bars, timeframe, frame, listed, told, failed } = this;
    const market = told?.symbol === symbol && told.timeframe === (timeframe || state.health.timeframe) ? told : null;
    return priceChart({
      state, symbol, market, failed: market ? null : failed, theme, frame, bars, setBars: (value) => (this.bars = value),
      timeframe, setTimeframe: (value) => (this.timeframe = value === state.health.timeframe ? "" : value),
      listed, list: (open) => (this.listed = open),
    });
  }
}

customElements.define("semsig-price", PricePanel);
