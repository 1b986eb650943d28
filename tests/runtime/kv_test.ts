/**
 * Deno, Bun and Node at one database, in a file and over KV Connect. Deno runs the sources, the
 * others the packed package. Needs `npm ci` in tests/runtime.
 * @module
 */
import assert from "node:assert/strict";
import { openStore } from "@omniagent/hooks/kv";
import { hasRuntimes, installPacked } from "../../tools/packed.ts";
import { root, runtimeModules } from "../../tools/run.ts";
import { inFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";
import { emptied } from "../support/kv_connect/clients.ts";
import { denokvUrl, hasDenokv, TOKEN } from "../support/kv_connect/denokv.ts";
import { startKvConnect } from "../support/kv_connect/server.ts";

const here = `${root}/tests/runtime`;
type Runtime = "deno" | "bun" | "node";

/** What a runtime prints before it writes. */
interface Turn {
  readonly found: Readonly<
    Record<string, { readonly by: string; readonly text: string }>
  >;
  readonly turns: string;
}

if (await hasRuntimes("stores on Bun and Node")) {
  test("one database file, written by Deno, Bun and Node in turn, reads the same everywhere", () =>
    inPackedFolder((folder) => takeTurns(folder, `${folder}/hooks.db`)));

  test("one KV Connect server, written by Deno, Bun and Node in turn, reads the same everywhere", () =>
    inPackedFolder((folder) => withServer((url) => takeTurns(folder, url))));

  for (const runtime of ["bun", "node"] as const) {
    test(`a store over KV Connect does on ${runtime} what every store does`, () =>
      inPackedFolder((folder) => withServer((url) => runSuite(folder, runtime, url))));
  }

  if (hasDenokv("Bun and Node over a real denokv")) {
    for (const runtime of ["bun", "node"] as const) {
      test(`a store over a real denokv does on ${runtime} what every store does`, () =>
        inPackedFolder((folder) => runSuite(folder, runtime, denokvUrl!)));
    }

    test("a real denokv, written by Deno, Bun and Node in turn, reads the same everywhere", () =>
      inPackedFolder(async (folder) => {
        (await emptied(await openStore(denokvUrl))).close();
        await takeTurns(folder, denokvUrl!);
      }));
  }
}

async function withServer(use: (url: string) => Promise<void>): Promise<void> {
  const server = startKvConnect();
  try {
    await use(server.url);
  } finally {
    await server.close();
  }
}

async function runSuite(folder: string, runtime: Runtime, url: string): Promise<void> {
  const { count, failures } = JSON.parse(await run(folder, runtime, "kv_connect_suite.mjs", url));
  assert.deepEqual(failures, []);
  assert.ok(count > 40);
}

/** Two rounds, so that each reads what each of the others and it itself wrote. */
async function takeTurns(folder: string, path: string): Promise<void> {
  const names: Runtime[] = ["deno", "bun", "node", "node", "deno", "bun"];
  for (const [count, name] of names.entries()) {
    const { found, turns } = await takeTurn(folder, path, name);
    assert.equal(turns, count === 0 ? "null" : `${count}`);
    assert.deepEqual(Object.keys(found).sort(), [...new Set(names.slice(0, count))].sort());
    for (const [by, value] of Object.entries(found)) {
      assert.deepEqual(value, {
        by,
        text: "Grüße, 世界! 😀\0\ud800\u2028 ".repeat(1000),
        long: "x".repeat(20_000),
        fields: { "ключ": [1.5, null, true, "é"] },
      });
    }
  }
}

async function takeTurn(folder: string, path: string, name: Runtime): Promise<Turn> {
  const entry = name === "deno" ? "kv" : "node";
  return JSON.parse(await run(folder, name, "kv_file_worker.mjs", entry, path, name)) as Turn;
}

/** What a program of this folder prints: on Deno from source, else with the packed package. */
async function run(folder: string, runtime: Runtime, script: string, ...args: readonly string[]) {
  const [program, ...flags] = {
    deno: [Deno.execPath(), "run", "-A", "--unstable-kv", `--config=${root}/deno.json`],
    bun: [`${runtimeModules}/.bin/bun`],
    node: ["node"],
  }[runtime];
  const place = runtime === "deno" ? here : folder;
  const { success, stdout, stderr } = await new Deno.Command(program!, {
    args: [...flags, `${place}/${script}`, ...args],
    cwd: folder,
    env: { DENO_KV_ACCESS_TOKEN: TOKEN, NO_COLOR: "1" },
  }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.ok(success, `${script} on ${runtime}: ${error}`);
  return out!;
}

/** A folder with the packed package and what it depends on. */
async function inPackedFolder(use: (folder: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    await installPacked(folder);
    for (const script of ["kv_file_worker.mjs", "kv_connect_suite.mjs"]) {
      await Deno.copyFile(`${here}/${script}`, `${folder}/${script}`);
    }
    await use(folder);
  });
}
