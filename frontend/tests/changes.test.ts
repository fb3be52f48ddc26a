import { describe, expect, test } from "vitest";
import { changes, counted } from "../src/changes";

const marked = (older: string, newer: string): string[] | undefined =>
  changes(older, newer)?.map((line) => (line.mark === "…" ? `… ${line.lines}` : `${line.mark}${line.text}`));

describe("what is other than in the cycle before", () => {
  test("a changed line goes and comes, with what stands beside it", () => {
    expect(marked("a\nb\nc", "a\nB\nc")).toEqual([" a", "−b", "+B", " c"]);
  });

  test("what stays the same far from any change is counted, not shown", () => {
    const lines = Array.from({ length: 20 }, (_, n) => `line ${n}`);
    expect(marked(lines.join("\n"), [...lines.slice(0, 19), "other"].join("\n"))).toEqual(["… 17", " line 17", " line 18", "−line 19", "+other"]);
  });

  test("nothing is other in the same words, with or without an end to their last line", () => {
    const told = changes("a\nb", "a\nb\n") ?? [];
    expect(counted(told)).toEqual({ added: 0, removed: 0 });
  });

  test("two replies in JSON are compared field by field", () => {
    expect(marked('{"action":"BUY","confidence":60}', '{"action":"BUY","confidence":70}'))
      .toEqual([" {", '   "action": "BUY",', '−  "confidence": 60', '+  "confidence": 70', " }"]);
  });

  test("lines with other figures stand one under the other", () => {
    expect(marked("rsi: 40\nadx: 20\nend", "rsi: 41\nadx: 22\nend")).toEqual(["−rsi: 40", "+rsi: 41", "−adx: 20", "+adx: 22", " end"]);
    expect(marked("a\nb\nend", "c\nend")).toEqual(["−a", "−b", "+c", " end"]);
  });

  test("additions and deletions are counted", () => {
    expect(counted(changes("a\nb", "a\nc\nd") ?? [])).toEqual({ added: 2, removed: 1 });
  });
});
