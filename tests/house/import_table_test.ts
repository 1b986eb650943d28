import assert from "node:assert/strict";
import { findCycles, readHouse } from "../../tools/house.ts";
import { test } from "../support/harness.ts";
import {
  dependencies,
  packagedFiles,
  reached,
  readGraph,
  refusedImports,
  table,
} from "./import_table.ts";

test("src/ keeps to the import table", async () => {
  assert.deepEqual(refusedImports(await readGraph(await packagedFiles())), []);
});

test("src/ has no import cycles, type imports included", async () => {
  const cycles = findCycles(await readHouse()).map((files) => files.toSorted().join(" <-> "));
  assert.deepEqual(cycles, []);
});

test("a row of the import table names only rows above it, so imports go downwards", () => {
  const rows = Object.keys(table);
  const upwards = Object.entries(table).flatMap(([row, { folders }], index) =>
    folders.filter((folder) => !rows.slice(0, index).includes(folder))
      .map((folder) => `${row} -> ${folder}`)
  );
  assert.deepEqual(upwards, []);
});

test("the root entry has no dependency at all", async () => {
  assert.deepEqual(dependencies(await readGraph(["mod.ts"]), "mod.ts"), []);
});

test("./config alone has no dependency, and ./config/yaml has js-yaml", async () => {
  const graph = await readGraph(["src/config/mod.ts", "src/config/yaml.ts"]);
  assert.deepEqual(dependencies(graph, "src/config/mod.ts"), []);
  assert.deepEqual(dependencies(graph, "src/config/yaml.ts"), ["npm:js-yaml"]);
});

test("receiving webhooks or checking a configuration loads no registry", async () => {
  const graph = await readGraph(["mod.ts", "src/webhook/mod.ts", "src/config/mod.ts"], {
    types: false,
  });
  const loads = (file: string): boolean => reached(graph, file).includes("src/core/registry.ts");
  assert.ok(loads("mod.ts"));
  assert.ok(!loads("src/webhook/mod.ts"));
  assert.ok(!loads("src/config/mod.ts"));
});

test("./hono loads Hono and valibot, but neither the command nor the configuration", async () => {
  const graph = await readGraph(["src/hono/mod.ts"]);
  assert.deepEqual(dependencies(graph, "src/hono/mod.ts"), [
    ...["npm:@valibot/to-json-schema", "npm:hono", "npm:valibot"],
  ]);
  const loaded = reached(await readGraph(["src/hono/mod.ts"], { types: false }), "src/hono/mod.ts");
  assert.deepEqual(loaded.filter((file) => /^src\/(?:cli|config)\//.test(file)), []);
});

test("./hono loads neither the outbox nor the code that sends webhooks", async () => {
  const graph = await readGraph(["src/hono/mod.ts"], { types: false });
  const all = reached(graph, "src/hono/mod.ts");
  assert.ok(all.includes("src/core/registry.ts"));
  assert.ok(!all.includes("src/outbox/outbox.ts"));
  assert.ok(!all.includes("src/webhook/webhook_hook.ts"));
});

const planted: Readonly<Record<string, readonly [file: string, target: string, reason: RegExp]>> = {
  "core imports another folder": [
    "src/core/a.ts",
    "src/webhook/mod.ts",
    /core may not import webhook/,
  ],
  "core imports the root entry": ["src/core/a.ts", "mod.ts", /core may not import mod\.ts/],
  "the root entry imports testing": ["mod.ts", "src/testing/mod.ts", /may not import testing/],
  "the outbox imports a webhook": ["src/outbox/a.ts", "src/webhook/mod.ts", /may not import/],
  "hono imports the command": ["src/hono/a.ts", "src/cli/mod.ts", /hono may not import cli/],
  "a folder is entered by a file": [
    "src/webhook/a.ts",
    "src/core/registry.ts",
    /entered by its mod\.ts/,
  ],
  "a private file is imported from elsewhere": ["src/webhook/a.ts", "src/core/_a.ts", /private/],
  "a private file is imported from above": ["src/hono/a.ts", "src/hono/console/_a.ts", /private/],
  "the root entry imports the npm client of Deno KV": ["mod.ts", "npm:@deno/kv", /not a package/],
  "kv imports the npm client of Deno KV": ["src/stores/kv/mod.ts", "npm:@deno/kv", /not a package/],
  "core imports a package": ["src/core/a.ts", "npm:valibot", /not a package/],
  "config imports the YAML parser": ["src/config/mod.ts", "npm:js-yaml", /not a package/],
  "webhook imports from JSR": ["src/webhook/a.ts", "jsr:@std/encoding", /not a package/],
  "core imports a URL": ["src/core/a.ts", "https://example.com/a.ts", /not a package/],
  "a file of src/ imports a tool": ["src/core/a.ts", "tools/run.ts", /core may not import/],
  "a folder has no row": ["src/extra/mod.ts", "src/core/mod.ts", /has no row/],
};
for (const [name, [file, target, reason]] of Object.entries(planted)) {
  test(`the check of the import table fails when ${name}`, () => {
    const faults = refusedImports({ [file]: [target] });
    assert.equal(faults.length, 1);
    assert.match(faults[0]!, reason);
  });
}

test("the import table accepts imports that it allows", () => {
  const graph = {
    "mod.ts": ["src/core/mod.ts", "src/webhook/mod.ts"],
    "src/core/mod.ts": ["src/core/_a.ts", "src/core/retry_policy.ts"],
    "src/hono/console/mod.ts": ["src/hono/_a.ts", "npm:hono", "src/outbox/mod.ts"],
    "src/config/yaml/parse_yaml.ts": ["npm:js-yaml", "src/config/mod.ts"],
    "src/cli/mod.ts": ["src/config/yaml.ts", "npm:commander", "node:fs"],
  };
  assert.deepEqual(refusedImports(graph), []);
});

test("dependencies() follows imports to their end", () => {
  const graph = {
    "mod.ts": ["src/core/mod.ts"],
    "src/core/mod.ts": ["src/core/a.ts", "mod.ts"],
    "src/core/a.ts": ["npm:valibot", "node:fs"],
  };
  assert.deepEqual(dependencies(graph, "mod.ts"), ["node:fs", "npm:valibot"]);
});

test("readGraph() sees static, type-only and dynamic imports", async () => {
  const graph = await readGraph(["tests/house/import_table_test.ts"]);
  assert.deepEqual(graph["tests/house/import_table_test.ts"], [
    "node:assert/strict",
    "tools/house.ts",
    "tests/support/harness.ts",
    "tests/house/import_table.ts",
  ]);
});
