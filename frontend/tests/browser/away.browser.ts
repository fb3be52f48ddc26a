/** Cut off, pulled out, restarted, asleep: what is old looks old within five seconds, and five seconds after the server is back all is
 * there and right, without a reload. No test waits for longer than that: the page's clock is put forward. */
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { History, NOW } from "../history";
import type { StandIn } from "../stand-in";
import { PAGES } from "./pages";
import { Stage, grouped, linked, type Watched } from "./stage";

const stage = new Stage();
beforeAll(() => stage.begin());
afterEach(() => stage.after());
afterAll(() => stage.end());

const WITHIN = { timeout: 5000, interval: 50 };
const HOUR_MS = 3_600_000;

/** Live, with a clock that can be put forward, and with the worst luck in every wait that is left to chance. */
async function live(server: StandIn): Promise<Watched> {
  const watched = await stage.page(server.url, {
    before: async (page) => {
      await page.clock.install({ time: NOW });
      await page.addInitScript(() => (Math.random = () => 0.999));
    },
  });
  await watched.visit(PAGES[0]);
  await watched.page.evaluate(() => Object.assign(window, { sameDocument: true }));
  return watched;
}

/** What looks fresh: figures that are not dimmed, a link that says Live, no word of how old all of it is. */
async function fresh(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const dimmed = (at: Element | null): boolean => {
      for (; at; at = at.parentElement) {
        const { opacity, filter } = getComputedStyle(at);
        if (Number(opacity) < 0.9 || /grayscale\((0\.[5-9]|1)/.test(filter)) return true;
      }
      return false;
    };
    const bright = [...document.querySelectorAll("main section.panel")].filter((panel) => !dimmed(panel)).map((panel) => panel.className);
    const [said = ""] = /[^.]*\b(heard for|as of|old)\b[^.]*\d[^.]*/.exec(document.body.innerText) ?? [];
    const claims = document.querySelector("[data-test=link]")?.textContent?.includes("Live") ? ["the link says Live"] : [];
    return [...bright, ...claims, ...(said ? [] : ["no word of how old it is"])];
  });
}

/** What is not as the server has it now. */
async function wrong(page: Page, { history }: StandIn): Promise<string[]> {
  const [equity, text, links] = [await page.locator("[data-test=equity] .value").first().innerText(), await page.locator("body").innerText(), await linked(page)];
  const known = new Set([...history.decisions, ...history.trades.map(({ decision_id: id }) => ({ id })), { id: "" }].map(({ id }) => id));
  return [
    ...(equity.includes(grouped(history.equityQuote)) ? [] : [`equity is ${equity}, not ${history.equityQuote}`]),
    ...(text.includes(`${history.statistics().wins} won`) ? [] : [`not ${history.statistics().wins} won`]),
    ...(links.includes(history.decisions[0]!.id) ? [] : ["the newest decision is not there"]),
    ...links.filter((id) => !known.has(id)).map((id) => `${id} is of another past`),
    ...((await page.locator("[data-test=link]").innerText()).includes("Live") ? [] : ["the link does not say Live"]),
    ...((await page.evaluate(() => "sameDocument" in window)) ? [] : ["the page was loaded anew"]),
    ...(await page.locator("main").evaluate((main) => (Number(getComputedStyle(main).opacity) < 0.9 ? ["still dimmed"] : []))),
  ];
}

test("cut off for a minute while facts go on, it shows its age, dims, and is whole again", async () => {
  const server = await stage.standIn();
  const { page } = await live(server);

  server.cut();
  await expect.poll(() => fresh(page), WITHIN).toEqual([]);
  server.history.facts(40);
  await page.clock.fastForward(60_000);
  await expect.poll(() => page.locator("body").innerText(), WITHIN).toMatch(/heard for (1\smin|6\d\ss)/);
  expect(await fresh(page)).toEqual([]);

  server.restart();
  await expect.poll(() => wrong(page, server), WITHIN).toEqual([]);
});

test("a cable that was pulled, where nobody says goodbye, is noticed as soon", async () => {
  const server = await stage.standIn();
  const { page } = await live(server);

  server.abandon();
  await expect.poll(() => fresh(page), WITHIN).toEqual([]);
});

test("a server that comes back with another past is believed, and nothing of the former one stays", async () => {
  const server = await stage.standIn();
  const { page } = await live(server);

  server.cut();
  await expect.poll(() => fresh(page), WITHIN).toEqual([]);
  server.restart(new History({ seed: 2, decisions: 60, trades: 9, experiences: 9 }));
  await expect.poll(() => wrong(page, server), WITHIN).toEqual([]);
});

/** A sleeping machine stops the page's timers; whether `performance.now()` counts the sleep is up to the system. */
const WAKES: readonly (readonly [string, (page: Page) => Promise<void>])[] = [
  ["with a stopwatch that slept", (page) => page.clock.setSystemTime(NOW + 3 * HOUR_MS)],
  ["with a stopwatch that ran on", (page) => page.clock.fastForward(3 * HOUR_MS)],
];

test.each(WAKES)("after three hours asleep, %s, the line that died meanwhile is not trusted", async (_, wake) => {
  const server = await stage.standIn();
  const { page } = await live(server);

  server.abandon();
  server.history.facts(80);
  await wake(page);
  await expect.poll(async () => [await fresh(page), await wrong(page, server)].some((faults) => !faults.length), { ...WITHIN, message: "what is old looks old" }).toBe(true);
  await expect.poll(() => wrong(page, server), WITHIN).toEqual([]);
});

test("it never gives up: after half an hour of refusals it is back in seconds", async () => {
  const server = await stage.standIn();
  const { page } = await live(server);

  server.cut();
  for (let minute = 0; minute < 30; minute += 1) {
    const before = server.turnedAway;
    await page.clock.fastForward(60_000);
    await expect.poll(() => server.turnedAway, { timeout: 12_000, interval: 50, message: `it still tries after ${minute + 1} minutes` }).toBeGreaterThan(before);
  }
  expect(await fresh(page)).toEqual([]);
  server.history.facts(10);
  server.restart();
  await expect.poll(() => wrong(page, server), WITHIN).toEqual([]);
});

test("an API that fails while the socket stands is said, and what it told before is not taken for new", async () => {
  const server = await stage.standIn();
  const { page } = await live(server);

  server.refusing = { type: "about:blank", title: "Service Unavailable", status: 503, detail: "the ledger does not answer" };
  server.cut();
  server.restart();
  await expect.poll(() => fresh(page), WITHIN).toEqual([]);
  server.refusing = null;
  await expect.poll(() => wrong(page, server), WITHIN).toEqual([]);
});
