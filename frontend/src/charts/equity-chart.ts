/** Equity over time beside the same money left alone, how far it is below its peak, and what was done. Each can be
 * left out; the legend tells their figures where one points. */
import {
  AreaSeries, BaselineSeries, LineSeries, createChart, createSeriesMarkers,
  type IChartApi, type ISeriesApi, type ISeriesMarkersPluginApi, type MouseEventParams, type SeriesMarker, type Time, type UTCTimestamp,
} from "lightweight-charts";
import { LitElement, html, type PropertyValues, type TemplateResult } from "lit";
import { NONE, fixed, ratio, time as clock } from "../format";
import type { CurveView, EquityView, TradeView } from "../shapes";
import { KEYS, faint, look, options, seconds, steer, type Look } from "./look";

interface Point {
  time: UTCTimestamp;
  value: number;
}

type Line = "equity" | "hold" | "drawdown";
type Part = Line | "trades" | "decisions";

const PARTS: readonly (readonly [Part, string, string])[] = [
  ["equity", "Equity", "line"], ["hold", "Buy & hold", "line"], ["drawdown", "Drawdown", "line"],
  ["trades", "Trades", "▲▼"], ["decisions", "Decisions", "●"],
];

export class EquityChart extends LitElement {
  static override properties = {
    equity: { attribute: false }, now: { attribute: false }, at: { attribute: false }, start: { attribute: false },
    trades: { attribute: false }, theme: { attribute: false }, days: { attribute: false }, curve: { attribute: false },
    hold: { attribute: false }, without: { state: true },
  };
  declare equity: readonly EquityView[];
  declare now: string;
  declare at: string;
  declare start: string;
  declare trades: readonly TradeView[];
  declare theme: string;
  /** How many days to show; 0: all. */
  declare days: number;
  /** Buy and hold, and what was decided; null while it is not told. */
  declare curve: CurveView | null;
  /** What holding is worth now. */
  declare hold: number | null;
  declare without: ReadonlySet<Part>;

  #chart: IChartApi | null = null;
  #equity!: ISeriesApi<"Baseline">;
  #hold!: ISeriesApi<"Line">;
  #fall: ISeriesApi<"Area"> | null = null;
  #markers!: ISeriesMarkersPluginApi<Time>;
  #look!: Look;
  #points: Point[] = [];
  #held: Point[] = [];
  #peak = 0;
  #until = Infinity;
  #heldUntil = Infinity;
  #fitted = false;
  #fittedFrom: UTCTimestamp | undefined;
  #fittedTo = 0;

  constructor() {
    super();
    this.equity = [];
    this.trades = [];
    this.days = 0;
    this.curve = null;
    this.hold = null;
    // On a phone the marks of decisions would hide the line.
    this.without = new Set(matchMedia("(max-width: 640px)").matches ? ["decisions"] : []);
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override render(): TemplateResult {
    return html`<div class="lines" role="group" aria-label="Drawn in the chart">
        ${PARTS.map(([part, name, mark]) => html`<button type="button" class="line-toggle is-${part}" aria-pressed=${this.without.has(part) ? "false" : "true"}
          ?disabled=${part === "hold" || part === "decisions" ? this.curve === null : false} @click=${() => this.#toggle(part)}><span class="mark" aria-hidden="true">${mark === "line" ? "" : mark}</span>${name}
          ${mark === "line" ? html`<span class="reading" data-reading=${part}></span>` : ""}</button>`)}
        <span class="muted reading-at" data-reading="at"></span>
      </div>
      <div class="canvas" tabindex="0" role="group" aria-label="Equity chart: ${KEYS}" @keydown=${this.#key}></div>`;
  }

  protected override updated(changed: PropertyValues<this>): void {
    this.#chart ??= this.#create();
    const shown = changed.has("without");
    if (changed.has("theme")) this.#dress();
    if (changed.has("equity")) this.#draw();
    if (changed.has("curve")) this.#drawHold();
    if (shown || changed.has("equity") || changed.has("theme")) this.#arrange(changed.has("theme"));
    this.#tick();
    if (shown || changed.has("trades") || changed.has("equity") || changed.has("theme") || changed.has("curve")) this.#mark();
    if (changed.has("days") || !this.#fitted || this.#grown()) this.#zoom();
    this.#read(null);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#width.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#width.disconnect();
    this.#chart?.remove();
    this.#chart = this.#fall = null;
    this.#fitted = false;
  }

  #toggle(part: Part): void {
    const next = new Set(this.without);
    if (!next.delete(part)) next.add(part);
    this.without = next;
  }

  #key = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#chart || !steer(this.#chart, event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  };

  /** All of it stays all of it, on half a screen and on the whole. */
  readonly #width = new ResizeObserver(() => requestAnimationFrame(() => this.#zoom()));

  #create(): IChartApi {
    this.#look = look(this);
    const chart = createChart(this.querySelector<HTMLElement>(".canvas")!, options(this.#look));
    const priceFormat = { type: "custom", minMove: 0.01, formatter: (value: number) => fixed(value, 2) } as const;
    this.#hold = chart.addSeries(LineSeries, { lineWidth: 1, priceFormat, priceLineVisible: false, lastValueVisible: false });
    this.#equity = chart.addSeries(BaselineSeries, { lineWidth: 2, priceFormat });
    this.#markers = createSeriesMarkers(this.#equity, []);
    chart.subscribeCrosshairMove((move) => this.#read(move));
    this.#chart = chart;
    this.#dress();
    // A chart made anew knows nothing of what was drawn in the last one.
    this.#draw();
    this.#drawHold();
    this.#arrange(true);
    return chart;
  }

  #dress(): void {
    const { up, down, warn } = (this.#look = look(this));
    const plain = options(this.#look);
    this.#chart!.applyOptions({
      ...plain,
      layout: { ...plain.layout, attributionLogo: false, panes: { separatorColor: this.#look.border, enableResize: false } },
    });
    this.#equity.applyOptions({
      baseValue: { type: "price", price: Number(this.start) },
      topLineColor: up, topFillColor1: faint(up, 0.24), topFillColor2: faint(up, 0.03),
      bottomLineColor: down, bottomFillColor1: faint(down, 0.03), bottomFillColor2: faint(down, 0.24),
    });
    this.#hold.applyOptions({ color: warn });
  }

  #draw(): void {
    this.#points = rising(this.equity.map(({ at, equity_quote }) => ({ time: seconds(at), value: Number(equity_quote) })));
    this.#equity.setData(this.#points);
    this.#until = this.#points.at(-1)?.time ?? Infinity;
    this.#peak = Math.max(Number(this.start) || 0, ...this.#points.map(({ value }) => value));
  }

  #drawHold(): void {
    this.#held = rising((this.curve?.points ?? []).map(({ at, hold_quote }) => ({ time: seconds(at), value: Number(hold_quote) })));
    this.#hold.setData(this.#held);
    this.#heldUntil = this.#held.at(-1)?.time ?? Infinity;
  }

  /** What is left out takes no room; the drawdown has a pane of its own. */
  #arrange(anew: boolean): void {
    const chart = this.#chart!;
    this.#equity.applyOptions({ visible: !this.without.has("equity") });
    this.#hold.applyOptions({ visible: !this.without.has("hold") });
    if (this.without.has("drawdown")) {
      if (this.#fall) chart.removeSeries(this.#fall);
      this.#fall = null;
      return;
    }
    if (!this.#fall) {
      const priceFormat = { type: "custom", minMove: 0.0001, formatter: (value: number) => ratio(value, 1) } as const;
      this.#fall = chart.addSeries(AreaSeries, { lineWidth: 1, priceFormat, priceLineVisible: false, lastValueVisible: false, invertFilledArea: true }, 1);
      this.#fall.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: 0.06 } });
      const [above, below] = chart.panes();
      above?.setStretchFactor(3);
      below?.setStretchFactor(1);
      anew = true;
    }
    if (anew) {
      const { down } = this.#look;
      this.#fall.applyOptions({ lineColor: down, topColor: faint(down, 0.28), bottomColor: faint(down, 0.28) });
    }
    this.#fall.setData(falls(this.#points, Number(this.start)));
  }

  /** The lines only grow: what is told of an earlier instant (a whole minute, after the page began within it) is old. */
  #tick(): void {
    const time = seconds(this.at);
    if (this.hold !== null && time >= this.#heldUntil) {
      this.#heldUntil = time;
      this.#hold.update({ time, value: this.hold });
    }
    if (time < this.#until) return;
    this.#until = time;
    const value = Number(this.now);
    this.#equity.update({ time, value });
    this.#peak = Math.max(this.#peak, value);
    this.#fall?.update({ time, value: value / this.#peak - 1 });
  }

  #mark(): void {
    const markers: SeriesMarker<Time>[] = [];
    const size = this.trades.length > 40 ? 0.4 : 0.7;
    for (const trade of this.without.has("trades") ? [] : this.trades) {
      const at = this.#nearest(seconds(trade.closed_at));
      if (!at) continue;
      const won = Number(trade.realized_pnl_quote) > 0;
      markers.push({
        time: at, position: won ? "aboveBar" : "belowBar", shape: won ? "arrowUp" : "arrowDown", size,
        color: won ? this.#look.up : this.#look.down,
      });
    }
    for (const { at: decided } of this.without.has("decisions") ? [] : (this.curve?.acted ?? [])) {
      const at = this.#nearest(seconds(decided));
      if (at) markers.push({ time: at, position: "inBar", shape: "circle", size: 0.3, color: this.#look.accent });
    }
    this.#markers.setMarkers(markers.sort((one, other) => Number(one.time) - Number(other.time)));
  }

  /** The figures of all lines where one points, else those of now. */
  #read(move: MouseEventParams | null): void {
    const time = move?.time as UTCTimestamp | undefined;
    const value = (series: ISeriesApi<"Baseline"> | ISeriesApi<"Line"> | ISeriesApi<"Area"> | null): number | null => {
      const found = series && move?.seriesData.get(series);
      return found && "value" in found ? found.value : null;
    };
    const now = Number(this.now);
    const own = time === undefined ? now : value(this.#equity);
    const fall = time === undefined ? (this.#peak ? Math.min(0, now / this.#peak - 1) : null) : value(this.#fall);
    this.#tell("equity", fixed(own, 2));
    this.#tell("hold", this.curve === null ? "" : fixed(time === undefined ? (this.hold ?? this.#held.at(-1)?.value) : value(this.#hold), 2));
    this.#tell("drawdown", this.without.has("drawdown") ? "" : fall === null ? NONE : ratio(fall, 2));
    this.#tell("at", time === undefined ? "" : clock(time * 1000));
  }

  #tell(line: Line | "at", text: string): void {
    const place = this.querySelector(`[data-reading=${line}]`);
    if (place && place.textContent !== text) place.textContent = text;
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

/** In order of time; of two at one instant the later told. */
function rising(points: readonly Point[]): Point[] {
  const found: Point[] = [];
  for (const point of points) {
    const before = found.at(-1)?.time ?? -Infinity;
    if (point.time > before) found.push(point);
    else if (point.time === before) found[found.length - 1] = point;
  }
  return found;
}

function falls(points: readonly Point[], start: number): Point[] {
  let peak = start || 0;
  return points.map(({ time, value }) => {
    peak = Math.max(peak, value);
    return { time, value: peak ? value / peak - 1 : 0 };
  });
}

customElements.define("equity-chart", EquityChart);
