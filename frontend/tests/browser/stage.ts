/** A stand-in, a Chromium, and a page in it that reports whatever it must not do. */
import { AxeBuilder } from "@axe-core/playwright";
import { chromium, type Browser, type BrowserContext, type Locator, type Page, type Request } from "playwright-core";
import type { Size } from "../history";
import { StandIn } from "../stand-in";
import { PAGES, WIDTHS, type Place, type Theme, type Width } from "./pages";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

export async function launched(more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: [...FLAGS, ...more] });
}

/** Chromium for a file of tests, with a stand-in for each that asks. */
export class Stage {
  browser!: Browser;
  #open: (() => Promise<unknown>)[] = [];

  async begin(): Promise<void> {
    this.browser = await launched();
  }

  async end(): Promise<void> {
    await this.browser.close();
  }

  async after(): Promise<void> {
    for (const close of this.#open.splice(0).reverse()) await close();
  }

  async standIn(size: Partial<Size> = {}): Promise<StandIn> {
    const server = await new StandIn(size).open();
    this.#open.push(() => server.close());
    return server;
  }

  /** `before`: what the page shall meet, set up before it loads. */
  async page(base: string, { width = "desktop", theme = "dark", before }: { width?: Width; theme?: Theme; before?: (page: Page) => Promise<unknown> } = {}): Promise<Watched> {
    const phone = width === "phone";
    const context = await this.browser.newContext({ viewport: WIDTHS[width], colorScheme: theme, isMobile: phone, hasTouch: phone, reducedMotion: "reduce" });
    this.#open.push(() => context.close());
    const watched = new Watched(context, await context.newPage(), base);
    await before?.(watched.page);
    return watched;
  }
}

export class Watched {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly base: string;
  readonly complaints: string[] = [];
  readonly requested: string[] = [];
  readonly #pending = new Set<Request>();

  constructor(context: BrowserContext, page: Page, base: string) {
    [this.context, this.page, this.base] = [context, page, base];
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && this.complaints.push(message.text()));
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("request", (request) => {
      this.requested.push(request.url());
      this.#pending.add(request);
    });
    page.on("requestfinished", (request) => this.#pending.delete(request));
    page.on("requestfailed", (request) => this.#pending.delete(request));
    page.on("websocket", (socket) => this.requested.push(socket.url()));
    page.on("dialog", (dialog) => {
      this.complaints.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  /** Loads that page anew and waits until it is live and nothing loads any more. */
  async visit(place: Place = PAGES[0]!): Promise<void> {
    await this.page.goto(new URL(place.path, this.base).href);
    await this.live();
    await this.settled();
  }

  /** Goes there as a person does, by the page's own navigation where it has one. */
  async go(place: Place): Promise<void> {
    const link = this.page.locator(`nav a[href="${place.path.slice(1)}"]`).first();
    if (await link.count()) await link.evaluate((found) => (found as HTMLAnchorElement).click());
    else await this.page.evaluate((hash) => (location.hash = hash), place.path.slice(1));
    await this.settled();
  }

  async live(): Promise<void> {
    await this.page.getByText("Live", { exact: true }).first().waitFor();
  }

  /** Nothing is being asked, what was told is drawn, and it stays so: an answer may lead to a question. */
  async settled(): Promise<void> {
    const until = Date.now() + 30_000;
    for (let calm = 0; calm < 2; calm = this.#pending.size ? 0 : calm + 1) {
      while (this.#pending.size && Date.now() < until) await new Promise((later) => setTimeout(later, 20));
      if (this.#pending.size) throw new Error(`still asked after 30 s: ${[...this.#pending].map((request) => request.url())}`);
      await this.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
      // Code that came has to be made into what it draws; what waits for longer is told by whoever looks for it.
      await this.page.waitForFunction(() => !document.querySelector("main [aria-busy=true], dialog[open] [aria-busy=true]"), null, { timeout: 3000 }).catch(() => undefined);
    }
  }

  /** Names of the panels that are there now and fold. */
  async panels(): Promise<string[]> {
    return this.page.locator("main button[data-fold]").evaluateAll((found) => found.map((button) => (button as HTMLElement).dataset["fold"] ?? ""));
  }

  panel(name: string): Locator {
    return this.page.locator(`main [data-panel="${name}"]`);
  }

  /** The one that has the whole screen. */
  get full(): Locator {
    return this.page.locator("main .slot.full");
  }

  /** By how much it is wider than the screen, and what of it reaches farthest out. */
  async overhang(): Promise<string[]> {
    return this.page.evaluate(() => {
      const edge = document.documentElement.clientWidth;
      const wide = document.documentElement.scrollWidth - edge;
      if (wide <= 0) return [];
      const scrolls = (at: Element | null): boolean => at !== null && at !== document.body && (getComputedStyle(at).overflowX !== "visible" || scrolls(at.parentElement));
      const out = [...document.querySelectorAll<HTMLElement>("body *")].filter((found) => found.getBoundingClientRect().right > edge + 1 && found.checkVisibility() && !scrolls(found.parentElement));
      // Words may reach out of a box that fits.
      if (!out.length) out.push(...[...document.querySelectorAll<HTMLElement>("body *")].filter((found) => found.scrollWidth > found.clientWidth + 1 && found.clientWidth && !scrolls(found)));
      const deepest = out.filter((found) => !out.some((other) => other !== found && found.contains(other)));
      return [`${wide} px wider than the screen by ${[...new Set(deepest.map((found) => `${found.localName}.${found.className} in ${found.closest("section, dialog, header, footer")?.className}`))].slice(0, 12).join(" · ")}`];
    });
  }

  get foreign(): string[] {
    const own = new URL(this.base).host;
    return this.requested.filter((each) => !/^(data|blob):/.test(each) && new URL(each).host !== own);
  }

  /** `colours`: only what a theme may change. */
  async violations(colours = false): Promise<string[]> {
    const axe = new AxeBuilder({ page: this.page });
    const { violations } = await (colours ? axe.withRules(["color-contrast"]) : axe).analyze();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")} ${failureSummary ?? ""}`));
  }
}

/** Ids of the decisions that the page leads to. */
export function linked(page: Page): Promise<string[]> {
  return page.evaluate(() => [...document.querySelectorAll<HTMLAnchorElement>("a[href*='#/decision/']")].map((link) => decodeURIComponent(link.hash.slice("#/decision/".length))));
}

/** A figure of the wire as the page writes it. */
export function grouped(figure: string): string {
  return Number(figure).toLocaleString("en-US", figure.includes(".") ? { minimumFractionDigits: 2 } : {});
}
