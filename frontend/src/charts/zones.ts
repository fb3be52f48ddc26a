/** Where a trade stood between stop and target while it lived: shaded from its entry to either, behind the candles. */
import type { IPrimitivePaneRenderer, IPrimitivePaneView, ISeriesPrimitive, SeriesAttachedParameter, Time, UTCTimestamp } from "lightweight-charts";
import type { PositionView, TradeView } from "../shapes";

export interface Zone {
  readonly from: number;
  /** Null: to the newest bar. */
  readonly to: number | null;
  readonly entry: number;
  readonly stop: number;
  readonly target: number | null;
}

type Target = Parameters<IPrimitivePaneRenderer["draw"]>[0];

/** Of the trades of a pair that lived within the candles drawn, and of what is open; instants as bars begin. */
export function zones(
  trades: readonly TradeView[], held: PositionView | undefined, symbol: string, first: number, snap: (at: string) => number,
): Zone[] {
  const level = (text: string | null): number | null => (text === null ? null : Number(text));
  const found: Zone[] = [];
  for (const one of trades) {
    if (one.symbol !== symbol || snap(one.closed_at) < first) continue;
    found.push({
      from: Math.max(first, snap(one.opened_at)), to: snap(one.closed_at), entry: Number(one.entry_price),
      stop: Number(one.initial_stop_price), target: level(one.target_price),
    });
  }
  if (held)
    found.push({
      from: Math.max(first, snap(held.opened_at)), to: null, entry: Number(held.entry_price), stop: Number(held.stop_price),
      target: level(held.target_price),
    });
  return found;
}

export class ZonePrimitive implements ISeriesPrimitive<Time> {
  #attached: SeriesAttachedParameter<Time> | null = null;
  #zones: readonly Zone[] = [];
  #colors = { stop: "", target: "" };
  readonly #views: readonly IPrimitivePaneView[] = [{ zOrder: () => "bottom", renderer: () => ({ draw: (target) => this.#draw(target) }) }];

  attached(param: SeriesAttachedParameter<Time>): void {
    this.#attached = param;
  }

  detached(): void {
    this.#attached = null;
  }

  paneViews(): readonly IPrimitivePaneView[] {
    return this.#views;
  }

  show(drawn: readonly Zone[], colors: { stop: string; target: string }): void {
    this.#zones = drawn;
    this.#colors = colors;
    this.#attached?.requestUpdate();
  }

  #draw(target: Target): void {
    const at = this.#attached;
    if (!at) return;
    const scale = at.chart.timeScale();
    const half = scale.options().barSpacing / 2;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      for (const zone of this.#zones) {
        const begin = scale.timeToCoordinate(zone.from as UTCTimestamp);
        const end = zone.to === null ? mediaSize.width : scale.timeToCoordinate(zone.to as UTCTimestamp);
        const entry = at.series.priceToCoordinate(zone.entry);
        if (begin === null || end === null || entry === null) continue;
        const [left, right] = [begin - half, zone.to === null ? mediaSize.width : end + half];
        if (right < 0 || left > mediaSize.width) continue;
        for (const [price, color] of [[zone.stop, this.#colors.stop], [zone.target, this.#colors.target]] as const) {
          const edge = price === null ? null : at.series.priceToCoordinate(price);
          if (edge === null) continue;
          context.fillStyle = color;
          context.fillRect(left, Math.min(entry, edge), right - left, Math.abs(edge - entry));
        }
      }
    });
  }
}
