/**
 * The rules of `tools/house_lint.ts` find what is planted. `deno lint` applies them to the repository.
 * @module
 */
import assert from "node:assert/strict";
import houseLint from "../../tools/house_lint.ts";
import { root } from "../../tools/run.ts";
import { denoOnly } from "../../tools/test.ts";
import { test } from "../support/harness.ts";

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
  "an API that Node 20 lacks": [
    "no-newer-api",
    "const a = Promise.withResolvers();",
    "const a = Object.groupBy(b, c);",
  ],
  "a comma expression": [
    "no-comma-expression",
    "const a = () => (b(), c);",
    "for (let i = 0, j = 0; i < 9; i++, j++) a(i, j);",
  ],
  "a spread literal": [
    "no-literal-spread",
    `const a = [...["b", "c"], d];`,
    "const a = { ...{ b: 1 }, c: 2 };",
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

test("lint finds a file of src/ with more than 320 lines", () => {
  assert.deepEqual(lint("src/core/a.ts", "const a = 1;\n".repeat(320)), []);
  const long = "const a = 1;\n".repeat(321);
  assert.deepEqual(lint("src/core/a.ts", long), ["src/core/a.ts: house/max-lines"]);
  assert.deepEqual(lint("tests/core/a_test.ts", long), []);
});

test("lint finds a file of src/ whose name is not in snake_case", () => {
  for (const path of ["src/core/aB.ts", "src/core/a-b.ts", "src/core/a__b.ts", "src/a.ts"]) {
    assert.deepEqual(lint(path, "export {};"), [`${path}: house/file-name`]);
  }
  for (const path of ["mod.ts", "src/core/a_b2.ts", "src/hono/console/page.tsx"]) {
    assert.deepEqual(lint(path, "export {};"), []);
  }
});

test("lint finds a comment that announces unfinished work, anywhere", () => {
  for (const path of ["src/core/a.ts", "tests/core/a_test.ts", "tools/a.ts"]) {
    for (const source of [`// ${"TO" + "DO"}: more`, `/** ${"FIX" + "ME"} */ a();`]) {
      assert.deepEqual(lint(path, source), [`${path}: house/no-unfinished-comment`]);
    }
  }
});

test("lint finds words of our own in comments, texts and names, anywhere", () => {
  const [word, words] = ["he" + "ard", "lan" + "es"];
  const sources = [
    `// It is ${word}.`,
    `const a = "${word}";`,
    `const is${word[0]!.toUpperCase()}${word.slice(1)} = true;`,
    `const ${word}Events = 1;`,
    `const MAX_${words.toUpperCase()} = 8;`,
    `/** Of ${words}. */ export class A {}`,
  ];
  for (const path of ["src/core/a.ts", "tests/core/a_test.ts", "tools/a.ts"]) {
    for (const source of sources) {
      assert.deepEqual(lint(path, source), [`${path}: house/no-private-words`], source);
    }
  }
  const similar = "// HEARTBEAT, shears, planes, reborn, recommended: an answer of AskAnswer.";
  assert.deepEqual(lint("src/core/a.ts", similar), []);
});

test("lint finds a test or an example that imports sources by path", () => {
  const sources = [
    `import { a } from "../../src/core/a.ts";`,
    `import type { A } from "../../mod.ts";`,
    `export * from "../src/core/mod.ts";`,
    `const load = () => import("../../mod.ts");`,
  ];
  for (const source of sources) {
    for (const path of ["tests/core/a_test.ts", "examples/a.ts"]) {
      assert.deepEqual(lint(path, source), [`${path}: house/import-by-name`], source);
    }
    assert.deepEqual(lint("tests/internal/a_test.ts", source), []);
    assert.deepEqual(lint("tools/a.ts", source), []);
  }
  assert.deepEqual(lint("tests/core/a_test.ts", `import { a } from "../support/a.ts";`), []);
});

test("lint finds an API that Node 20 lacks in a test that runs there", () => {
  const source = "const a = Promise.withResolvers();";
  const found = (folder: string) => lint(`tests/${folder}/a_test.ts`, source).length;
  assert.deepEqual([...new Set(denoOnly.map(found))], [0]);
  assert.deepEqual(["core", "support", "sim2"].map(found), [1, 1, 1]);
});

test("lint accepts code that only looks similar", () => {
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
    "const a = [...b, ...(c ? [1] : [])]; const d = { ...e, ...(f && { g: 1 }) }; h(...[1, 2]);",
  ];
  for (const source of sources) assert.deepEqual(lint("src/core/a.ts", source), [], source);
});

test("lint applies the rules of src/ to nothing else", () => {
  assert.deepEqual(lint("tools/a.ts", "using a = process;"), []);
});

function lint(file: string, source: string): string[] {
  return Deno.lint.runPlugin(houseLint, `${root}/${file}`, source).map(({ id }) =>
    `${file}: ${id}`
  );
}
