/** What the panels reckon: whether a guard helped, by what its refusals would have come to. */
import { expect, test } from "vitest";
import type { HindsightView, RefusedView } from "../src/shapes";
import { AT } from "./views";

// The elements are defined when their module is read; here is no page to define them in.
Object.assign(globalThis, { HTMLElement: class {}, customElements: { define: () => undefined, get: () => undefined } });
const { byGuard, joined } = await import("../src/panels/refused");

const refused = (decision: string | null, guard: string, at = AT): RefusedView =>
  ({ id: `DecisionMade:${decision}#${guard}`, decision_id: decision, at, symbol: "BTC/USDC", wanted: "BUY", guard, reason: "", until: null });
const came = (id: string, return_ratio: number | null): HindsightView => ({
  id, symbol: "BTC/USDC", side: "long", refused_at: AT, price: "1", stop_price: "1", target_price: "1", confidence_ratio: 0.5, guards: [],
  closed_at: return_ratio === null ? null : AT, end: return_ratio === null ? null : "stop", return_ratio, r_multiple: null,
});

test("each refusal stands once, the newest first, beside what it would have come to", () => {
  const later = "2025-03-12T20:00:00+00:00";
  const all = joined([refused("d2", "cooldown", later)], [refused("d1", "size"), refused("d2", "cooldown", later), refused(null, "late")], [came("d1", 0.02)]);

  expect(all.map(({ refused: { decision_id }, hindsight }) => [decision_id, hindsight?.return_ratio ?? null])).toEqual([["d2", null], ["d1", 0.02], [null, null]]);
});

test("a judgement told later takes the place of the refusal that was still open", () => {
  const [one] = joined([], [refused("d1", "size")], [came("d1", null), came("d1", -0.01)]);

  expect(one?.hindsight?.return_ratio).toBe(-0.01);
});

test("a guard's mean is of those that are known, and says how many; unknown is not nothing", () => {
  const all = joined([], [refused("d1", "size"), refused("d2", "size"), refused("d3", "size"), refused("d3", "cooldown")], [came("d1", 0.02), came("d2", -0.04), came("d3", null)]);

  expect(byGuard(all)).toEqual([
    { guard: "size", refusals: 3, judged: 2, mean: -0.01 },
    { guard: "cooldown", refusals: 1, judged: 0, mean: null },
  ]);
});
