import type { TemplateResult } from "lit";
import { describe, expect, test } from "vitest";
import { banner } from "../src/panels/banner";
import { priceChart } from "../src/panels/charts";
import type { HealthView } from "../src/shapes";
import { fromView, type State } from "../src/state";
import { health, position, stateView } from "./views";

const SYMBOL = "BTC/USDC";

/** The words of a template and every value that it is given, in order. */
function parts(part: unknown): unknown[] {
  if (Array.isArray(part)) return part.flatMap(parts);
  if (typeof part !== "object" || part === null || !("strings" in part)) return [part];
  const { strings, values } = part as TemplateResult;
  return strings.flatMap((string, index) => [string, ...(index < values.length ? parts(values[index]) : [])]);
}

const words = (part: unknown): string => parts(part).filter((one) => typeof one === "string").join("").replaceAll("\u00a0", " ");

function at(change: Partial<HealthView>): State {
  const held = position({ symbol: SYMBOL });
  return { ...fromView(stateView({ health: health(change), positions: [held] })), prices: { [SYMBOL]: "31234.5" } };
}

const nothing = (): void => undefined;

function drawn(state: State): TemplateResult {
  return priceChart({
    state, symbol: SYMBOL, market: null, failed: null, theme: "dark", bars: 60, setBars: nothing, timeframe: "", setTimeframe: nothing,
    frame: { fold: "open", set: nothing }, listed: false, list: nothing,
  });
}

describe("while the past is lived through", () => {
  const past = at({ status: "starting", history_done_ratio: 0.43 });

  test("the chart of today says so and how far it is, and shows no price and no position of then", () => {
    expect(words(drawn(past))).toContain("the past is lived through: 43 %</span>");
    expect(parts(drawn(past))).not.toContain("31234.5");
    expect(parts(drawn(past))).not.toContain(past.positions[0]);
  });

  test("the page says that its prices and positions are of then", () => {
    const said = words(banner(past, { status: "live", heardAt: 0 }, null));

    expect(said).toContain("The past is lived through, 43 % of it so far: prices and positions are of then.");
  });
});

test("once it runs the chart shows the price and the position of now", () => {
  const running = at({ status: "running", history_done_ratio: 1 });

  expect(words(drawn(running))).not.toContain("the past");
  expect(parts(drawn(running))).toContain("31234.5");
  expect(parts(drawn(running))).toContain(running.positions[0]);
});
