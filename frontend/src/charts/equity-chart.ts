/** Equity over time against where it started, with a mark where each trade ended. */
import {
  BaselineSeries, createChart, createSeriesMarkers,
  type IChartApi, type ISeriesApi, type ISeriesMarkersPluginApi, type SeriesMarker, type Time, type UTCTimestamp,
} from "lightweight-charts";
import { LitElement, html, type PropertyValues } from "lit";
import { fixed } from "../format";
import type { EquityView, TradeView } from "../shapes";
import { faint, look, options, seconds, type Look } from "./look";

interface Point {
  time: UTCTimestamp;
  value: number;
}

export class EquityChart extends LitElement {
  static override properties = {
    equity: { attribute: false }, now: { attribute: false }, at: { attribute: false }, start: { attribute: false },
    trades: { attribute: false }, theme: { attribute: false }, days: { attribute: false },
  };
  declare equity: readonly EquityView[];
  declare now: string;
  declare at: string;
  declare start: string;
  declare trades: readonly TradeView[];
  declare theme: string;
  /** How many days to show; 0: all. */
  declare days: number;

  #chart: IChartApi | null = null;
  #line!: ISeriesApi<"Baseline">;
  #markers!: ISeriesMarkersPluginApi<Time>;
  #look!: Look;
  #points: Point[] = [];
  #until = Infinity;
  #fitted = false;
  #fittedFrom: UTCTimestamp | undefined;
  #fittedTo = 0;

  constructor() {
    super();
    this.equity = [];
    this.trades = [];
    this.days = 0;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override render(): unknown {
    return html`<div class="canvas"></div>`;
  }

  protected override updated(changed: PropertyValues<this>): void {
    this.#chart ??= this.#create();
    if (changed.has("theme")) this.#dress();
    if (changed.has("equity")) this.#draw();
    this.#tick();
    if (changed.has("trades") || changed.has("equity") || changed.has("theme")) this.#mark();
    if (changed.has("days") || !this.#fitted || this.#grown()) this.#zoom();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#chart?.remove();
    this.#chart = null;
    this.#fitted = false;
  }

  #create(): IChartApi {
    this.#look = look(this);
    const chart = createChart(this.querySelector<HTMLElement>(".canvas")!, options(this.#look));
    this.#line = chart.addSeries(BaselineSeries, {
      lineWidth: 2,
      priceFormat: { type: "custom", minMove: 0.01, formatter: (value: number) => fixed(value, 2) },
    });
    this.#markers = createSeriesMarkers(this.#line, []);
    this.#chart = chart;
    this.#dress();
    return chart;
  }

  #dress(): void {
    const { up, down } = (this.#look = look(this));
    const plain = options(this.#look);
    this.#chart!.applyOptions({ ...plain, layout: { ...plain.layout, attributionLogo: false } });
    this.#line.applyOptions({
      baseValue: { type: "price", price: Number(this.start) },
      topLineColor: up, topFillColor1: faint(up, 0.24), topFillColor2: faint(up, 0.03),
      bottomLineColor: down, bottomFillColor1: faint(down, 0.03), bottomFillColor2: faint(down, 0.24),
    });
  }

  #draw(): void {
    this.#points = [];
    for (const { at, equity_quote } of this.equity) {
      const point = { time: seconds(at), value: Number(equity_quote) };
      const before = this.#points.at(-1)?.time ?? -Infinity;
      if (point.time > before) this.#points.push(point);
      else if (point.time === before) this.#points[this.#points.length - 1] = point;
    }
    this.#line.setData(this.#points);
    this.#until = this.#points.at(-1)?.time ?? Infinity;
  }

  /** The line only grows: what is told of an earlier instant (a whole minute, after the page began within it) is old. */
  #tick(): void {
    const time = seconds(this.at);
    if (time < this.#until) return;
    this.#until = time;
    this.#line.update({ time, value: Number(this.now) });
  }

  #mark(): void {
    const markers: SeriesMarker<Time>[] = [];
    for (const trade of this.trades) {
      const at = this.#nearest(seconds(trade.closed_at));
      if (!at) continue;
      const won = Number(trade.realized_pnl_quote) > 0;
      markers.push({
        time: at, position: won ? "aboveBar" : "belowBar", shape: won ? "arrowUp" : "arrowDown", size: this.trades.length > 40 ? 0.4 : 0.7,
        color: won ? this.#look.up : this.#look.down,
      });
    }
    this.#markers.setMarkers(markers.sort((one, other) => Number(one.time) - Number(other.time)));
  }

  /** The first mark at or after this instant. */
  #nearest(time: UTCTimestamp): UTCTimestamp | null {
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#points[middle]!.time < time) low = middle + 1;
      else high = middle;
    }
    if (time < (this.#points[0]?.time ?? Infinity)) return null;
    return (this.#points[low] ?? this.#points.at(-1))?.time ?? null;
  }

  /** History came in after the first look: what was all then is a corner of it now. */
  #grown(): boolean {
    return this.#points.length > 2 * this.#fittedTo || this.#points[0]?.time !== this.#fittedFrom;
  }

  #zoom(): void {
    const last = this.#points.at(-1);
    const first = this.#points[0];
    if (!this.#chart || !last || !first) return;
    this.#fitted = true;
    [this.#fittedFrom, this.#fittedTo] = [first.time, this.#points.length];
    const from = last.time - this.days * 86_400;
    if (this.days && from > first.time)
      this.#chart.timeScale().setVisibleRange({ from: from as UTCTimestamp, to: seconds(this.at) });
    else this.#chart.timeScale().fitContent();
  }
}

customElements.define("equity-chart", EquityChart);
