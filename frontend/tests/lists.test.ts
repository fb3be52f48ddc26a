import { describe, expect, test } from "vitest";
import { Endless, Pages } from "../src/pages";
import { chosen, EVERY } from "../src/panels/feed";
import { asked, sorted } from "../src/panels/memory-table";
import { inSight, kept, moved, reached, revealed } from "../src/virtual";
import { AT, decision } from "./views";

const rows = (...keys: string[]): { count: number; key: (index: number) => string } => ({ count: keys.length, key: (index) => keys[index] ?? "" });
const settled = (): Promise<void> => new Promise((done) => setTimeout(done));

describe("of a long list only what is in sight is drawn", () => {
  test("the rows in sight, some more around them, none that are not there", () => {
    const box = { top: 1000, height: 500, row: 50 };

    expect(inSight(box, 10_000)).toEqual({ first: 20, last: 30 });
    expect(inSight({ ...box, top: 1010 }, 10_000, 3)).toEqual({ first: 17, last: 34 });
    expect(inSight({ ...box, top: 0 }, 10_000, 3)).toEqual({ first: 0, last: 13 });
    expect(inSight(box, 24)).toEqual({ first: 20, last: 24 });
    expect(inSight(box, 0, 3)).toEqual({ first: 0, last: 0 });
  });

  test("what is read stays when rows come in above, and at the top the newest are seen", () => {
    expect(kept({ top: 1010, height: 500, row: 50 }, 3)).toBe(1160);
    expect(kept({ top: 0, height: 500, row: 50 }, 3)).toBe(0);
  });

  test("how far a row has gone is known by its name", () => {
    expect(moved(rows("c", "b", "a"), rows("e", "d", "c", "b", "a"), 1)).toBe(2);
    expect(moved(rows("c", "b"), rows("c", "b", "a"), 0)).toBe(0);
    expect(moved(rows("c", "b"), rows("z", "y"), 0)).toBe(0);
  });

  test("a row is brought into sight by the shortest way", () => {
    const box = { top: 1000, height: 500, row: 50 };

    expect([19, 20, 29, 30].map((index) => revealed(box, index))).toEqual([950, 1000, 1000, 1050]);
  });

  test("keys lead from row to row and no further than the ends", () => {
    const from = (key: string, current: number): number | null => reached(key, current, 100, 9);

    expect([from("ArrowDown", 5), from("ArrowUp", 5), from("PageDown", 5), from("PageUp", 5)]).toEqual([6, 4, 14, 0]);
    expect([from("Home", 5), from("End", 5), from("ArrowDown", 99), from("x", 5)]).toEqual([0, 99, 99, null]);
    expect(reached("End", 0, 0, 9)).toBeNull();
  });
});

describe("decisions without an end", () => {
  const page = (first: number, count: number, next: string | null) => ({ rows: Array.from({ length: count }, (_, n) => first - n), next, until: AT });

  test("older ones follow the newest, each asked for once, until the first", async () => {
    const questions: string[] = [];
    const list: Endless<number> = new Endless<number>([9], "9", async (before) => {
      questions.push(before);
      return before === "9" ? page(8, 3, "6") : page(5, 6, null);
    }, () => undefined);

    await Promise.all([list.more(), list.more()]);
    list.put([11, 10]);
    await list.more();
    await list.more();

    expect(list.rows).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect(questions).toEqual(["9", "6"]);
  });

  test("what is found nowhere is looked for a while and then no more, until somebody asks", async () => {
    let questions = 0;
    const list = new Endless<number>([], "9", async () => ({ rows: [], next: String((questions += 1)), until: AT }), () => undefined);

    await list.more();

    expect([questions, list.isPaused, list.isLoading, list.until]).toEqual([5, true, false, AT]);
  });

  test("what failed is told, and the next question goes on from there", async () => {
    let isDown = true;
    const list = new Endless<number>([9], "9", async () => {
      if (isDown) throw new Error("down");
      return page(8, 2, null);
    }, () => undefined);

    await list.more();
    expect(list.failed).toBeInstanceOf(Error);
    isDown = false;
    await list.more();
    expect([list.failed, list.rows]).toEqual([null, [9, 8, 7]]);
  });

  test("they are chosen by pair, by what became of them and by words", () => {
    const refusals = [{ guard: "cooldown", reason: "wait two bars", until: null }];
    const all = [
      decision(4, { is_forced: true, action: "HOLD" }), decision(3), decision(2, { action: "HOLD", refusals }),
      decision(1, { symbol: "ETH/USDC", action: "HOLD", reasoning: "Above the cloud" }),
    ];
    const ids = (filter: object): string[] => chosen(all, { ...EVERY, ...filter }).map(({ id }) => id);

    expect(ids({})).toEqual(["d4", "d3", "d2", "d1"]);
    expect(ids({ action: "acted" })).toEqual(["d3"]);
    expect(ids({ action: "refused" })).toEqual(["d2"]);
    expect(ids({ action: "forced" })).toEqual(["d4"]);
    expect(ids({ action: "HOLD", symbol: "ETH/USDC" })).toEqual(["d1"]);
    expect(ids({ words: "Bars  WAIT" })).toEqual(["d2"]);
    expect(ids({ words: "cloud", action: "BUY" })).toEqual([]);
  });
});

describe("everything lived, from any place of it", () => {
  const whole = (questions: number[]): Pages<number> => new Pages<number>(10, async (offset, limit) => {
    questions.push(offset);
    return { rows: Array.from({ length: limit }, (_, n) => offset + n), total: 1000 };
  }, () => undefined);

  test("only pages that are seen are asked for, and each once", async () => {
    const questions: number[] = [];
    const pages = await whole(questions).begin();

    pages.want({ first: 495, last: 505 });
    pages.want({ first: 495, last: 505 });
    await settled();

    expect(questions).toEqual([0, 490, 500]);
    expect([pages.at(3), pages.at(499), pages.at(504), pages.at(520)]).toEqual([3, 499, 504, undefined]);
  });

  test("who passes through quickly has nothing fetched but where they come to rest", async () => {
    const questions: number[] = [];
    const pages = await whole(questions).begin();

    for (let first = 100; first < 900; first += 10) pages.want({ first, last: first + 10 });
    await settled();

    expect(questions).toEqual([0, 100, 110, 890]);
  });

  test("a column turns round, another begins with what is most", () => {
    const first = { by: "date", order: "desc", words: " ", days: 7, side: "all", outcome: "lost" } as const;

    expect(sorted(first, "date").order).toBe("asc");
    expect([sorted(first, "pnl").order, sorted(first, "symbol").order]).toEqual(["desc", "asc"]);
    expect(asked(first, "BTC/USDC", AT)).toMatchObject({
      query: null, like: "BTC/USDC", sort: "date", order: "desc", side: null, outcome: "lost", since: "2025-03-05T16:00:00.000Z",
    });
    expect(asked({ ...first, days: 0 }, "", AT)).toMatchObject({ since: null, like: null });
  });
});
