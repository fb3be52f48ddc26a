/** A visit to a running instance in a real Chromium, and what every visit must not show. */
import { mkdirSync } from "node:fs";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";

export const url = process.env["SEMSIG_URL"] ?? "";
if (!url) throw new Error("SEMSIG_URL names the instance to test; pytest starts one of its own");
export const shots = new URL("../../screenshots/", import.meta.url).pathname;
const WIDTHS = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync",
];

let browser: Browser;

export async function begin(): Promise<void> {
  mkdirSync(shots, { recursive: true });
  browser = await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: FLAGS });
}

export const end = (): Promise<void> => browser.close();

export interface Visit {
  page: Page;
  context: BrowserContext;
  complaints: string[];
  requested: string[];
}

/** `before`: what the page shall meet, set up before it loads. */
export async function visit(
  size: keyof typeof WIDTHS, theme: "dark" | "light", path = "/", before: (page: Page) => Promise<unknown> = async () => undefined,
): Promise<Visit> {
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
  page.on("dialog", (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await before(page);
  await page.goto(new URL(path, url).href);
  await page.getByText("Live", { exact: true }).waitFor();
  await page.locator("main .panel").first().waitFor();
  if (path === "/") await page.locator("price-chart canvas, equity-chart canvas").nth(1).waitFor();
  return { page, context, complaints, requested };
}

export async function violations(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")} ${failureSummary ?? ""}`));
}

export function foreign(requested: readonly string[]): string[] {
  const own = new URL(url).host;
  return requested.filter((each) => !/^(data|blob):/.test(each) && new URL(each).host !== own);
}
