/** The chart's colours, read from the page's tokens so that both themes hold. */
import { ColorType, CrosshairMode, type ChartOptions, type DeepPartial, type IChartApi, type UTCTimestamp } from "lightweight-charts";
import { instant } from "../format";

export type Look = Record<"text" | "muted" | "grid" | "border" | "up" | "down" | "accent" | "warn" | "panel", string>;

/** `light-dark()` is only resolved in a used colour, so each token is worn once and read back. */
export function look(host: HTMLElement): Look {
  const probe = host.appendChild(document.createElement("span"));
  const read = (token: string): string => {
    probe.style.color = `var(--${token})`;
    return getComputedStyle(probe).color;
  };
  const colors: Look = {
    text: read("text"), muted: read("muted"), grid: read("grid"), border: read("border"),
    up: read("up"), down: read("down"), accent: read("accent"), warn: read("warn"), panel: read("panel"),
  };
  probe.remove();
  return colors;
}

/** The same colour, see-through. */
export function faint(color: string, alpha: number): string {
  return color.replace(/^rgba?\(([^)]+)\)$/, (_, parts: string) => `rgba(${parts.split(",").slice(0, 3).join(",")}, ${alpha})`);
}

export function options(colors: Look): DeepPartial<ChartOptions> {
  return {
    autoSize: true,
    layout: {
      background: { type: ColorType.Solid, color: "rgba(0, 0, 0, 0)" },
      textColor: colors.muted,
      fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
      fontSize: 12,
      attributionLogo: true,
    },
    grid: { vertLines: { color: colors.grid }, horzLines: { color: colors.grid } },
    crosshair: { mode: CrosshairMode.Normal, vertLine: { color: colors.muted }, horzLine: { color: colors.muted } },
    rightPriceScale: { borderColor: colors.border },
    timeScale: { borderColor: colors.border, timeVisible: true, secondsVisible: false, rightOffset: 4 },
    handleScroll: { vertTouchDrag: false },
    localization: { timeFormatter: (at: UTCTimestamp) => instant(at * 1000).replace(":00 UTC", " UTC") },
  };
}

export function seconds(at: string): UTCTimestamp {
  return Math.floor(Date.parse(at) / 1000) as UTCTimestamp;
}

/** What a chart says of its keys to whoever comes to it by Tab. */
export const KEYS = "left and right arrows move, plus and minus zoom, Home and End go to either end, 0 shows all";

/** Moves and zooms a chart by keys; whether this was one of them. */
export function steer(chart: IChartApi, key: string): boolean {
  const scale = chart.timeScale();
  const range = scale.getVisibleLogicalRange();
  if (!range) return false;
  const width = range.to - range.from;
  const move = (by: number): void => scale.setVisibleLogicalRange({ from: range.from + by, to: range.to + by });
  const zoom = (by: number): void => scale.setVisibleLogicalRange({ from: range.to - width * by, to: range.to });
  switch (key) {
    case "ArrowLeft": move(-width / 8); break;
    case "ArrowRight": move(width / 8); break;
    case "+": case "=": if (width > 10) zoom(0.75); break;
    case "-": case "_": zoom(1 / 0.75); break;
    case "Home": move(-range.from); break;
    case "End": scale.scrollToRealTime(); break;
    case "0": scale.fitContent(); break;
    default: return false;
  }
  return true;
}
