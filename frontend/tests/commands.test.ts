import { expect, test } from "vitest";
import { matching, struck, type Command } from "../src/commands";

const named = (name: string, group: Command["group"] = "Panel", also?: string): Command => ({ name, group, ...(also === undefined ? {} : { also }), run: () => undefined });
const ALL = [named("Overview", "Go to", "what is open"), named("Open positions"), named("Memory", "Go to"), named("Memory"), named("Theme: dark", "Look")];
const found = (words: string): string[] => matching(ALL, words).map(({ name, group }) => `${group} ${name}`);

test("without words every command is found, in its order", () => {
  expect(matching(ALL, "  ")).toEqual(ALL);
});

test("what begins with the word comes before what only holds it", () => {
  expect(found("open")).toEqual(["Panel Open positions", "Go to Overview"]);
});

test("every word must be there, in whatever order and case", () => {
  expect(found("memory PANEL")).toEqual(["Panel Memory"]);
  expect(found("dark theme")).toEqual(["Look Theme: dark"]);
  expect(found("memory theme")).toEqual([]);
});

const PLAIN = { key: "f", ctrlKey: false, metaKey: false, altKey: false, defaultPrevented: false, target: null };

test("a single key is meant for the page, but not where somebody types, and not with another key", () => {
  const into = (tagName: string, isContentEditable = false): EventTarget => ({ tagName, isContentEditable }) as unknown as EventTarget;
  expect(struck(PLAIN)).toBe("f");
  expect(struck({ ...PLAIN, target: into("BUTTON") })).toBe("f");
  for (const tag of ["INPUT", "TEXTAREA", "SELECT"]) expect(struck({ ...PLAIN, target: into(tag) })).toBe(null);
  expect(struck({ ...PLAIN, target: into("DIV", true) })).toBe(null);
  for (const held of ["ctrlKey", "metaKey", "altKey", "defaultPrevented"]) expect(struck({ ...PLAIN, [held]: true })).toBe(null);
});
