/**
 * `drainOnSignal` of the packed package, on Bun and Node. Needs `npm ci` in tests/runtime.
 * @module
 */
import assert from "node:assert/strict";
import { hasRuntimes, installPacked } from "../../tools/packed.ts";
import { root, runtimeModules } from "../../tools/run.ts";
import { inFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";

const PROGRAM = "drain_on_signal.mjs";
const programs = { bun: `${runtimeModules}/.bin/bun`, node: "node" };
/** A process ends within this after a signal, in milliseconds. */
const DRAIN = 4_500;
const KILLED_AFTER = 10_000;

if (await hasRuntimes("drainOnSignal on Bun and Node")) {
  test("on Bun and Node a signal ends the process within 4.5 s with code 0 and without leases", async () => {
    await inFolder(async (folder) => {
      await installPacked(folder);
      await Deno.copyFile(`${root}/tests/runtime/${PROGRAM}`, `${folder}/${PROGRAM}`);
      for (const [runtime, program] of Object.entries(programs)) {
        for (const signal of ["SIGINT", "SIGTERM"] as const) {
          const idle = await send(folder, program, signal, "idle");
          assert.deepEqual([idle.code, idle.left], [0, []], `${runtime} ${signal} idle`);
          assert.ok(idle.took < 3_000, `${runtime} ${signal} idle: ${idle.took} ms`);
        }
        const busy = await send(folder, program, "SIGINT", "busy");
        assert.deepEqual([busy.code, busy.left], [0, ['{"until":0,"claims":0}']], runtime);
        assert.ok(busy.took < DRAIN, `${runtime} busy: ${busy.took} ms`);
      }
    });
  });
}

/** Starts the program, sends the signal when it is ready. */
async function send(folder: string, program: string, signal: Deno.Signal, how: string) {
  const child = new Deno.Command(program, {
    args: [`${folder}/${PROGRAM}`, how],
    cwd: folder,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let over = false;
  const ended = child.status.finally(() => over = true);
  const kill = () => over || child.kill("SIGKILL");
  const killer = setTimeout(kill, KILLED_AFTER);
  try {
    let start = performance.now();
    let said = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      if (said === "") {
        start = performance.now();
        child.kill(signal);
      }
      said += text;
    }
    const { code } = await ended;
    const [ready, ...left] = said.trim().split("\n");
    assert.equal(ready, "ready");
    return { code, left, took: Math.round(performance.now() - start) };
  } finally {
    clearTimeout(killer);
    kill();
    await ended;
  }
}
