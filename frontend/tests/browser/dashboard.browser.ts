/** The dashboard in a real Chromium, against a running instance: `SEMSIG_URL=http://127.0.0.1:8000 npm run test:browser`. */
import { mkdirSync } from "node:fs";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const url = process.env["SEMSIG_URL"] ?? "";
if (!url) throw new Error("SEMSIG_URL names the instance to test; pytest starts one of its own");
const shots = new URL("../../screenshots/", import.meta.url).pathname;
const WIDTHS = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync",
];

let browser: Browser;

beforeAll(async () => {
  mkdirSync(shots, { recursive: true });
  browser = await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: FLAGS });
});
afterAll(() => browser.close());

interface Visit {
  page: Page;
  context: BrowserContext;
  complaints: string[];
  requested: string[];
}

async function visit(size: keyof typeof WIDTHS, theme: "dark" | "light", path = "/"): Promise<Visit> {
  const phone = size === "phone";
  const context = await browser.newContext({ viewport: WIDTHS[size], colorScheme: theme, isMobile: phone, hasTouch: phone, reducedMotion: "reduce" });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requested: string[] = [];
  page.on("console", (message) => {
    // A decision of which the archive kept no picture is no fault of the page.
    const noPicture = message.location().url.endsWith("/chart.png");
    if (["error", "warning"].includes(message.type()) && !noPicture) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => requested.push(request.url()));
  page.on("websocket", (socket) => requested.push(socket.url()));
  await page.goto(new URL(path, url).href);
  await page.getByText("Live", { exact: true }).waitFor();
  await page.locator("price-chart canvas").first().waitFor();
  await page.locator("equity-chart canvas").first().waitFor();
  return { page, context, complaints, requested };
}

async function violations(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")} ${failureSummary ?? ""}`));
}

function foreign(requested: readonly string[]): string[] {
  const own = new URL(url).host;
  return requested.filter((each) => !/^(data|blob):/.test(each) && new URL(each).host !== own);
}

describe("a visit with mouse and keyboard", () => {
  test("shows the headline, changes symbol, opens a why, closes it with Escape, toggles the theme and forces an analysis", async () => {
    const { page, context, complaints, requested } = await visit("desktop", "dark");

    expect(await page.locator("[data-test=equity] .value").innerText()).toMatch(/^[\d,]+\.\d{2}/);
    expect(await page.locator("[data-test=trade]").count()).toBeGreaterThanOrEqual(1);
    await expect.poll(() => page.getByText("PAPER", { exact: true }).isVisible()).toBe(true);

    const symbols = page.locator(".ticker");
    if ((await symbols.count()) > 1) {
      const other = symbols.nth(1);
      await other.click();
      const name = await other.getAttribute("data-symbol");
      await expect.poll(() => page.locator("#price-title").innerText()).toContain(name);
      await expect.poll(() => page.locator("#price-words").innerText()).toContain(`candles of ${name}`);
    }

    const decision = page.locator(".decision").first();
    await decision.focus();
    await page.keyboard.press("Enter");
    const why = page.locator("dialog.why");
    await why.locator("details").first().waitFor();
    expect(await why.locator("#why-title").innerText()).toContain("Why");
    expect(page.url()).toContain("#/decision/");
    expect(await violations(page)).toEqual([]);
    await page.screenshot({ path: `${shots}why-desktop-dark.png` });
    await page.keyboard.press("Escape");
    await expect.poll(() => why.isVisible()).toBe(false);
    await expect.poll(() => page.url()).not.toContain("#/decision/");

    await page.locator("[data-test=theme]").click();
    expect(await page.evaluate(() => document.documentElement.dataset["theme"])).toBe("light");
    await page.reload();
    await page.getByText("Live", { exact: true }).waitFor();
    expect(await page.evaluate(() => document.documentElement.dataset["theme"])).toBe("light");

    await page.locator("[data-test=analyse]").click();
    await expect.poll(() => page.locator(".notice").innerText(), { timeout: 10_000 }).toMatch(/being analysed|waits for|Why/);
    expect(await page.locator(".notice.down").count()).toBe(0);

    expect(foreign(requested)).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });

  test("a decision has a permalink", async () => {
    const first = await visit("desktop", "dark");
    const link = await first.page.locator(".decision").first().getAttribute("href");
    await first.context.close();

    const { page, context } = await visit("desktop", "dark", `/${link}`);
    await page.locator("dialog.why details").first().waitFor();
    expect(await page.locator("dialog.why").isVisible()).toBe(true);
    await context.close();
  });

  test("the first stop of the keyboard skips to the figures", async () => {
    const { page, context } = await visit("desktop", "dark");

    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain("Skip");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("main");
    await context.close();
  });

  test("loads within twenty requests, all of them its own", async () => {
    const { page, context, requested } = await visit("desktop", "dark");
    const loaded = [...requested];

    expect(loaded.length).toBeLessThanOrEqual(20);
    expect(foreign(loaded)).toEqual([]);
    expect(await page.locator("script:not([src])").count()).toBe(0);
    await context.close();
  });

  test("says within seconds that it is cut off, and recovers by itself", async () => {
    const { page, context } = await visit("desktop", "dark");

    await context.setOffline(true);
    await page.locator(".banner.down").waitFor({ timeout: 15_000 });
    expect(await page.locator("main").getAttribute("class")).toContain("stale");
    await context.setOffline(false);
    await page.getByText("Live", { exact: true }).waitFor({ timeout: 15_000 });
    expect(await page.locator("main").getAttribute("class")).not.toContain("stale");
    await context.close();
  });
});

describe.each(["desktop", "phone"] as const)("on a %s", (size) => {
  test.each(["dark", "light"] as const)("the %s page is accessible, quiet and fits", async (theme) => {
    const { page, context, complaints, requested } = await visit(size, theme);
    await page.waitForTimeout(1200);

    await page.screenshot({ path: `${shots}${size}-${theme}.png` });
    await page.screenshot({ path: `${shots}${size}-${theme}-full.png`, fullPage: true });
    const found = await violations(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

    expect(found).toEqual([]);
    expect(wide).toBeLessThanOrEqual(0);
    expect(foreign(requested)).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });
});
