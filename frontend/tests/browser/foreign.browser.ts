/** Hostile articles, figures and flags in a real Chromium: all of it stays text, and the panels around it stay usable. */
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { begin, end, foreign, shots, url, violations, visit } from "./visit";

beforeAll(begin);
afterAll(end);

/** All that our own templates make in these two panels, but for the marks on their buttons. */
const OURS = new Set(
  ("SECTION DIV H2 H3 P A BDI UL LI SPAN STRONG BUTTON DL DT DD TABLE CAPTION THEAD TBODY TR TH TD").split(" "),
);
const EVIL = "javascript:alert(document.domain)";

async function strange(page: Page): Promise<string[]> {
  const tags = await page.locator(".panel.news, .panel.market").evaluateAll((panels) => panels.flatMap((panel) => [...panel.querySelectorAll("*:not(.tools *)")].map((found) => found.tagName)));
  return [...new Set(tags)].filter((tag) => !OURS.has(tag));
}

/** Addresses that a click on anything of the page may follow. */
async function addresses(page: Page): Promise<string[]> {
  return page.locator("a").evaluateAll((links) => links.map((link) => (link as HTMLAnchorElement).protocol));
}

async function unfit(page: Page): Promise<string[]> {
  return page.evaluate(() => [...document.querySelectorAll(".panel.news *, .panel.market *")]
    .filter((found) => found.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map((found) => `${found.tagName} ${found.textContent?.slice(0, 40)}`));
}

/** What a defect of the server would let through: the page does not rely on it. */
async function unguarded(page: Page): Promise<void> {
  await page.route("**/api/news", async (route) => {
    const told = await (await route.fetch()).json();
    const [first] = told.articles;
    const worse = [EVIL, " JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "data:text/html,<script>alert(1)</script>", "//evil.example/", "https://you:word@evil.example/"];
    told.articles = worse.map((address, index) => ({ ...first, id: `worse${index}`, url: address, title: `\u202e\u2066worse <img src=x onerror=alert(1)> ${"W".repeat(5000)}` }));
    await route.fulfill({ json: told });
  });
}

describe.each([["desktop", "dark"], ["desktop", "light"], ["phone", "dark"], ["phone", "light"]] as const)("on a %s, %s", (size, theme) => {
  test("what strangers wrote is text: no dialog, no element, no request, no complaint", async () => {
    const { page, context, complaints, requested } = await visit(size, theme, "/#/market");
    await page.locator(".panel.news .article").first().waitFor();
    await page.locator(".panel.market .book").waitFor();
    await page.waitForTimeout(600);

    await page.locator("main").screenshot({ path: `${shots}foreign-${size}-${theme}.png` });
    expect(await page.locator(".panel.news").innerText()).toContain("<script>alert(1)</script>");
    expect(await page.locator(".panel.news").innerText()).toContain("[click](javascript:alert(1))");
    expect(await strange(page)).toEqual([]);
    expect(new Set(await addresses(page))).toEqual(new Set(["http:", "https:"]));
    expect(await page.locator(".panel.news .article a:not([rel='noopener noreferrer nofollow'])").count()).toBe(0);
    expect(await page.locator(".panel.news .article a:not([target=_blank])").count()).toBe(0);
    expect(await page.locator("script:not([src])").count()).toBe(0);
    expect(await unfit(page)).toEqual([]);
    expect(await violations(page)).toEqual([]);
    expect(foreign(requested)).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });
});

test("the page trusts no address, whoever tells it", async () => {
  const { page, context, complaints, requested } = await visit("phone", "dark", "/#/market", unguarded);
  await page.locator(".panel.news .article").nth(3).waitFor();

  const worse = page.locator(".panel.news .article", { hasText: "worse" });
  expect(await worse.count()).toBeGreaterThanOrEqual(4);
  expect(await worse.locator("a").count()).toBe(0);
  expect(await strange(page)).toEqual([]);
  expect(await unfit(page)).toEqual([]);
  expect(foreign(requested)).toEqual([]);
  expect(complaints).toEqual([]);
  await context.close();
});

/** All that a reply in Markdown may become. */
const DRAWN = new Set(("P BR HR STRONG EM DEL CODE PRE BLOCKQUOTE UL OL LI H3 A TABLE THEAD TBODY TR TH TD").split(" "));

test("what a model wrote is drawn as Markdown, and nothing of it acts, loads, dresses up or leads astray", async () => {
  const { page, context, complaints, requested } = await visit("desktop", "dark", "/#/mind");
  await page.locator("semsig-thoughts").scrollIntoViewIfNeeded();
  const drawn = page.locator(".thoughts .markdown");
  await drawn.locator("strong", { hasText: "bold of a model" }).waitFor();

  const found = await drawn.locator("*").evaluateAll((all) => all.map((one) => [one.tagName, one.getAttributeNames().join(" "), one.getAttribute("href") ?? "", one.getAttribute("rel") ?? ""] as const));
  expect(found.map(([tag]) => tag).filter((tag) => !DRAWN.has(tag))).toEqual([]);
  expect(new Set(found.map(([, names]) => names))).toEqual(new Set(["", "href rel"]));
  expect(found.filter(([tag]) => tag === "A").map(([, , href, rel]) => [href, rel])).toEqual([["https://example.org/a", "noopener nofollow ugc"]]);
  expect(await drawn.innerText()).toContain("<img src=x onerror=alert(1)>");
  expect(await violations(page)).toEqual([]);
  await page.locator("semsig-thoughts").screenshot({ path: `${shots}foreign-thoughts.png` });

  await page.getByRole("button", { name: "Changes" }).click();
  await page.locator(".thoughts .changes .added .mark", { hasText: "+" }).first().waitFor();
  await page.locator(".thoughts .changes .removed .mark", { hasText: "−" }).first().waitFor();
  await page.getByRole("tab", { name: "Reply" }).focus();
  await page.keyboard.press("ArrowRight");
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Prompt");
  expect(foreign(requested)).toEqual([]);
  expect(complaints).toEqual([]);
  await context.close();
});

test("a decision in which strangers wrote is told as one story, and its chart is looked at from near by keyboard alone", async () => {
  const { page, context, complaints, requested } = await visit("desktop", "light", "/#/decisions");
  await page.locator(".decision", { hasText: "BTC" }).first().click();
  const why = page.locator("dialog.why");
  await why.locator("img.picture").waitFor({ timeout: 30_000 });

  expect(await why.locator(".story-steps button").allInnerTexts()).toHaveLength(12);
  expect(await why.locator("iframe, script, svg svg, img:not(.picture)").count()).toBe(0);
  expect(new Set(await addresses(page))).toEqual(new Set(["http:", "https:"]));
  expect(await violations(page)).toEqual([]);
  await why.locator("[data-step=result]").click();
  await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe("stage-result");

  await why.locator(".picture-open").focus();
  await page.keyboard.press("Enter");
  const box = page.getByRole("dialog", { name: "BTC/USDC 4h" });
  await box.waitFor();
  await page.keyboard.press("+");
  await expect.poll(() => box.locator("output").innerText()).toBe("140 %");
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press("0");
  await expect.poll(() => box.locator("output").innerText()).toBe("100 %");
  await page.keyboard.press("Escape");
  await expect.poll(() => box.count()).toBe(0);
  expect(await why.isVisible()).toBe(true);
  expect(await page.evaluate(() => document.activeElement?.className)).toBe("picture-open");

  const [file] = await Promise.all([page.waitForEvent("download"), why.locator("[data-test=why-export]").click()]);
  expect(file.suggestedFilename()).toMatch(/^semantic-signal-BTC-USDC-4h-[\dT-]+\.json$/);
  expect(foreign(requested)).toEqual([]);
  expect(complaints).toEqual([]);
  await context.close();
});

test("the policy of the page stands, and would stop what the templates did not", async () => {
  const { page, context, requested } = await visit("desktop", "dark", "/#/market");
  const policy = (await page.request.get(url)).headers()["content-security-policy"];
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toMatch(/script-src[^;]*unsafe/);

  await page.evaluate(() => document.querySelector(".panel.news")?.insertAdjacentHTML("beforeend", "<img src=x onerror='window.hit = 1'><img src='https://evil.example/x.png'>"));
  await page.waitForTimeout(500);
  expect(await page.evaluate(() => "hit" in window)).toBe(false);
  expect(foreign(requested).filter((each) => !each.startsWith("https://evil.example"))).toEqual([]);
  await context.close();
});

test("by keyboard a panel is folded, opened, given the whole screen and put back", async () => {
  const { page, context, complaints } = await visit("desktop", "dark", "/#/market");
  await page.locator(".panel.news .article").first().waitFor();
  const focused = (): Promise<string | null> => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? null);

  await page.locator("[data-fold=news]").focus();
  await page.keyboard.press("Enter");
  await expect.poll(() => page.locator(".panel.news .article").count()).toBe(0);
  await expect.poll(focused).toBe("Expand News");
  const wide = (await page.locator(".panel.market").boundingBox())?.width ?? 0;
  expect(wide).toBeGreaterThan(900);
  expect(await violations(page)).toEqual([]);
  await page.keyboard.press("Enter");
  await page.locator(".panel.news .article").first().waitFor();

  for (const name of ["news", "market"]) {
    await page.locator(`[data-full=${name}]`).focus();
    await page.keyboard.press("Enter");
    const full = page.locator(`.slot.full .panel.${name}`);
    await full.waitFor();
    await expect.poll(focused).toContain("Leave full screen");
    await page.screenshot({ path: `${shots}full-${name}.png` });
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await expect.poll(() => full.count()).toBe(0);
    await expect.poll(focused).toContain("Full screen of");
    expect(await page.locator(`.column .panel.${name}`).count()).toBe(1);
  }
  expect(complaints).toEqual([]);
  await context.close();
});
