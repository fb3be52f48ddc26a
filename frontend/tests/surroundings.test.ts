import type { TemplateResult } from "lit";
import { describe, expect, test } from "vitest";
import { NONE, compact } from "../src/format";
import { amount, market } from "../src/panels/market";
import { news } from "../src/panels/news";
import type { Fold, Frame } from "../src/panels/parts";
import type { ContextView, FigureView, NewsView, SnapshotView } from "../src/shapes";
import { fromView } from "../src/state";
import { NOTHING, heard, lapse, lastOn, parted, safeHref, seenBy, valueOf, type Surroundings } from "../src/surroundings";
import { AT, decision, health, stateView } from "./views";

const LATER = "2025-03-12T17:00:00+00:00";
const EARLIER = "2025-03-12T15:00:00+00:00";
const SYMBOL = "BTC/USDC";

function press(change: Partial<NewsView> = {}): NewsView {
  return { gathered_at: AT, articles: [article("a1"), article("a2")], silent: [], ...change };
}

function article(id: string, change: Partial<NewsView["articles"][number]> = {}): NewsView["articles"][number] {
  return { id, source: "coindesk", title: `Title ${id}`, text: "Lead.", url: `https://news.example/${id}`, published_at: EARLIER, seen_at: EARLIER, ...change };
}

function figure(name: string, change: Partial<FigureView> = {}): FigureView {
  return { name, value: "42", unit: "points", true_at: EARLIER, stale_at: LATER, source: "alternative.me", history: [], ...change };
}

function context(readings: FigureView[] = [], change: Partial<ContextView> = {}): ContextView {
  return { gathered_at: AT, readings, silent: [], ...change };
}

function snapshot(change: Partial<SnapshotView> = {}): SnapshotView {
  return {
    id: "d1", symbol: SYMBOL, timeframe: "4h", closed_at: AT, seen_at: AT, source: "binance", is_simulated: false, completeness_ratio: 1, score_ratio: 1,
    is_disputed: false, flags: [], missing: [], book: null, flow: null, funding: null, interest: null, readings: [], news: [], price: "60000.5",
    bars: 999, regime: { trend: "bull", phase: "trending", evidence: [] }, indicators: {}, ...change,
  };
}

/** The words and attributes that a template would write, in order. */
function written(part: unknown): string {
  if (Array.isArray(part)) return part.map(written).join("");
  if (typeof part === "string" || typeof part === "number") return String(part);
  if (typeof part !== "object" || part === null) return "";
  // A directive, such as `repeat`: keyed items and the template of each.
  if ("_$litDirective$" in part) {
    const [items, , template] = (part as unknown as { values: [unknown[], unknown, (item: unknown) => unknown] }).values;
    return items.map((item) => written(template(item))).join("");
  }
  const { strings, values } = part as TemplateResult;
  return strings.reduce((told, string, index) => told + string + (index < values.length ? written(values[index]) : ""), "");
}

const frame = (fold: Fold = "open"): Frame => ({ fold, set: () => undefined });
const living = fromView(stateView({ health: health({ is_simulated: false }), decisions: [decision(1)] }));
const simulated = fromView(stateView());
const withNews = (around: Partial<Surroundings>, state = living, shown = 8, fold: Fold = "open"): string =>
  written(news({ state, around: { ...NOTHING, ...around }, symbol: SYMBOL, shown, frame: frame(fold), show: () => undefined }));
const withMarket = (around: Partial<Surroundings>, state = living, fold: Fold = "open"): string =>
  written(market({ state, around: { ...NOTHING, ...around }, symbol: SYMBOL, frame: frame(fold) }));

describe("heard", () => {
  test("each answer takes its place and clears its failure, and leaves the others", () => {
    const failed = heard(heard(NOTHING, { of: "failure", question: "news", why: "late" }), { of: "failure", question: "context", why: "late" });
    const told = heard(failed, { of: "news", told: press() });

    expect(failed.failed).toEqual({ news: "late", context: "late" });
    expect([told.news?.articles.length, told.failed]).toEqual([2, { context: "late" }]);
    expect(NOTHING.failed).toEqual({});
  });

  test("an answer gathered earlier does not take the place of a newer one; one of nothing does", () => {
    const known = heard(NOTHING, { of: "context", told: context([figure("tvl")]) });

    expect(heard(known, { of: "context", told: context([], { gathered_at: EARLIER }) }).context).toBe(known.context);
    expect(heard(known, { of: "context", told: context([], { gathered_at: null }) }).context?.readings).toEqual([]);
  });

  test("a failure keeps what was known", () => {
    const known = heard(NOTHING, { of: "news", told: press() });

    expect(heard(known, { of: "failure", question: "news", why: "late" }).news).toBe(known.news);
  });

  test("a snapshot is shown for its own decision alone", () => {
    const known = heard(NOTHING, { of: "snapshot", decision: "d1", told: snapshot() });

    expect(seenBy(known, "d1")?.id).toBe("d1");
    expect([seenBy(known, "d2"), seenBy(known, null), lastOn(living, SYMBOL), lastOn(living, "ETH/USDC")]).toEqual([null, null, "d1", null]);
  });
});

test("what a decision was shown leads, best first, and is not listed again", () => {
  const one = { ...article("a2"), score: 1 };
  const { used, rest } = parted(press(), snapshot({ news: [one, { ...article("gone"), score: 3 }] }));

  expect(used.map(({ id }) => id)).toEqual(["gone", "a2"]);
  expect(rest.map(({ id }) => id)).toEqual(["a1"]);
});

test("a figure is absent from the instant it is too old", () => {
  expect([valueOf(figure("tvl"), AT), valueOf(figure("tvl"), LATER), valueOf(figure("tvl", { value: null }), AT), valueOf(undefined, AT)]).toEqual(["42", null, null, null]);
});

test.each([
  "javascript:alert(1)", " javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "//evil.example", "vbscript:x",
  "https://you:word@evil.example/", "https://you@evil.example/", "https://", "blob:https://evil.example/x", "", null,
])("no click follows %j", (address) => expect(safeHref(address)).toBeNull());

test("a click follows an address of the web", () => {
  expect(safeHref("https://news.example/a?b=c#d")).toBe("https://news.example/a?b=c#d");
  expect(safeHref("http://news.example")).toBe("http://news.example/");
});

describe("the news panel", () => {
  test("tells each article with its source and when it was first seen, and only an address of the web is a link", () => {
    const told = withNews({ news: press({ articles: [article("a1"), article("a2", { url: "javascript:alert(1)" }), article("a3", { url: null })] }) });

    expect(told).toContain("Title a1");
    expect(told).toContain("first seen 1\u00a0h ago");
    expect(told.match(/<a href=https/g)).toHaveLength(1);
    expect(told).toContain('rel="noopener noreferrer nofollow" target="_blank"');
    expect(told).not.toContain("javascript:");
  });

  test("tells what the last decision on the chosen pair was shown, with how much it is about the pair", () => {
    const shown = (score: number): string => withNews({ news: press(), decision: "d1", snapshot: snapshot({ news: [{ ...article("a2"), score }] }) });
    const told = shown(0.83);

    expect(told).toContain("relevance 83\u00a0%");
    expect(shown(2.5)).toContain("score 2.50, higher is more");
    expect(told.indexOf("Title a2")).toBeLessThan(told.indexOf("Title a1"));
    expect(told.split("Title a2")).toHaveLength(2);
  });

  test("names who was silent, and says why there is nothing", () => {
    expect(withNews({ news: press({ silent: [{ name: "decrypt", why: "no answer" }] }) })).toContain("decrypt");
    expect(withNews({ news: press({ articles: [] }) }, simulated)).toContain("No news is read in a simulated market");
    expect(withNews({ news: press({ articles: [] }) })).toContain("No news yet");
    expect(withNews({})).toContain("Loading the news…");
  });

  test("a failure is a sentence, and says anew only where there is an older answer", () => {
    const failed = { news: "the server did not answer." };

    expect(withNews({ failed })).toContain("Could not be asked.</strong> The server did not answer.");
    expect(withNews({ failed, news: press() })).toContain("Could not be asked anew.</strong> The server did not answer.");
    expect(lapse(NOTHING, "news")).toBeNull();
  });

  test("with nothing to list it is as tall as its words", () => {
    expect(withNews({ news: press({ articles: [] }) }, simulated)).toContain("margin-bottom: auto");
    expect(withNews({ news: press() })).not.toContain("margin-bottom");
  });

  test("folded it is its head alone; a few articles are shown, then more", () => {
    expect(withNews({ news: press() }, living, 8, "closed")).not.toContain("Title a1");
    expect(withNews({ news: press() }, living, 1)).toContain("Show 1 more");
  });
});

describe("the market panel", () => {
  test("tells figures with age and source; what is not there is a dash, never a zero", () => {
    const told = withMarket({ context: context([figure("fear_greed"), figure("market_cap", { value: "3214567890123", unit: "usd" }), figure("tvl", { value: null, stale_at: EARLIER })]) });

    expect(told).toContain("42 of 100");
    expect(told).toContain("$3.21\u00a0T");
    expect(told).toContain("1\u00a0h ago");
    expect(told).toContain("too old since 12\u00a0Mar 15:00");
    expect(told.split(NONE).length - 1).toBe(6);
    expect(told).not.toMatch(/>\$?0[ .<]/);
  });

  test("draws the week of fear and greed in words too", () => {
    const history = Array.from({ length: 9 }, (_, day) => ({ at: AT, value: String(40 + day) }));

    expect(withMarket({ context: context([figure("fear_greed", { history })]) })).toContain("The last 7 days, oldest first: 42, 43, 44, 45, 46, 47, 48");
    expect(withMarket({ context: context([figure("fear_greed", { history: history.slice(0, 1) })]) })).not.toContain("oldest first");
  });

  test("tells what the last decision saw: book, trades, perpetual, flags, and what was missing", () => {
    const told = withMarket({
      decision: "d1",
      snapshot: snapshot({
        score_ratio: 0.83, is_disputed: true, flags: ["price disputed: 60000 here, 59000 at kraken"], missing: [{ name: "weekly candles", why: "no answer" }],
        book: {
          at: AT, source: "binance", mid_price: 60000, spread_bps: 1.25, spread_change_bps: null, imbalance_change: null,
          depths: [{ levels: 5, bids_quote: 1.2e6, asks_quote: 9e5, imbalance_ratio: 0.14 }],
          liquidity: [{ bps: 10, bids_quote: 2e6, asks_quote: 1e6, is_whole: false }],
          walls: [{ is_bid: true, price: 59900, quote: 5e6, distance_bps: 16.7, share_ratio: 0.31 }],
        },
        flow: { at: AT, source: "binance", trades: 0, buy_quote: 0, sell_quote: 0, span_s: 0, buy_ratio: null, per_minute: null },
        funding: { at: AT, rate_ratio: "0.0001", annualized_ratio: "0.1095", interval_s: 28800, perpetual: "BTC/USDC:USDC", source: "binance" },
      }),
    });

    for (const said of ["83\u00a0%", "1.3\u00a0bps", "+0.14", "16.7\u00a0bps", "below", "31\u00a0%", "+0.0100\u00a0%", "+11.0\u00a0%", "price disputed: 60000 here, 59000 at kraken", "weekly candles", "no answer"])
      expect(told).toContain(said);
    expect(told).not.toContain("NaN");
    expect(told.split("price disputed")).toHaveLength(2);
  });

  test("a dispute that no flag tells of is told all the same", () => {
    expect(withMarket({ decision: "d1", snapshot: snapshot({ is_disputed: true }) })).toContain("another venue told another price");
  });

  test("a simulated market says that it has no perpetuals; of a living one a dash is a gap", () => {
    const around = (is_simulated: boolean): Partial<Surroundings> => ({ decision: "d1", snapshot: snapshot({ is_simulated }) });

    expect(withMarket(around(true))).toContain("This market has no perpetuals");
    expect(withMarket(around(false))).not.toContain("perpetuals");
  });

  test("says why there is nothing to see", () => {
    expect(withMarket({}, simulated)).toContain("A simulated market has no mood");
    expect(withMarket({}, simulated)).toContain("No decision yet");
    expect(withMarket({})).toContain("Loading what it saw…");
    expect(withMarket({ decision: "d1" })).toContain("The archive no longer has what it saw.");
    expect(withMarket({ context: context([], { gathered_at: null }) })).toContain("Nothing was gathered lately");
    expect(withMarket({}, living, "closed")).not.toContain("All coins");
  });
});

test("amounts wear their unit", () => {
  expect([amount("usd", "98765432109.5"), amount("ratio", "0.5631"), amount("points", "74")]).toEqual(["$98.77\u00a0B", "56.3\u00a0%", "74 of 100"]);
  expect(compact(3.2e12)).toBe("3.20\u00a0T");
});
