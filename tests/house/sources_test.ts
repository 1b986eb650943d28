import assert from "node:assert/strict";
import houseLint from "../../tools/house_lint.ts";
import { filesBelow, root } from "../../tools/run.ts";
import { test } from "../harness.ts";
import { packagedFiles } from "./import_table.ts";

const files = await packagedFiles();

test("src/ breaks no rule of the house", async () => {
  const faults = await Promise.all(files.map(async (file) => lint(file, await read(file))));
  assert.deepEqual(faults.flat(), []);
});

test("no file of src/ is longer than 320 lines", async () => {
  const long = await Promise.all(
    files.map(async (file) => (await read(file)).split("\n").length > 321 ? [file] : []),
  );
  assert.deepEqual(long.flat(), []);
});

test("files are named in snake_case", () => {
  const form = /^(?:mod\.ts|src\/(?:[a-z]+\/)+_?[a-z0-9]+(?:_[a-z0-9]+)*\.tsx?)$/;
  assert.deepEqual(files.filter((file) => !form.test(file)), []);
});

test("nothing is left to be done in a comment", async () => {
  const word = new RegExp(
    `\\b(?:${["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].join("|")})\\b`,
  );
  const all = [...files, ...await filesBelow("tests"), ...await filesBelow("tools")];
  const faults = await Promise.all(
    all.map(async (file) => word.test(await read(file)) ? [file] : []),
  );
  assert.deepEqual(faults.flat(), []);
});

const planted: Readonly<Record<string, readonly [rule: string, ...sources: string[]]>> = {
  "a `using` declaration": [
    "no-using",
    "{ using a = open(); }",
    "await using a = open();",
    "for (using a of all) close(a);",
  ],
  "an import attribute": [
    "no-import-attributes",
    `import a from "./a.json" with { type: "json" };`,
    `export { a } from "./a.txt" with { type: "text" };`,
    `export * from "./a.txt" with { type: "text" };`,
    `const load = () => import("./a.json", { with: { type: "json" } });`,
  ],
  "a static import of node:": [
    "no-host-modules",
    `import fs from "node:fs";`,
    `import type { Stats } from "node:fs";`,
    `export * from "node:fs";`,
    `export { readFile } from "node:fs";`,
  ],
  "a host global at module level": [
    "no-host-globals",
    "const a = process.env;",
    "const a = typeof Buffer;",
    "const a = globalThis.process;",
    "class A { static a = process; }",
    "const a = { process };",
    "if (a) b(Buffer);",
  ],
  "the private keyword": [
    "no-private-keyword",
    "class A { private a = 1; }",
    "class A { private a() {} }",
    "class A { constructor(private a: number) {} }",
    "abstract class A { private static a = 1; }",
  ],
  "a timer that overflows": [
    "no-bare-timers",
    "const later = () => setTimeout(run, 5);",
    "const a = globalThis.setInterval;",
    "const run = () => fetch(url, { signal: AbortSignal.timeout(5) });",
  ],
  "a global augmentation": [
    "no-global-augmentation",
    "declare global { var a: number; }",
    `declare module "hono" { interface A {} }`,
  ],
};
for (const [name, [rule, ...sources]] of Object.entries(planted)) {
  test(`lint finds ${name} in src/`, () => {
    for (const source of sources) {
      assert.deepEqual(lint("src/core/a.ts", source), [`src/core/a.ts: house/${rule}`], source);
    }
  });
}

test("lint lets pass what only looks like a fault", () => {
  const sources = [
    `const load = () => import("node:fs");`,
    "const env = () => process.env;",
    "class A { env() { return Buffer.from(globalThis.process.env.A); } }",
    "a.process(); const b = { process: 1, Buffer() {} };",
    "class A { process() {} } interface B { process(): void; Buffer: number }",
    "class A { #private = 1; protected a = 2; public b = 3; }",
    "namespace A { export const a = 1; }",
    "// using a = open(); process; declare global {}",
    "const a = `using b = process`;",
  ];
  for (const source of sources) assert.deepEqual(lint("src/core/a.ts", source), [], source);
});

test("lint leaves tests, tools and examples alone", () => {
  assert.deepEqual(lint("tools/a.ts", "using a = process;"), []);
});

function lint(file: string, source: string): string[] {
  return Deno.lint.runPlugin(houseLint, `${root}/${file}`, source).map(({ id }) =>
    `${file}: ${id}`
  );
}

function read(file: string): Promise<string> {
  return Deno.readTextFile(`${root}/${file}`);
}
