/** Candles of one symbol with volume, the levels in force and the trades made. */
import {
  CandlestickSeries, HistogramSeries, LineStyle, createChart, createSeriesMarkers,
  type CandlestickData, type IChartApi, type IPriceLine, type ISeriesApi, type ISeriesMarkersPluginApi, type SeriesMarker,
  type Time, type UTCTimestamp,
} from "lightweight-charts";
import { LitElement, html, type PropertyValues } from "lit";
import { compact, fixed, multiple, price as priced, priceDecimals, ratio, time } from "../format";
import { barOf, spanMs } from "../figures";
import type { CandleView, MarketView, PositionView, TradeView } from "../shapes";
import { KEYS, faint, look, options, seconds, steer, type Look } from "./look";
import { ZonePrimitive, zones } from "./zones";

export class PriceChart extends LitElement {
  static override properties = {
    market: { attribute: false }, price: { attribute: false }, at: { attribute: false }, position: { attribute: false },
    trades: { attribute: false }, theme: { attribute: false }, bars: { attribute: false },
  };
  declare market: MarketView | null;
  declare price: string | undefined;
  declare at: string;
  declare position: PositionView | undefined;
  declare trades: readonly TradeView[];
  declare theme: string;
  /** How many bars to show; 0: all. */
  declare bars: number;

  #chart: IChartApi | null = null;
  #candles!: ISeriesApi<"Candlestick">;
  #volume!: ISeriesApi<"Histogram">;
  #markers!: ISeriesMarkersPluginApi<Time>;
  readonly #zones = new ZonePrimitive();
  #lines: IPriceLine[] = [];
  #levels = "";
  #look!: Look;
  #live: CandlestickData<UTCTimestamp> | null = null;
  #shown = "";

  constructor() {
    super();
    this.market = null;
    this.trades = [];
    this.bars = 120;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override render(): unknown {
    return html`<div class="legend" aria-hidden="true"></div>
      <div class="canvas" tabindex="0" role="group" aria-label="Price chart: ${KEYS}" @keydown=${this.#key}></div>`;
  }

  protected override updated(changed: PropertyValues<this>): void {
    this.#chart ??= this.#create();
    if (changed.has("theme")) this.#dress();
    if (changed.has("market") || changed.has("theme")) this.#draw();
    else if (changed.has("price") || changed.has("at")) this.#tick();
    if (changed.has("market") || changed.has("trades") || changed.has("theme")) this.#mark();
    if (changed.has("market") || changed.has("trades") || changed.has("theme") || changed.has("position")) this.#shade();
    this.#level(changed.has("theme"));
    if (changed.has("bars")) this.#zoom();
    if (changed.has("market") || changed.has("price")) this.#say(this.#live);
  }

  #key = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#chart || !steer(this.#chart, event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  };

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#chart?.remove();
    this.#chart = null;
    this.#levels = this.#shown = "";
    this.#lines = [];
  }

  #create(): IChartApi {
    this.#look = look(this);
    const chart = createChart(this.querySelector<HTMLElement>(".canvas")!, options(this.#look));
    this.#volume = chart.addSeries(HistogramSeries, {
      priceScaleId: "", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false,
    });
    this.#volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.#candles = chart.addSeries(CandlestickSeries, {});
    this.#candles.priceScale().applyOptions({ scaleMargins: { top: 0.1, bottom: 0.2 } });
    this.#candles.attachPrimitive(this.#zones);
    this.#markers = createSeriesMarkers(this.#candles, []);
    chart.subscribeCrosshairMove((move) => {
      const bar = move.seriesData.get(this.#candles) as CandlestickData<UTCTimestamp> | undefined;
      this.#say(bar ?? this.#live);
    });
    this.#chart = chart;
    this.#dress();
    return chart;
  }

  #dress(): void {
    const colors = (this.#look = look(this));
    this.#chart!.applyOptions(options(colors));
    this.#candles.applyOptions({
      upColor: colors.up, downColor: colors.down, wickUpColor: colors.up, wickDownColor: colors.down, borderVisible: false,
    });
  }

  #draw(): void {
    const candles = this.market?.candles ?? [];
    const last = candles.at(-1);
    const decimals = priceDecimals(last?.close);
    this.#candles.applyOptions({
      priceFormat: { type: "custom", minMove: 10 ** -decimals, formatter: (value: number) => fixed(value, decimals) },
    });
    this.#candles.setData(candles.map(bar));
    this.#volume.setData(candles.map((candle) => ({
      time: candle.time as UTCTimestamp, value: candle.volume,
      color: faint(candle.close >= candle.open ? this.#look.up : this.#look.down, 0.28),
    })));
    const begun = this.market?.forming;
    this.#live = last ? bar(begun && begun.time > last.time ? begun : last) : null;
    if (begun && this.#live && this.#live.time === begun.time) this.#candles.update(this.#live);
    this.#tick();
    const shown = this.market ? `${this.market.symbol} ${this.market.timeframe}` : "";
    if (shown !== this.#shown) this.#zoom();
    this.#shown = shown;
  }

  /** The newest price is the close of the bar now forming. */
  #tick(): void {
    const span = spanMs(this.market?.timeframe ?? "");
    if (!this.#live || !span || this.price === undefined) return;
    const now = Number(this.price);
    const open = barOf(this.at, span);
    if (!Number.isFinite(now) || open < this.#live.time) return;
    this.#live = open > this.#live.time
      ? { time: open as UTCTimestamp, open: this.#live.close, high: Math.max(now, this.#live.close), low: Math.min(now, this.#live.close), close: now }
      : { ...this.#live, high: Math.max(this.#live.high, now), low: Math.min(this.#live.low, now), close: now };
    this.#candles.update(this.#live);
  }

  #level(anew: boolean): void {
    const held = this.position;
    const levels = held ? [held.id, held.entry_price, held.stop_price, held.target_price].join() : "";
    if (levels === this.#levels && !anew) return;
    this.#levels = levels;
    for (const line of this.#lines) this.#candles.removePriceLine(line);
    this.#lines = [];
    if (!held) return;
    const draw = (title: string, at: string, color: string, lineStyle: LineStyle): void => {
      this.#lines.push(this.#candles.createPriceLine({ price: Number(at), color, title, lineStyle, lineWidth: 1, axisLabelVisible: true }));
    };
    draw("entry", held.entry_price, this.#look.accent, LineStyle.Dashed);
    draw("stop", held.stop_price, this.#look.down, LineStyle.Solid);
    if (held.target_price !== null) draw("target", held.target_price, this.#look.up, LineStyle.Solid);
  }

  #mark(): void {
    const candles = this.market?.candles ?? [];
    const span = spanMs(this.market?.timeframe ?? "");
    const first = candles[0]?.time;
    if (first === undefined || !span) return this.#markers.setMarkers([]);
    const snap = (at: string): UTCTimestamp => barOf(at, span) as UTCTimestamp;
    const markers: SeriesMarker<Time>[] = [];
    for (const trade of this.trades) {
      if (trade.symbol !== this.market?.symbol) continue;
      const long = trade.side !== "short";
      const won = Number(trade.realized_pnl_quote) > 0;
      if (seconds(trade.opened_at) >= first)
        markers.push({
          time: snap(trade.opened_at), position: long ? "belowBar" : "aboveBar", shape: long ? "arrowUp" : "arrowDown",
          color: this.#look.accent,
        });
      if (seconds(trade.closed_at) >= first)
        markers.push({
          time: snap(trade.closed_at), position: long ? "aboveBar" : "belowBar", shape: "circle",
          color: won ? this.#look.up : this.#look.down,
          // On a phone the words of one would lie over those of the next: the list twin has them.
          text: this.offsetWidth < 560 ? "" : trade.r_multiple === null ? trade.exit_reason : multiple(trade.r_multiple, "R", true),
        });
    }
    this.#markers.setMarkers(markers.sort((one, other) => Number(one.time) - Number(other.time)));
  }

  #shade(): void {
    const { market } = this;
    const span = spanMs(market?.timeframe ?? "");
    const first = market?.candles[0]?.time;
    const drawn = market && span && first !== undefined ? zones(this.trades, this.position, market.symbol, first, (at) => barOf(at, span)) : [];
    this.#zones.show(drawn, { stop: faint(this.#look.down, 0.16), target: faint(this.#look.up, 0.16) });
  }

  #zoom(): void {
    const count = this.market?.candles.length ?? 0;
    if (!this.#chart || !count) return;
    if (this.bars) this.#chart.timeScale().setVisibleLogicalRange({ from: count - this.bars, to: count + 4 });
    else this.#chart.timeScale().fitContent();
  }

  #say(of: CandlestickData<UTCTimestamp> | null): void {
    const legend = this.querySelector(".legend");
    if (!legend) return;
    if (!of) return void (legend.textContent = "");
    const volume = this.market?.candles.find(({ time }) => time === of.time)?.volume;
    legend.textContent =
      `${time(Number(of.time) * 1000)}  O ${priced(of.open)}  H ${priced(of.high)}  L ${priced(of.low)}  C ${priced(of.close)}  ` +
      `${ratio((of.close - of.open) / of.open, 2, true)}${volume === undefined ? "" : `  V ${compact(volume)}`}`;
  }
}

function bar({ time, open, high, low, close }: CandleView): CandlestickData<UTCTimestamp> {
  return { time: time as UTCTimestamp, open, high, low, close };
}

customElements.define("price-chart", PriceChart);
