import assert from "node:assert/strict";
import { filesBelow, output, root, run, runtimeModules } from "../../tools/run.ts";
import { hasRuntimes } from "../../tools/packed.ts";
import { test } from "../support/harness.ts";
import { reached, readGraph } from "./import_table.ts";

/** A program with a gate that denies. Prints what became of a decision, and of a call. */
const PROGRAM = `
  import { createHooks } from "${root}/mod.ts";
  const hooks = createHooks({ logger: false });
  hooks.gate("tool.called", { name: "no", handle: () => ({ decision: "deny", reason: "denied" }) });
  const decided = hooks.decide("tool.called", { name: "bash" });
  console.log(await decided.then(({ reason }) => reason, ({ message }) => message));
  const called = hooks.call("bash", {}, () => console.log("the tool ran"));
  console.log(await called.then(({ reason }) => reason, ({ message }) => message));
  await hooks.close();
`;

/** A program with a webhook. Prints what was sent, or why it wasn't. */
const SENDER = `
  import { createHooks, WebhookHook } from "${root}/mod.ts";
  const hooks = createHooks({ logger: false });
  hooks.use(
    new WebhookHook({
      name: "audit",
      events: ["*"],
      url: "https://audit.example.com/",
      fetch: (_url, { body }) => {
        console.log(JSON.parse(new TextDecoder().decode(body)).type);
        return Promise.resolve(new Response());
      },
    }),
  );
  await hooks.emit("tool.called", { name: "bash" }).catch(({ cause }) => console.log(cause.message));
  await hooks.close();
`;

test("importing . loads nothing that decides, sends or lists metrics", async () => {
  const graph = await readGraph(["mod.ts"], { types: false, dynamic: false });
  const loaded = reached(graph, "mod.ts");
  assert.ok(loaded.includes("src/core/gates/gates.ts"));
  const needless = [
    ...["core/gates/gatekeeper.ts", "core/gates/tool_call.ts", "core/gates/asking.ts"],
    ...["webhook/attempt.ts", "webhook/sign.ts", "webhook/keys.ts", "core/list_metrics.ts"],
  ];
  assert.deepEqual(needless.filter((file) => loaded.includes(`src/${file}`)), []);
});

test("gates decide in a bundle, whether it is one file or several", async () => {
  if (!await hasRuntimes("bundles")) return;
  for (const options of [[], ["--splitting"]]) {
    await bundled(PROGRAM, options, async (folder) => {
      assert.equal(await printed(folder), "denied\ndenied\n");
    });
  }
});

test("webhooks send from a bundle, whether it is one file or several", async () => {
  if (!await hasRuntimes("bundles")) return;
  for (const options of [[], ["--splitting"]]) {
    await bundled(SENDER, options, async (folder) => {
      assert.equal(await printed(folder), "tool.called\n");
    });
  }
});

test("a webhook fails and says why if a file of a bundle is missing", async () => {
  if (!await hasRuntimes("bundles")) return;
  await bundled(SENDER, ["--splitting"], async (folder) => {
    await removeChunks(folder, /\/attempt-/);
    const reason = "the code that sends webhooks could not be loaded: " +
      "deploy every file of the package or bundle";
    assert.equal(await printed(folder), `Webhook 'audit' failed after 1 attempt: ${reason}\n`);
  });
});

test("nothing is allowed if a file of a bundle is missing", async () => {
  if (!await hasRuntimes("bundles")) return;
  await bundled(PROGRAM, ["--splitting"], async (folder) => {
    await removeChunks(folder, /\/(?:gatekeeper|tool_call)-/);
    const reason = "the code of gates could not be loaded, so nothing is allowed. " +
      "Deploy every file of the package or bundle";
    const expected = ["Cannot decide about 'tool.called'", "Cannot call 'bash'"];
    assert.equal(await printed(folder), expected.map((what) => `${what}: ${reason}\n`).join(""));
  });
});

async function removeChunks(folder: string, name: RegExp): Promise<void> {
  const chunks = await filesBelow(folder.slice(root.length + 1));
  const removed = chunks.filter((path) => name.test(path));
  assert.notEqual(removed.length, 0);
  for (const path of removed) await Deno.remove(`${root}/${path}`);
}

/** Bundles a program into a folder. */
async function bundled(
  program: string,
  options: readonly string[],
  use: (folder: string) => Promise<void>,
): Promise<void> {
  await Deno.mkdir(`${root}/.build`, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: `${root}/.build`, prefix: "bundle_" });
  try {
    await Deno.writeTextFile(`${folder}/source.mjs`, program);
    await run(`${runtimeModules}/.bin/esbuild`, [
      `${folder}/source.mjs`,
      ...["--bundle", "--minify", "--format=esm", "--platform=neutral", "--log-level=warning"],
      ...[`--outdir=${folder}/out`, ...options],
    ]);
    await use(`${folder}/out`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function printed(folder: string): Promise<string> {
  const { success, stdout, all } = await output("node", [`${folder}/source.js`]);
  assert.ok(success, all);
  return stdout;
}
