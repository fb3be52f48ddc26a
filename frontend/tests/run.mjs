// Runs a TypeScript file of these tests by itself: node tests/run.mjs tests/measured.ts …
import { runnerImport } from "vite";

await runnerImport(process.argv[2], { configFile: false, logLevel: "warn" });
