/** The dashboard in a real Chromium, against a running instance: `SEMSIG_URL=http://127.0.0.1:8000 npm run test:browser`. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { begin, end, foreign, shots, violations, visit } from "./visit";

beforeAll(begin);
afterAll(end);

describe("a visit with mouse and keyboard", () => {
  test("shows the headline, changes symbol, opens a why, closes it with Escape, toggles the theme and forces an analysis", async () => {
    const { page, context, complaints, requested } = await visit("desktop", "dark");

    expect(await page.locator("[data-test=equity] .value").innerText()).toMatch(/^[\d,]+\.\d{2}/);
    await expect.poll(() => page.getByText("PAPER", { exact: true }).isVisible()).toBe(true);

    const symbols = page.locator(".ticker");
    if ((await symbols.count()) > 1) {
      const other = symbols.nth(1);
      await other.click();
      const name = await other.getAttribute("data-symbol");
      await expect.poll(() => page.locator("#price-title").innerText()).toContain(name);
      await expect.poll(() => page.locator("#price-words").innerText()).toContain(`candles of ${name}`);
    }

    await page.keyboard.press("6");
    await page.locator("[data-test=trade]").first().waitFor();
    await page.keyboard.press("2");
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
    await expect.poll(() => page.url()).toContain("#/decisions");

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
    const first = await visit("desktop", "dark", "/#/decisions");
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
