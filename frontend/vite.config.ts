import { defineConfig } from "vitest/config";

const api = process.env["SEMSIG_URL"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  base: "/",
  build: {
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: { proxy: { "/api": api, "/ws": { target: api, ws: true } } },
  test: { include: ["tests/*.test.ts"], environment: "node" },
});
