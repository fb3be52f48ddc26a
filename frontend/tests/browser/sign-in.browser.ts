/** The hosted dashboard in a real Chromium, under its own content security policy; pytest starts what it needs. */
import { mkdirSync } from "node:fs";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PAGES } from "./pages";

const url = process.env["SEMSIG_HOSTED"] ?? "";
if (!url) throw new Error("SEMSIG_HOSTED names the site to test; pytest starts one of its own");
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
}

async function visit(size: keyof typeof WIDTHS, theme: "dark" | "light"): Promise<Visit> {
  const phone = size === "phone";
  const context = await browser.newContext({ viewport: WIDTHS[size], colorScheme: theme, isMobile: phone, hasTouch: phone, reducedMotion: "reduce" });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    // A decision of which the archive kept no picture is no fault of the page; nor is the icon of the pool's page.
    const isNone = /chart\.png$|favicon\.ico$/.test(message.location().url);
    if (["error", "warning"].includes(message.type()) && !isNone) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  return { page, context, complaints };
}

async function signIn(page: Page, email = "ada@example.org"): Promise<void> {
  await page.goto(url);
  await page.locator("[data-test=sign-in]").click();
  await page.getByLabel("E-mail").fill(email);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("Live", { exact: true }).waitFor();
}

async function violations(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")} ${failureSummary ?? ""}`));
}

/** Whether the browser still has the picture of an address. */
const shown = (source: string): Promise<string> =>
  new Promise((say) => Object.assign(new Image(), { src: source, onload: () => say("kept"), onerror: () => say("gone") }));

const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** Over all pages by their links: every panel is there, has something to say, does not wait for ever and does not fail. */
async function walked(page: Page): Promise<string[]> {
  const wrong: string[] = [];
  for (const { name, path, panels } of PAGES) {
    await page.locator(`nav a[href="${path.slice(1)}"]`).click();
    for (const panel of panels) {
      const place = page.locator(`main [data-panel=${panel}], main .panel.${panel}`).first();
      await place.waitFor();
      await place.scrollIntoViewIfNeeded();
      await expect.poll(() => place.locator("[aria-busy=true]").count(), { timeout: 20_000, message: `${panel} is told` }).toBe(0);
      const text = await place.innerText();
      if (text.length < 20 || /Could not|NaN|undefined|Not Found|not told\. /.test(text)) wrong.push(`${name}: ${panel}: ${text.slice(0, 200)}`);
    }
    const wide = await overflow(page);
    if (wide > 0) wrong.push(`${name} is ${wide} px too wide`);
  }
  return wrong;
}

describe.each(["desktop", "phone"] as const)("on a %s", (size) => {
  test.each(["dark", "light"] as const)("the %s sign-in page is accessible, quiet and fits", async (theme) => {
    const { page, context, complaints } = await visit(size, theme);

    await page.goto(url);
    await page.locator("[data-test=sign-in]").waitFor();
    await page.screenshot({ path: `${shots}sign-in-${size}-${theme}.png` });

    expect(await page.locator("main").innerText()).toContain("Educational, paper trading only.");
    expect(await violations(page)).toEqual([]);
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    expect(complaints).toEqual([]);
    await context.close();
  });

  test("somebody signs in, sees the figures, and is gone after signing out", async () => {
    const { page, context, complaints } = await visit(size, "dark");

    await signIn(page);
    await page.locator("price-chart canvas").first().waitFor();
    await page.locator("equity-chart canvas").first().waitFor();
    expect(await page.locator("[data-test=equity] .value").innerText()).toMatch(/^[\d,]+\.\d{2}/);
    expect(new URL(page.url()).search).toBe("");
    expect(await violations(page)).toEqual([]);
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    await page.screenshot({ path: `${shots}signed-in-${size}.png` });
    expect(await walked(page)).toEqual([]);
    await page.reload();
    await page.getByText("Live", { exact: true }).waitFor();

    await page.getByRole("button", { name: "Sign out ada@example.org" }).click();
    await page.locator("[data-test=sign-in]").waitFor();

    await expect.poll(() => page.evaluate(() => sessionStorage.length)).toBe(0);
    expect(await page.locator(".headline").count()).toBe(0);
    await page.reload();
    await page.locator("[data-test=sign-in]").waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });
});

describe("with the keyboard", () => {
  test("the sign-in is reached, and comes back to the decision that was linked", async () => {
    const { page, context } = await visit("desktop", "dark");
    await signIn(page);
    await page.keyboard.press("2");
    const link = await page.locator(".decision").first().getAttribute("href");
    await page.locator("[data-test=sign-out]").click();
    await page.locator("[data-test=sign-in]").waitFor();

    await page.goto(`${url}/${link}`);
    await page.reload();
    const button = page.locator("[data-test=sign-in]");
    await button.waitFor();
    for (let stops = 0; stops < 4 && !(await button.evaluate((found) => found === document.activeElement)); stops += 1) await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByLabel("E-mail").fill("ada@example.org");
    await page.keyboard.press("Enter");

    await page.locator("dialog.why details").first().waitFor();
    expect(page.url()).toContain("#/decision/");
    await context.close();
  });
});

describe("what needs the token", () => {
  test("the picture of a decision comes through the API, and is let go with its dialog", async () => {
    const { page, context, complaints } = await visit("desktop", "light");
    await signIn(page);

    await page.keyboard.press("2");
    await page.locator(".decision").first().click();
    const picture = page.locator("dialog.why img.picture");
    await picture.waitFor({ timeout: 30_000 });
    await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(100);
    const address = (await picture.getAttribute("src")) ?? "";
    expect(address).toMatch(/^blob:/);
    expect(await page.evaluate(shown, address)).toBe("kept");
    expect(await violations(page)).toEqual([]);
    await page.screenshot({ path: `${shots}signed-in-why.png` });
    await page.keyboard.press("Escape");
    await picture.waitFor({ state: "detached" });

    expect(complaints).toEqual([]);
    expect(await page.evaluate(shown, address)).toBe("gone");
    await context.close();
  });

  test("whoever may not act is told why", async () => {
    const { page, context } = await visit("desktop", "dark");
    await signIn(page, "guest@example.org");

    const analyse = page.locator("[data-test=analyse]");
    expect(await analyse.getAttribute("aria-disabled")).toBe("true");
    await analyse.click({ force: true });
    expect(await page.locator(".notice").innerText()).toContain("group “admin”");
    await page.screenshot({ path: `${shots}signed-in-guest.png` });
    await context.close();
  });

  test("whoever may act does", async () => {
    const { page, context } = await visit("phone", "light");
    await signIn(page);

    await page.locator("[data-test=analyse]").click();
    await expect.poll(() => page.locator(".notice").innerText(), { timeout: 10_000 }).toMatch(/being analysed|waits for|Why/);
    expect(await page.locator(".notice.down").count()).toBe(0);
    await context.close();
  });

  test("a session that is refused leads back to the sign-in, in words", async () => {
    const { page, context } = await visit("desktop", "dark");
    await signIn(page);

    await page.route("**/oauth2/token", (route) => route.fulfill({ status: 400, json: { error: "invalid_grant" }, headers: { "access-control-allow-origin": "*" } }));
    await page.route("**/api/**", (route) => route.fulfill({ status: 401, json: { message: "Unauthorized" } }));
    await page.locator("[data-test=analyse]").click();

    await page.getByRole("alert").waitFor();
    expect(await page.getByRole("alert").innerText()).toBe("Your session has ended. Sign in again.");
    expect(await violations(page)).toEqual([]);
    await page.screenshot({ path: `${shots}sign-in-ended.png` });
    await context.close();
  });

  test("a broken configuration is said on the page", async () => {
    const { page, context } = await visit("phone", "light");
    await page.route("**/config.json", (route) => route.fulfill({ json: { stage: "dev", socket: "wss://example.org" } }));

    await page.goto(url);

    await page.getByRole("alert").waitFor();
    expect(await page.getByRole("alert").innerText()).toContain("Its /config.json is wrong: signIn must be an object, was missing.");
    expect(await violations(page)).toEqual([]);
    await page.screenshot({ path: `${shots}config-broken.png` });
    await context.close();
  });
});
