/**
 * `drainOnSignal` of the packed package, on Bun and Node. Needs `npm ci` in tests/runtime.
 * @module
 */
import assert from "node:assert/strict";
import { pack } from "../../tools/pack.ts";
import { exists, root, runtimeModules } from "../../tools/run.ts";

const installed = await exists(`${runtimeModules}/.bin/bun`);
const programs = { bun: `${runtimeModules}/.bin/bun`, node: "node" };
/** A process ends within this after a signal, in milliseconds. */
const DRAIN = 4_500;
const KILLED_AFTER = 10_000;

Deno.test({
  name: "on Bun and Node a signal ends the process within 4.5 s with code 0, its leases given back",
  ignore: !installed,
  async fn() {
    const folder = await installedIn(await Deno.makeTempDir({ prefix: "signal-" }));
    try {
      for (const [runtime, program] of Object.entries(programs)) {
        for (const signal of ["SIGINT", "SIGTERM"] as const) {
          const idle = await send(folder, program, signal, "idle");
          assert.deepEqual([idle.code, idle.left], [0, []], `${runtime} ${signal} idle`);
          assert.ok(idle.took < 1_000, `${runtime} ${signal} idle: ${idle.took} ms`);
        }
        const busy = await send(folder, program, "SIGINT", "busy");
        assert.deepEqual([busy.code, busy.left], [0, ['{"until":0,"claims":0}']], runtime);
        assert.ok(busy.took < DRAIN, `${runtime} busy: ${busy.took} ms`);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** Starts the program, sends the signal when it is ready. */
async function send(folder: string, program: string, signal: Deno.Signal, how: string) {
  const child = new Deno.Command(program, {
    args: [`${folder}/drain_on_signal.mjs`, how],
    cwd: folder,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const killer = setTimeout(() => child.kill("SIGKILL"), KILLED_AFTER);
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
    const { code } = await child.status;
    const [ready, ...left] = said.trim().split("\n");
    assert.equal(ready, "ready");
    return { code, left, took: Math.round(performance.now() - start) };
  } finally {
    clearTimeout(killer);
  }
}

/** The folder, with the packed package and the program in it. */
async function installedIn(folder: string): Promise<string> {
  const scope = `${folder}/node_modules/@omniagent`;
  await Deno.mkdir(scope, { recursive: true });
  const args = ["-xzf", await pack(), "-C", scope];
  assert.ok((await new Deno.Command("tar", { args }).output()).success);
  await Deno.rename(`${scope}/package`, `${scope}/hooks`);
  const program = "drain_on_signal.mjs";
  await Deno.copyFile(`${root}/tests/runtime/${program}`, `${folder}/${program}`);
  return folder;
}
