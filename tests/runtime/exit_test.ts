/**
 * Programs with an outbox that forget `close`, as processes of Deno, Bun and Node: each ends by itself when no
 * work is in flight, and not before. Needs `npm ci` in tests/runtime.
 * @module
 */
import assert from "node:assert/strict";
import { openStore } from "@omniagent/hooks/kv";
import { createOutbox } from "@omniagent/hooks/outbox";
import { hasRuntimes, installPacked } from "../../tools/packed.ts";
import { root, runtimeModules } from "../../tools/run.ts";
import { makeFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";

const programs = {
  deno: [
    Deno.execPath(),
    "run",
    "-A",
    "--quiet",
    "--config",
    `${root}/deno.json`,
  ],
  bun: [`${runtimeModules}/.bin/bun`],
  node: ["node"],
};
/** Milliseconds after which a process counts as one that doesn't end by itself. */
const LIMIT = 60_000;

type Ended = {
  readonly code: number;
  readonly signal: string | null;
  readonly said: string;
};

if (await hasRuntimes("programs without close")) {
  for (const [runtime, [program, ...args]] of Object.entries(programs)) {
    test(`on ${runtime} a program that forgets close ends when no work is in flight`, async () => {
      const { folder, remove } = await makeFolder();
      const source = `${root}/tests/runtime/exit.mjs`;
      const copy = `${folder}/exit.mjs`;
      if (runtime !== "deno") await installPacked(folder);
      if (runtime !== "deno") await Deno.copyFile(source, copy);
      const path = runtime === "deno" ? source : copy;
      const run = (how: string, signalAfter?: number): Promise<Ended> =>
        end(
          program!,
          [...args, path, `${folder}/${how}.db`, how],
          folder,
          signalAfter,
        );
      try {
        const ended = { code: 0, signal: null };
        assert.deepEqual(await run("delivers"), {
          ...ended,
          said: "1 attempts",
        });
        assert.deepEqual(await run("has more than its slots"), {
          ...ended,
          said: "20 attempts",
        });
        assert.deepEqual(await run("retries soon"), {
          ...ended,
          said: "2 attempts",
        });
        assert.deepEqual(await run("retries in an hour"), {
          ...ended,
          said: "1 attempts",
        });
        assert.deepEqual(await pendingIn(`${folder}/retries in an hour.db`), 1);
        const { code, signal } = await run("waits for a signal", 2_000);
        assert.deepEqual({ code, signal }, ended);
      } finally {
        await remove();
      }
    });
  }
}

/** Runs a program. Resolves to its output. After `signalAfter` milliseconds, it must be alive and gets SIGTERM. */
async function end(
  program: string,
  args: readonly string[],
  cwd: string,
  signalAfter?: number,
): Promise<Ended> {
  const child = new Deno.Command(program, {
    args: [...args],
    cwd,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let over = false;
  const kill = (signal: Deno.Signal): void => {
    if (!over) child.kill(signal);
  };
  const killer = setTimeout(() => kill("SIGKILL"), LIMIT);
  const stopper = setTimeout(() => kill("SIGTERM"), signalAfter ?? 2 * LIMIT);
  const start = performance.now();
  try {
    const { code, signal, stdout } = await child.output();
    over = true;
    const took = performance.now() - start;
    assert.ok(
      took >= (signalAfter ?? 0),
      `it ended after ${took} ms, before its signal`,
    );
    return { code, signal, said: new TextDecoder().decode(stdout).trim() };
  } finally {
    clearTimeout(killer);
    clearTimeout(stopper);
  }
}

async function pendingIn(file: string): Promise<number> {
  const store = await openStore(file);
  try {
    const [figures] = await createOutbox(store).stats();
    return figures!.pending;
  } finally {
    store.close();
  }
}
