// Bundles the front end into the Python package; `--tests` bundles the unit tests for `node --test` instead.
import { readdirSync, rmSync } from "node:fs";
import * as esbuild from "esbuild";

const STATIC = "../src/edgewise/explorer/static";
const common = { bundle: true, target: "es2022", charset: "utf8", legalComments: "none", logLevel: "info" };
const small = { ...common, minify: !process.argv.includes("--plain") };

const bundles = [
  { ...small, entryPoints: ["src/hosts/widget.ts"], format: "esm", outfile: `${STATIC}/widget.js` },
  { ...small, entryPoints: ["src/hosts/page.ts"], format: "iife", outfile: `${STATIC}/page.js` },
  { ...small, entryPoints: ["src/lessons/index.ts"], format: "iife", outfile: `${STATIC}/lessons.js` },
  { ...small, entryPoints: ["src/styles.css"], outfile: `${STATIC}/styles.css` },
  { ...small, entryPoints: ["src/lessons/lessons.css"], outfile: `${STATIC}/lessons.css` },
];

if (process.argv.includes("--tests")) {
  rmSync("build/test", { recursive: true, force: true });
  const tests = readdirSync("test").filter((name) => name.endsWith(".test.ts"));
  await esbuild.build({
    ...common,
    entryPoints: tests.map((name) => `test/${name}`),
    format: "esm",
    platform: "node",
    outdir: "build/test",
    outExtension: { ".js": ".mjs" },
    logLevel: "warning",
  });
} else if (process.argv.includes("--watch")) {
  for (const bundle of bundles) await (await esbuild.context(bundle)).watch();
} else {
  await Promise.all(bundles.map((bundle) => esbuild.build(bundle)));
}
