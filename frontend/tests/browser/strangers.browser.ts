/** Whatever strangers, models and broken servers write, in every free word of every answer: it stays text on every page. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { SYMBOLS } from "../history";
import type { StandIn } from "../stand-in";
import { CANARY, Flood, FOREIGN_SYMBOL, PAYLOADS } from "../flood";
import { PAGES, type Width } from "./pages";
import { Stage, type Watched } from "./stage";

const stage = new Stage();
beforeAll(() => stage.begin());
afterEach(() => stage.after());
afterAll(() => stage.end());

interface Trapped {
  readonly watched: Watched;
  /** What ran, what the policy had to stop, and where the page was led. */
  readonly caught: string[];
}

async function trapped(server: StandIn, width: Width = "desktop"): Promise<Trapped> {
  const caught: string[] = [];
  const watched = await stage.page(server.url, { width });
  const { page, context } = watched;
  await page.exposeFunction("pwned", (number: unknown) => caught.push(`ran: ${PAYLOADS[Number(number)] ?? String(number)}`));
  await page.exposeFunction("reported", (report: string) => caught.push(report));
  await page.addInitScript(() => document.addEventListener("securitypolicyviolation", (event) => {
    void (window as unknown as { reported(words: string): void }).reported(`stopped by ${event.effectiveDirective}: ${event.blockedURI} ${event.sample}`);
  }));
  context.on("page", (other) => caught.push(`opened ${other.url()}`));
  page.on("framenavigated", (frame) => new URL(frame.url()).origin === server.url || caught.push(`led to ${frame.url()}`));
  page.on("frameattached", (frame) => caught.push(`a frame: ${frame.url()}`));
  return { watched, caught };
}

/** What stands in the document and may not: whatever the browser would run, follow or fetch for a stranger. */
async function standing(page: Page): Promise<string[]> {
  return page.evaluate((canary) => {
    const all = [...document.querySelectorAll("*")];
    const told = (found: Element): string => found.outerHTML.slice(0, 120);
    const handlers = all.filter(({ attributes }) => [...attributes].some(({ name }) => name.startsWith("on")));
    const kinds = all.filter((found) => found.matches("iframe, frame, object, embed, base, portal, math, foreignObject, animate, set, meta[http-equiv=refresh], script:not([src]), template[shadowrootmode]"));
    const styles = all.filter((found) => /url\(|position:\s*fixed|@import/.test(found.getAttribute("style") ?? "") || (found.localName === "style" && !/^\s*$|tv-lightweight-charts|#tv-attr-logo/.test(found.textContent ?? "")));
    const leading = [...document.querySelectorAll<HTMLAnchorElement>("a[href]")].filter(({ href, protocol, username }) => !(["http:", "https:"].includes(protocol) || href.startsWith(`blob:${location.origin}/`)) || username);
    const fetching = all.filter((found) => ["src", "srcset", "href", "xlink:href", "action", "poster"].some((name) => found.localName !== "a" && found.getAttribute(name)?.includes(canary)));
    const polluted = [...Object.keys(Object.prototype), ..."hit" in {} ? ["hit"] : []];
    return [...handlers, ...kinds, ...styles, ...leading, ...fetching].map(told).concat(polluted.map((name) => `Object.prototype.${name}`));
  }, CANARY);
}

async function safe({ watched, caught }: Trapped, name: string): Promise<string[]> {
  await watched.settled();
  const found = [...(await standing(watched.page)), ...(await watched.overhang()), ...caught.splice(0), ...watched.complaints.splice(0), ...watched.foreign];
  return found.map((fault) => `${name}: ${fault}`);
}

/** By keyboard: what strangers wrote may have moved the button far away. */
async function pressed(page: Page, button: string): Promise<void> {
  await page.locator(button).focus();
  await page.keyboard.press("Enter");
}

test("there are at least fifty of them, no two alike", () => {
  expect(new Set(PAYLOADS).size).toBe(PAYLOADS.length);
  expect(PAYLOADS.length).toBeGreaterThanOrEqual(50);
});

test("the trap closes: what is put into the document as markup is caught", async () => {
  const server = await stage.standIn();
  const { watched, caught } = await trapped(server);
  await watched.visit();
  await watched.page.evaluate((words) => document.querySelector("main")!.insertAdjacentHTML("beforeend", words), PAYLOADS.find((words) => words.startsWith("<img src=x"))!);

  await expect.poll(() => caught.join(), { timeout: 3000 }).toContain("stopped by script-src");
  expect(await standing(watched.page)).not.toEqual([]);
});

test.each(["desktop", "phone"] as const)("on a %s all that strangers wrote is text on every page, in every dialog and notice", async (width) => {
  const server = await stage.standIn();
  const flood = new Flood();
  server.health = { status: "degraded", problem: "x" };
  server.changed = (path, body) => flood.over(path, body);
  const trap = await trapped(server, width);
  const { page } = trap.watched;
  await trap.watched.visit();
  const wrong: string[] = [];
  for (const place of PAGES) {
    await trap.watched.go(place);
    server.tell(...server.history.facts(20));
    wrong.push(...(await safe(trap, place.name)));
    // The words are the same there: whether they fit is asked where it is narrowest.
    for (const name of width === "phone" ? await trap.watched.panels() : []) {
      await pressed(page, `main [data-full="${name}"]`);
      await trap.watched.full.waitFor();
      wrong.push(...(await safe(trap, `${place.name}, ${name} on the whole screen`)));
      await page.keyboard.press("Escape");
    }
    expect(await page.locator("body").innerText(), `shown on ${place.name}`).toContain("pwned(");
  }
  await page.evaluate((id) => (location.hash = `#/decision/${encodeURIComponent(id)}`), server.history.decisions[0]!.id);
  await page.locator("dialog[open] details").first().waitFor();
  await page.locator("dialog[open] details").evaluateAll((parts) => parts.forEach((part) => ((part as HTMLDetailsElement).open = true)));
  wrong.push(...(await safe(trap, "why")));
  expect(await page.locator("dialog[open]").innerText()).toContain("pwned(");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.locator("dialog[open] .palette").waitFor();
  wrong.push(...(await safe(trap, "palette")));
  await page.keyboard.press("Escape");
  await pressed(page, "[data-test=analyse]");
  await page.locator(".notice").waitFor();
  wrong.push(...(await safe(trap, "notice")));

  expect(wrong).toEqual([]);
});

test("what is wrong with an instance fits a phone, however long it says so", async () => {
  const server = await stage.standIn();
  const flood = new Flood();
  server.health = { status: "degraded", problem: "x" };
  server.changed = (path, body) => flood.over(path, body);
  const { watched } = await trapped(server, "phone");

  await watched.page.goto(server.url);
  // Looked at in each frame: the first minute that is told ends it.
  const width = await watched.page.waitForFunction(() => document.querySelector(".banner") && [document.documentElement.scrollWidth, document.documentElement.clientWidth]);

  const [wide, edge] = (await width.jsonValue()) as [number, number];
  expect(wide).toBe(edge);
});

test("a pair with a hostile name is chosen and shown like any other", async () => {
  const server = await stage.standIn();
  const flood = new Flood(SYMBOLS[2]);
  server.changed = (path, body) => flood.over(path, body);
  const trap = await trapped(server);
  const { page } = trap.watched;
  await trap.watched.visit();
  await page.evaluate((symbol) => localStorage.setItem("semsig-symbol", symbol), FOREIGN_SYMBOL);
  await page.reload();
  await trap.watched.live();
  const wrong: string[] = [];
  for (const place of PAGES) {
    await trap.watched.go(place);
    wrong.push(...(await safe(trap, place.name)));
  }

  expect(await page.locator("body").innerText()).toContain(FOREIGN_SYMBOL);
  expect(wrong).toEqual([]);
});

test("what an API says when it fails is text wherever it is said", async () => {
  const server = await stage.standIn();
  const trap = await trapped(server);
  const { page } = trap.watched;
  await trap.watched.visit();
  server.refusing = { type: "about:blank", title: PAYLOADS[0]!, status: 503, detail: PAYLOADS.join("\n\n") };
  const wrong: string[] = [];
  for (const place of PAGES) {
    await trap.watched.go(place);
    wrong.push(...(await safe(trap, place.name)));
  }
  await pressed(page, "[data-test=analyse]");
  await page.locator(".notice").waitFor();
  await page.evaluate(() => (location.hash = "#/decision/none"));
  await page.locator("dialog[open]").waitFor();
  wrong.push(...(await safe(trap, "why and notice")));

  expect(await page.locator("dialog[open]").innerText()).toContain("pwned(");
  // The browser itself names each answer that failed.
  expect(wrong.filter((fault) => !/Failed to load resource/.test(fault))).toEqual([]);
});
