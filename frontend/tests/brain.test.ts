/** The graph's own order: what belongs to one story, what stands where, what a line of figures says. */
import { describe, expect, it } from "vitest";
import { SIZE, beside, chain, places, spread, stories, under } from "../src/brain";
import type { BrainEdge, BrainNode, BrainView } from "../src/shapes";

function node(id: string, day: number, more: Partial<BrainNode> = {}): BrainNode {
  const kind = id.split(":")[0] as BrainNode["kind"];
  return {
    id, kind, title: id, detail: "", symbol: "BTC/USDC", at: `2026-01-${String(day).padStart(2, "0")}T00:00:00Z`, tone: "flat", decision_id: null,
    price: null, stop_price: null, target_price: null, pnl_quote: null, return_ratio: null, r_multiple: null, ...more,
  };
}

function edge(kind: BrainEdge["kind"], source: string, target: string): BrainEdge {
  return { id: `${kind}:${source}>${target}`, source, target, kind };
}

/** A trade that was moved and closed by decisions and taught something; the next, which recalls it, is refused. */
const VIEW: BrainView = {
  earlier: false,
  nodes: [
    node("decision:next", 9), node("memory:won", 5), node("rule:chop", 2), node("refusal:next", 9),
    node("decision:buy", 1), node("memory:old", 1), node("entry:buy", 1), node("decision:move", 3), node("update:move", 3),
    node("decision:close", 5), node("close:buy", 5, { pnl_quote: "12.50" }),
  ],
  edges: [
    edge("recalled", "memory:won", "decision:next"), edge("shown", "rule:chop", "decision:next"), edge("refused", "decision:next", "refusal:next"),
    edge("recalled", "memory:old", "decision:buy"), edge("recalled", "memory:old", "decision:next"), edge("opened", "decision:buy", "entry:buy"),
    edge("moved", "entry:buy", "update:move"), edge("moved", "decision:move", "update:move"), edge("closed", "update:move", "close:buy"),
    edge("closed", "decision:close", "close:buy"), edge("taught", "close:buy", "memory:won"),
  ],
};

describe("the list", () => {
  it("tells each trade once, its steps by time, with what was recalled before each decision", () => {
    const [refused, trade, ...more] = stories(VIEW);

    expect(more).toEqual([]);
    expect(refused!.steps.map(({ node: { id } }) => id)).toEqual(["decision:next", "refusal:next"]);
    expect(refused!.steps[0]!.because.map(({ id }) => id)).toEqual(["memory:won", "rule:chop", "memory:old"]);
    expect(trade!.steps.map(({ node: { id } }) => id)).toEqual(["decision:buy", "entry:buy", "decision:move", "update:move", "decision:close", "close:buy"]);
    expect([trade!.entry?.id, trade!.close?.id, trade!.taught?.id]).toEqual(["entry:buy", "close:buy", "memory:won"]);
  });

  it("holds every piece of the graph", () => {
    const told = stories(VIEW).flatMap(({ steps, taught }) => [...steps.flatMap(({ node: step, because }) => [step, ...because]), taught]);

    expect(new Set(told.filter((one) => one !== null).map(({ id }) => id))).toEqual(new Set(VIEW.nodes.map(({ id }) => id)));
  });
});

describe("the graph", () => {
  it("runs from memories on the left to the close on the right, and no two pieces lie on each other", () => {
    const found = places(VIEW);
    const all = [...found.entries()];

    expect(found.size).toBe(VIEW.nodes.length);
    for (const { kind, source, target } of VIEW.edges) if (kind !== "taught") expect(found.get(source)!.x).toBeLessThanOrEqual(found.get(target)!.x);
    for (const [id, one] of all)
      for (const [other, at] of all)
        if (id !== other) expect(Math.abs(one.x - at.x) >= SIZE.width || Math.abs(one.y - at.y) >= SIZE.height, `${id} on ${other}`).toBe(true);
  });

  it("leaves what was drawn where it was when a newer story comes", () => {
    const older: BrainView = { ...VIEW, nodes: VIEW.nodes.slice(4), edges: VIEW.edges.filter(({ source, target }) => !`${source} ${target}`.includes("next")) };
    const before = places(older);

    const after = places(VIEW, before);

    for (const [id, at] of before) if (!id.startsWith("memory:")) expect(after.get(id), id).toEqual(at);
    expect(after.get("decision:next")!.y).toBeLessThan(before.get("decision:buy")!.y);
  });

  it("keeps heights apart, and moves them no further than that takes", () => {
    expect(spread([0, 0, 100], 10)).toEqual([-5, 5, 100]);
    expect(spread([0, 0, 100], 10, 0)).toEqual([0, 10, 100]);
    expect(spread([20, 0, 5], 10)).toEqual([20, -2.5, 7.5]);
  });

  it("lights the whole story of a step, and of a memory what it touches", () => {
    expect(chain(VIEW, "entry:buy")).toEqual(new Set(VIEW.nodes.slice(4).map(({ id }) => id).concat("memory:won")));
    expect(chain(VIEW, "memory:won")).toEqual(new Set(["memory:won", "decision:next", "close:buy"]));
    expect(beside(VIEW, "memory:won").before.map(({ id }) => id)).toEqual(["close:buy"]);
  });
});

it("says a result with its sign and arrow, and a level as a price", () => {
  expect(under(node("close:x", 1, { pnl_quote: "-21.7395821" }))).toBe("▼ \u221221.74\u00a0USDC");
  expect(under(node("memory:x", 1, { return_ratio: 0.05, r_multiple: null }))).toBe("▲ +5.00\u00a0% · 1\u00a0Jan");
  expect(under(node("update:x", 1, { title: "Target moved", target_price: "110", stop_price: "95" }))).toBe("target 110.00");
});
