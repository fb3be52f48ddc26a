import { expect, test } from "vitest";
import { OVERVIEW, PAGES, PANELS, asked, closedFrom, foldOf, growing, pageHref, pageOf, pagesFor, rowsOf, type PanelName } from "../src/places";

const NAMES = Object.keys(PANELS) as PanelName[];
const standing = (narrow: boolean): PanelName[] => PAGES.flatMap((page) => rowsOf(page, narrow)).flatMap((row) => row.flatMap(({ panels }) => [...panels]));

test.each([false, true])("every panel stands on one page, on a narrow screen (%s) as on a wide one", (narrow) => {
  expect(standing(narrow).sort()).toEqual([...NAMES].sort());
});

test("each page has an address that leads back to it", () => {
  for (const page of PAGES) expect(asked(pageHref(page.id))).toEqual({ page });
});

test("a permalink asks for a decision, whatever its id is made of", () => {
  expect(asked(`#/decision/${encodeURIComponent("BTC/USDC#4h#2026-01-01T00:00:00+00:00")}`)).toEqual({ decision: "BTC/USDC#4h#2026-01-01T00:00:00+00:00" });
});

test.each(["", "#", "#/nowhere", "#/decision/", "#/decision/%E0%A4%A", "#/__proto__"])("an address that says nothing, %j, is the overview", (hash) => {
  expect(asked(hash)).toEqual({ page: OVERVIEW });
});

test("the lowest open panel of a column takes the height that is left", () => {
  const closed = new Set<PanelName>(["last"]);
  expect(growing(["positions", "steps", "last"], (name) => closed.has(name))).toBe("steps");
  expect(growing(["last"], (name) => closed.has(name))).toBe(null);
});

test("a layout of an older version forgets panels that are no more", () => {
  expect([...closedFrom("news gone __proto__ toString market")]).toEqual(["news", "market"]);
  expect([...closedFrom(null)]).toEqual([]);
});

test("a panel that is full was not closed by it", () => {
  expect(foldOf("news", new Set(["news"]), "news")).toBe("full");
  expect(foldOf("news", new Set(["news"]), null)).toBe("closed");
  expect(foldOf("news", new Set(), null)).toBe("open");
  expect(pageOf("news").id).toBe("market");
});

test("whoever is not signed in finds no page on which nothing is told to everybody", () => {
  expect(pagesFor(true).map(({ id }) => id)).toEqual(PAGES.map(({ id }) => id).filter((id) => id !== "health"));
  expect(pagesFor(false)).toEqual(PAGES);
  const shown = pagesFor(true).flatMap((page) => rowsOf(page, true, true)).flatMap((row) => row.flatMap(({ panels }) => [...panels]));
  expect(NAMES.filter((name) => !shown.includes(name))).toEqual(["steps", "costs", "health"]);
});
