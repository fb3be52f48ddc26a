/** Every panel of every page, filled, folded, given the whole screen and left, by keyboard alone, at both widths. Each test goes
 * through all pages before it says what was wrong. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { EACH, PAGES, WIDTHS, type Theme, type Width } from "./pages";
import { Stage, type Watched } from "./stage";

const stage = new Stage();
beforeAll(() => stage.begin());
afterEach(() => stage.after());
afterAll(() => stage.end());

const BOTH = Object.keys(WIDTHS) as Width[];

test.each(EACH)("on a %s, %s, all that can be seen is filled, quiet, accessible and no wider than the screen", async (width, theme) => {
  const server = await stage.standIn();
  const watched = await stage.page(server.url, { width, theme });
  await watched.visit();
  const wrong: string[] = [];
  for (const place of PAGES) {
    await watched.go(place);
    const there = await watched.panels();
    const missing = place.panels.filter((name) => !there.includes(name)).map((name) => `${name} is missing`);
    wrong.push(...on(place.name, [...missing, ...(await hollow(watched.page)), ...(await unfit(watched, theme))]));
  }
  await watched.go(PAGES[0]!);
  const acted = server.history.decisions.find(({ action }) => action === "BUY" || action === "SELL")!;
  wrong.push(...(await opened(watched, acted.id, theme)));

  expect(wrong).toEqual([]);
  expect(watched.foreign).toEqual([]);
  expect(watched.complaints).toEqual([]);
});

test.each(BOTH)("by keyboard alone on a %s every stop is in sight, and each panel is folded, opened, given the whole screen and put back", async (width) => {
  const server = await stage.standIn();
  const watched = await stage.page(server.url, { width });
  await watched.visit();
  const wrong: string[] = [];
  for (const place of PAGES) {
    await watched.go(place);
    const names = await watched.panels();
    wrong.push(...on(place.name, [...(names.length ? [] : ["no panel folds"]), ...(await stops(watched.page))]));
    for (const name of names) await handled(watched, name).catch((fault: unknown) => wrong.push(`${place.name}: ${name}: ${String(fault).slice(0, 400)}`));
  }

  expect(wrong).toEqual([]);
  expect(watched.complaints).toEqual([]);
});

/** What opens above the page: each is accessible, and Escape leads back. */
async function opened(watched: Watched, decision: string, theme: Theme): Promise<string[]> {
  const { page } = watched;
  const wrong: string[] = [];
  const looked = async (name: string): Promise<void> => {
    wrong.push(...on(name, await unfit(watched, theme)));
    await page.keyboard.press("Escape");
    await expect.poll(() => page.locator("dialog[open]").count(), { message: `${name} closes by Escape` }).toBe(0);
  };
  await page.evaluate((id) => (location.hash = `#/decision/${encodeURIComponent(id)}`), decision);
  await page.locator("dialog[open] details").first().waitFor();
  await watched.settled();
  await looked("why");
  for (const [key, name] of [["?", "help"], ["Control+k", "palette"]] as const) {
    await page.keyboard.press(key);
    await page.locator("dialog[open] .sheet, dialog[open] .palette").waitFor();
    await looked(name);
  }
  return wrong;
}

const on = (name: string, faults: readonly string[]): string[] => faults.map((fault) => `${name}: ${fault}`);

/** Between the themes nothing but colours differs. */
async function unfit(watched: Watched, theme: Theme): Promise<string[]> {
  return [...(await watched.violations(theme === "light")), ...(await watched.overhang())];
}

/** Panels that show nothing, an endless wait, or a failure where there are figures to show. */
async function hollow(page: Page): Promise<string[]> {
  return page.locator("main section.panel").evaluateAll((panels) => panels.flatMap((panel) => {
    const name = panel.className;
    const text = (panel as HTMLElement).innerText.trim();
    const odd = /.{0,30}(NaN|undefined|\[object|Infinity|Invalid Date).{0,30}/.exec(text);
    if (panel.querySelector("[aria-busy=true], .skeleton")) return [`${name} is still loading`];
    if (panel.querySelector(".empty")) return [`${name} is empty: ${panel.querySelector(".empty")?.textContent?.trim().slice(0, 80)}`];
    if (/Could not/.test(text)) return [`${name} failed: ${/Could not.{0,80}/.exec(text)?.[0]}`];
    if (odd) return [`${name} shows what is no figure: ${odd[0]}`];
    return text.length > 10 ? [] : [`${name} shows nothing`];
  }));
}

/** One panel by keyboard alone: closed, open, on the whole screen, and back with the focus where it was. */
async function handled(watched: Watched, name: string): Promise<void> {
  const { page } = watched;
  const soon = { timeout: 4000 };
  const focused = (): Promise<string> => page.evaluate(() => {
    const { fold, full } = (document.activeElement as HTMLElement).dataset;
    return fold ? `fold ${fold}` : full ? `full ${full}` : document.activeElement!.tagName;
  });
  const bodies = (): Promise<number> => watched.panel(name).locator("> :not(.panel-head)").count();
  const [fold, before] = [page.locator(`main button[data-fold="${name}"]`), await bodies()];
  expect(before, "has a body").toBeGreaterThan(0);

  await fold.focus();
  await page.keyboard.press("Enter");
  await expect.poll(() => fold.getAttribute("aria-expanded"), { ...soon, message: "folds" }).toBe("false");
  expect(await bodies(), "hides its body").toBe(0);
  await expect.poll(focused, { ...soon, message: "keeps the focus when folded" }).toBe(`fold ${name}`);
  expect(await watched.overhang(), "fits when folded").toEqual([]);
  await page.keyboard.press("Space");
  await expect.poll(bodies, { ...soon, message: "opens again" }).toBe(before);
  // The page gives the focus back when it has drawn.
  await watched.settled();
  expect(await focused(), "keeps the focus when opened").toBe(`fold ${name}`);

  await page.locator(`main [data-full="${name}"]`).focus();
  await page.keyboard.press("Enter");
  await watched.full.waitFor(soon);
  await expect.poll(focused, { ...soon, message: "takes the focus along" }).toBe(`full ${name}`);
  await watched.settled();
  expect(await bodies(), "is filled on the whole screen").toBeGreaterThan(0);
  const share = await watched.full.evaluate((slot) => [slot.getBoundingClientRect().width / innerWidth, slot.getBoundingClientRect().height / innerHeight]);
  expect(Math.min(...share), "has the whole screen").toBeGreaterThan(0.95);
  expect(await watched.overhang(), "on the whole screen").toEqual([]);
  await page.keyboard.press("Escape");
  await expect.poll(() => watched.full.count(), { ...soon, message: "is left by Escape" }).toBe(0);
  await expect.poll(focused, { ...soon, message: "gives the focus back" }).toBe(`full ${name}`);
  expect(await bodies(), "stands on its page again").toBe(before);

  if (name !== "headline") return;
  const address = page.url();
  await page.keyboard.press("Enter");
  await watched.full.waitFor(soon);
  await page.evaluate(() => history.back());
  await expect.poll(() => watched.full.count(), { ...soon, message: "is left by Back" }).toBe(0);
  expect(page.url(), "and the page is not").toBe(address);
}

/** Tabs through the page from its beginning; what is out of sight or never reached. */
async function stops(page: Page): Promise<string[]> {
  const wanted = await page.evaluate(() => {
    const each = [...document.querySelectorAll<HTMLElement>("a[href], button:not([disabled]), select, input, textarea, summary, [tabindex='0']")];
    const stops = each.filter((found) => found.tabIndex >= 0 && found.checkVisibility() && !found.closest("dialog:not([open])"));
    stops.forEach((found, place) => found.setAttribute("data-stop", String(place)));
    // Tab goes on from where the focus was last: that shall be the beginning.
    document.body.tabIndex = -1;
    document.body.focus();
    document.body.removeAttribute("tabindex");
    return stops.map((found) => `${found.tagName} ${found.getAttribute("aria-label") ?? found.textContent?.trim().slice(0, 30)}`);
  });
  const seen = new Set<number>();
  const wrong: string[] = [];
  for (let press = 0; press < wanted.length + 3; press += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const found = document.activeElement as HTMLElement;
      const { width, height, right, left } = found.getBoundingClientRect();
      return { stop: found.dataset["stop"], body: found === document.body, hidden: width * height === 0 || right <= 0 || left >= innerWidth };
    });
    if (at.body) break;
    const place = Number(at.stop ?? -1);
    if (at.hidden) wrong.push(`a stop out of sight: ${wanted[place] ?? "unknown"}`);
    seen.add(place);
  }
  // Of a group of radio buttons or tabs only one is a stop.
  const missed = wanted.filter((_, place) => !seen.has(place));
  return missed.length > wanted.length * 0.05 ? [...wrong, `never reached: ${missed.join(" · ")}`] : wrong;
}
