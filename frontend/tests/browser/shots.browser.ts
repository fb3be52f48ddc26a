/** Pictures of every page, to be looked at: `make shots`. Of a running instance (SEMSIG_URL), else of the stand-in, the same each time. */
import { mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { NOW } from "../history";
import { EACH, PAGES } from "./pages";
import { Stage } from "./stage";

const SHOTS = fileURLToPath(new URL("../../screenshots/", import.meta.url));
const running = process.env["SEMSIG_URL"] || null;
const stage = new Stage();
beforeAll(() => stage.begin());
afterEach(() => stage.after());
afterAll(() => stage.end());

test.each(EACH)("every page on a %s, %s", async (width, theme) => {
  mkdirSync(SHOTS, { recursive: true });
  const watched = await stage.page(running ?? (await stage.standIn()).url, {
    width, theme, before: async (page) => (running ? undefined : page.clock.setFixedTime(NOW)),
  });
  await watched.visit();
  for (const { name, ...place } of PAGES) {
    await watched.go({ name, ...place });
    for (const canvas of await watched.page.locator("canvas").all()) await canvas.waitFor().catch(() => undefined);
    await watched.settled();
    // One of the screen as it opens, one of all of it.
    for (const [kind, fullPage] of [["", false], ["-full", true]] as const) {
      const path = `${SHOTS}${name}-${width}-${theme}${kind}.png`;
      rmSync(path, { force: true });
      await watched.page.screenshot({ path, fullPage });
    }
  }
  console.log(`${PAGES.length * 2} pictures in frontend/screenshots: ${width}, ${theme}`);
  expect(watched.complaints).toEqual([]);
});
