/** Much at once, and much in all: the page stays quick, small and right. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { clock, day } from "../../src/format";
import { LARGE } from "../history";
import { PAGES } from "./pages";
import { Stage, grouped, linked } from "./stage";

const stage = new Stage();
beforeAll(() => stage.begin());
afterEach(() => stage.after());
afterAll(() => stage.end());

/** A page that draws each of a thousand facts by itself stands still for longer, on a slow machine too. */
const FROZEN_MS = 1000;
const MOST_ELEMENTS = 800;

interface Pace { longestTask: number; longestGap: number; drawn: number }

/** From here on: the longest task, and the longest time between two frames. */
async function paced(page: Page): Promise<() => Promise<Pace>> {
  await page.evaluate(() => {
    const pace = { longestTask: 0, longestGap: 0, drawn: 0 };
    Object.assign(window, { pace });
    new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => (pace.longestTask = Math.max(pace.longestTask, duration)))).observe({ type: "longtask" });
    let last = performance.now();
    const frame = (now: number): void => {
      pace.longestGap = Math.max(pace.longestGap, now - last);
      pace.drawn += 1;
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  return () => page.evaluate(() => (window as unknown as { pace: Pace }).pace);
}

test("a burst of a thousand facts freezes no page, and all of it is shown when it is over", async () => {
  const server = await stage.standIn({ decisions: 600, trades: 150, experiences: 150 });
  const watched = await stage.page(server.url);
  const { page } = watched;
  await watched.visit();
  const slow: string[] = [];
  for (const place of PAGES) {
    await watched.go(place);
    const pace = await paced(page);
    const minute = server.minute(true);
    server.tell(...server.history.facts(1000), minute);
    // The market's clock stands on every page, and is told last.
    await expect.poll(() => page.locator("body").innerText(), { timeout: 20_000, message: `all facts are in on ${place.name}` }).toContain(clock(minute.at).slice(0, 5));
    const { longestTask, longestGap, drawn } = await pace();
    if (Math.max(longestTask, longestGap) > FROZEN_MS || drawn < 2) slow.push(`${place.name}: longest task ${longestTask.toFixed(0)} ms, longest wait for a frame ${longestGap.toFixed(0)} ms, ${drawn} frames`);
  }
  await watched.go(PAGES[0]!);

  expect(slow).toEqual([]);
  expect(await linked(page)).toContain(server.history.decisions[0]!.id);
  await expect.poll(() => page.locator("[data-test=equity] .value").first().innerText()).toContain(grouped(server.history.equityQuote));
  expect(await page.locator("body").innerText()).toContain(grouped(String(server.history.trades.length)));
  expect(server.asked.filter((asked) => asked.startsWith("GET /api/state"))).toHaveLength(1);
  expect(watched.complaints).toEqual([]);
});

describe("ten thousand decisions and ten thousand memories", () => {
  test("no page holds more than 800 elements", async () => {
    const server = await stage.standIn(LARGE);
    const watched = await stage.page(server.url);
    await watched.visit();
    const heavy: string[] = [];
    for (const place of PAGES) {
      await watched.go(place);
      const count = await watched.page.evaluate(() => document.querySelectorAll("*").length);
      if (count > MOST_ELEMENTS) heavy.push(`${place.name}: ${count} elements`);
    }

    expect(heavy).toEqual([]);
    expect(watched.complaints).toEqual([]);
  });

  test.each([["decisions", LARGE.decisions], ["memory", LARGE.experiences]] as const)("the list of %s scrolls from the newest to the oldest", async (name, count) => {
    const server = await stage.standIn(LARGE);
    const watched = await stage.page(server.url);
    const { page } = watched;
    await watched.visit();
    await watched.go(PAGES.find(({ panels }) => panels.includes(name))!);
    const rows = page.locator(`[data-panel=${name}] [data-row]`);
    await rows.first().waitFor();
    const pace = await paced(page);

    // Whatever is loaded on the way makes the list longer: again and again to its end, until that is the oldest of all.
    await expect.poll(async () => {
      await page.locator(`[data-panel=${name}] [data-scroller]`).evaluate((scroller) => scroller.scrollTo({ top: scroller.scrollHeight }));
      return rows.evaluateAll((found) => Math.max(...found.map((row) => Number((row as HTMLElement).dataset["row"]))));
    }, { timeout: 30_000, interval: 50, message: `the oldest of ${count} is reached` }).toBe(count - 1);
    await watched.settled();
    const oldest = rows.and(page.locator(`[data-row="${count - 1}"]`));
    if (name === "decisions") expect(await oldest.locator("a").getAttribute("href")).toContain(encodeURIComponent(server.history.decisions.at(-1)!.id));
    else await expect.poll(() => oldest.innerText(), { timeout: 5000 }).toContain(day(server.history.experiences.at(-1)!.closed_at));
    expect(await page.evaluate(() => document.querySelectorAll("*").length)).toBeLessThanOrEqual(MOST_ELEMENTS);
    expect((await pace()).longestGap).toBeLessThan(FROZEN_MS);
    expect(watched.complaints).toEqual([]);
  });
});

