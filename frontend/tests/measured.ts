/** How quick, how small and how smooth the page is, before a stand-in with ten thousand of everything: one JSON line, for `make bench`. */
import type { CDPSession, Page } from "playwright-core";
import { LARGE } from "./history";
import { PAGES, WIDTHS, type Width } from "./browser/pages";
import { Stage } from "./browser/stage";
import type { StandIn } from "./stand-in";

const [LOADS, FACTS] = [5, 240];
const told: Record<string, number[]> = {};
const keep = (name: string, ...values: number[]): void => void (told[name] = [...(told[name] ?? []), ...values]);

interface Seen { firstPaint: number; data: number; shift: number; longExcess: number; lastTask: number }

/** Put into the page before anything of it runs. */
function watching(): void {
  const seen = { firstPaint: 0, data: 0, shift: 0, longExcess: 0, lastTask: 0 };
  Object.assign(window, { seen });
  const observe = (type: string, took: (entry: PerformanceEntry) => void): void =>
    new PerformanceObserver((list) => list.getEntries().forEach(took)).observe({ type, buffered: true });
  observe("paint", (entry) => entry.name === "first-contentful-paint" && (seen.firstPaint = entry.startTime));
  observe("layout-shift", (entry) => {
    const { value, hadRecentInput } = entry as PerformanceEntry & { value: number; hadRecentInput: boolean };
    if (!hadRecentInput) seen.shift += value;
  });
  observe("longtask", ({ startTime, duration }) => {
    seen.longExcess += duration - 50;
    seen.lastTask = startTime + duration;
  });
  const look = (): void => {
    if (/\d/.test(document.querySelector("[data-test=equity] .value")?.textContent ?? "")) seen.data = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

async function load(stage: Stage, server: StandIn, width: Width): Promise<void> {
  server.asked = [];
  const watched = await stage.page(server.url, { width, before: (page) => page.addInitScript(watching) });
  const { page } = watched;
  const cdp = await page.context().newCDPSession(page);
  await watched.visit();
  await page.waitForTimeout(700); // what draws late moves late
  const seen = await page.evaluate(() => (window as unknown as { seen: Seen }).seen);
  const scripts = await page.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(".js")).reduce((sum, entry) => sum + (entry as PerformanceResourceTiming).encodedBodySize, 0));
  const on = ` at ${WIDTHS[width].width}`;
  keep(`first paint${on}`, seen.firstPaint);
  keep(`data visible${on}`, seen.data);
  keep(`layout shift${on}`, seen.shift);
  keep(`long-task excess${on}`, seen.longExcess);
  keep(`requests${on}`, watched.requested.filter((url) => !url.startsWith("blob:") && !url.startsWith("data:")).length);
  keep(`snapshot calls${on}`, server.asked.filter((asked) => asked.startsWith("GET /api/state")).length);
  keep(`third-party requests${on}`, watched.foreign.length);
  keep(`JavaScript until idle, gzip${on}`, scripts / 1000);
  keep(`elements${on}`, await page.evaluate(() => document.querySelectorAll("*").length));
  keep(`heap${on}`, await heap(cdp));
  await stage.after();
}

async function heap(cdp: CDPSession): Promise<number> {
  await cdp.send("HeapProfiler.enable");
  await cdp.send("HeapProfiler.collectGarbage");
  const { usedSize } = (await cdp.send("Runtime.getHeapUsage")) as { usedSize: number };
  return usedSize / 1e6;
}

/** From the moment a fact is put into the socket until the frame that shows it has been drawn. */
async function latency(page: Page, server: StandIn): Promise<void> {
  await page.evaluate(() => {
    const drawn: [string, number][] = [];
    Object.assign(window, { drawn });
    const now = (): number => performance.timeOrigin + performance.now();
    const where = (): string => document.querySelector("[data-test=equity] .value")?.textContent?.trim().split(/\s/)[0] ?? "";
    let last = where();
    // After the frame's own work: a task that the frame's callback posts runs when it has been painted.
    const painted = (text: string): void => void requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => drawn.push([text, now()]);
      port2.postMessage(null);
    });
    new MutationObserver(() => {
      const text = where();
      if (text !== last) painted((last = text));
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  const skew = await clockSkew(page);
  const sent = new Map<string, number>();
  for (let count = 0; count < FACTS; count += 1) {
    const equity = (20_000 + count * 1.01).toFixed(2);
    const fact = { ...server.history.minute(count, count / 1e5), equity_quote: equity };
    sent.set(Number(equity).toLocaleString("en-US", { minimumFractionDigits: 2 }), performance.timeOrigin + performance.now());
    server.tell(fact);
    await new Promise((later) => setTimeout(later, 40 + (count * 7) % 23)); // not in step with the frames
  }
  await page.waitForTimeout(500);
  const drawn = await page.evaluate(() => (window as unknown as { drawn: [string, number][] }).drawn);
  const took = drawn.flatMap(([text, at]) => (sent.has(text) ? [at - skew - sent.get(text)!] : [])).sort((one, other) => one - other);
  if (took.length < 200) throw new Error(`only ${took.length} of ${FACTS} facts were seen`);
  keep("fact to pixel, each", ...took);
  keep("fact to pixel, 99th of 100", took[Math.floor(took.length * 0.99)]!);
}

/** By how much the page's clock is ahead of ours: of many questions the quickest answer tells it best. */
async function clockSkew(page: Page): Promise<number> {
  let best = { took: Infinity, skew: 0 };
  for (let round = 0; round < 30; round += 1) {
    const before = performance.timeOrigin + performance.now();
    const there = await page.evaluate(() => performance.timeOrigin + performance.now());
    const took = performance.timeOrigin + performance.now() - before;
    if (took < best.took) best = { took, skew: there - (before + took / 2) };
  }
  return best.skew;
}

/** Frames while a list is scrolled through, as far down in each as a fast wheel turns. */
async function scrolling(page: Page, name: string): Promise<void> {
  const found = page.locator(`[data-panel=${name}] [data-scroller]`);
  if (!(await found.count())) return;
  const frames = await found.evaluate((scroller) => new Promise<number[]>((done) => {
    const frames: number[] = [];
    let last = performance.now();
    const frame = (now: number): void => {
      frames.push(now - last);
      last = now;
      scroller.scrollTop += 600;
      if (frames.length < 240) requestAnimationFrame(frame);
      else done(frames.slice(1));
    };
    requestAnimationFrame(frame);
  }));
  keep(`scrolling ${name}, each frame`, ...frames);
  keep(`scrolling ${name}, 95th of 100 frames`, frames.sort((one, other) => one - other)[Math.floor(frames.length * 0.95)]!);
}

async function burst(page: Page, server: StandIn): Promise<void> {
  await page.evaluate(() => {
    const pace = { longest: 0 };
    Object.assign(window, { pace });
    let last = performance.now();
    const frame = (now: number): void => {
      pace.longest = Math.max(pace.longest, now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  server.tell(...server.history.facts(1000));
  const newest = server.history.decisions[0]!.id;
  await page.locator(`a[href*="${encodeURIComponent(newest)}"]`).first().waitFor();
  await page.waitForTimeout(300);
  keep("longest frame in a burst of 1,000 facts", await page.evaluate(() => (window as unknown as { pace: { longest: number } }).pace.longest));
}

const stage = new Stage();
await stage.begin();
try {
  const server = await new (await import("./stand-in")).StandIn(LARGE).open();
  for (let round = 0; round < LOADS; round += 1) for (const width of ["desktop", "phone"] as const) await load(stage, server, width);
  const watched = await stage.page(server.url);
  await watched.visit();
  server.quiet();
  await latency(watched.page, server);
  await burst(watched.page, server);
  for (const name of ["decisions", "memory"]) {
    const place = PAGES.find(({ panels }) => panels.includes(name));
    if (place) await watched.go(place);
    if (place) await scrolling(watched.page, name);
  }
  await stage.after();
  await server.close();
} finally {
  await stage.end();
}
console.log(JSON.stringify(told));
