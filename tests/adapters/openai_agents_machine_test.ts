/**
 * OpenAI's shell and apply_patch tools, which run on this machine, are judged like functions.
 * @module
 */
import assert from "node:assert/strict";
import { ask, deny } from "@omniagent/hooks/gates";
import { openaiAgentsHooks } from "@omniagent/hooks/openai-agents";
import { test } from "../support/harness.ts";
import { load } from "./driver.ts";
import { recorded } from "./scenario.ts";

const sdk = await load("@openai/agents-core");
const { Agent, applyPatchTool, Runner, setTracingDisabled, shellTool } = sdk;
const { assistantMessage, ScriptedModel } = await load("@openai/agents-core/testing");

setTracingDisabled(true);

/** A shell and an editor that say what they did, and the model's calls of both. */
function machine() {
  const ran: unknown[] = [];
  const shell = {
    run: ({ commands }: { readonly commands: readonly string[] }) => {
      ran.push(...commands);
      const outcome = { type: "exit", exitCode: 0 };
      return Promise.resolve({ output: [{ stdout: "SECRET", stderr: "", outcome }] });
    },
  };
  const edit = (operation: { readonly type: string; readonly path: string }) => {
    ran.push(`${operation.type} ${operation.path}`);
    return Promise.resolve({ output: "edited" });
  };
  const editor = { createFile: edit, updateFile: edit, deleteFile: edit };
  const turn = [
    { type: "shell_call", callId: "s", status: "completed", action: { commands: ["rm"] } },
    {
      type: "apply_patch_call",
      callId: "p",
      status: "completed",
      operation: { type: "delete_file", path: "a.txt" },
    },
  ];
  const tools = [shellTool({ shell }), applyPatchTool({ editor })];
  const model = new ScriptedModel([turn, [assistantMessage("done")]]);
  return { agent: new Agent({ name: "boss", model, tools }), ran, tools, shell, editor };
}

/** An item of the SDK. */
type Item = {
  readonly type: string;
  readonly rawItem: { readonly callId: string; readonly output: unknown; readonly status?: string };
};

/** What the model was told of the calls of the shell and of the editor. */
function told({ newItems }: { readonly newItems: readonly Item[] }) {
  const outputs = newItems.filter(({ type }) => type === "tool_call_output_item");
  const of = (id: string) => outputs.find(({ rawItem }) => rawItem.callId === id)?.rawItem;
  return { s: of("s"), p: of("p") };
}

test("openai-agents: calls of the shell and apply_patch tools are denied with a reason", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", { name: "no", handle: () => deny("No") });
  const { agent, ran } = machine();
  const result = await openaiAgentsHooks(hooks, new Runner()).run(agent, "hi");
  await hooks.close();
  assert.deepEqual(ran, []);
  assert.equal(log.count("tool.denied"), 2);
  const { s, p } = told(result);
  const outcome = { type: "exit", exitCode: null };
  assert.deepEqual(s?.output, [{ stdout: "", stderr: "No", outcome }]);
  assert.deepEqual([p?.status, p?.output], ["failed", "No"]);
});

test("openai-agents: calls of the shell and apply_patch tools are rewritten, and so are their results", async () => {
  const { hooks, log } = recorded();
  hooks.gate("tool.called", {
    name: "safe",
    kind: "rewrite",
    handle: ({ data }) => ({
      ...data,
      params: data.name === "shell"
        ? { commands: ["ls"] }
        : { ...data.params, type: "update_file", path: "b.txt" },
    }),
  });
  hooks.gate("tool.completed", {
    name: "mask",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, result: "***" }),
  });
  const { agent, ran, tools, shell, editor } = machine();
  const result = await openaiAgentsHooks(hooks, new Runner()).run(agent, "hi");
  await hooks.close();
  assert.deepEqual(new Set(ran), new Set(["ls", "update_file b.txt"]));
  assert.equal(log.count("tool.called"), 2);
  assert.equal(log.count("tool.completed"), 2);
  const { s, p } = told(result);
  const outcome = { type: "exit", exitCode: 0 };
  assert.deepEqual(s?.output, [{ stdout: "***", stderr: "", outcome }]);
  assert.deepEqual([p?.status, p?.output], ["completed", "***"]);
  assert.deepEqual([tools[0].shell, tools[1].editor], [shell, editor]);
});

test("openai-agents: without gates, the shell and apply_patch tools are observed", async () => {
  const { hooks, log } = recorded();
  const { agent, ran } = machine();
  const result = await openaiAgentsHooks(hooks, new Runner()).run(agent, "hi");
  await hooks.close();
  assert.deepEqual(new Set(ran), new Set(["rm", "delete_file a.txt"]));
  const { s, p } = told(result);
  assert.match(JSON.stringify(s?.output), /SECRET/);
  assert.equal(p?.output, "edited");
  assert.deepEqual(
    log.lines.filter((line) => line.startsWith("tool.called")),
    [
      `tool.called p apply_patch {"type":"delete_file","path":"a.txt"}`,
      `tool.called s shell {"commands":["rm"]}`,
    ],
  );
});

/** Runs an agent whose model calls both, until a person is asked. `respond` allows what was asked. */
async function asking(options: object) {
  let allow = () => {};
  const decided = new Promise<{ decision: "allow" }>((resolve) => {
    allow = () => resolve({ decision: "allow" });
  });
  let onAsk = () => decided;
  const asked = new Promise<void>((resolve) => {
    onAsk = () => {
      resolve();
      return decided;
    };
  });
  const { hooks } = recorded({ gates: { onAsk: () => onAsk() } });
  hooks.gate("tool.called", { name: "person", handle: () => ask("Run it?") });
  const { agent, ran } = machine();
  const running = openaiAgentsHooks(hooks, new Runner()).run(agent, "hi", options);
  await asked;
  const respond = async () => {
    allow();
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve));
    await hooks.close();
  };
  return { respond, ran, running };
}

for (const stream of [false, true]) {
  test(`openai-agents: no shell or editor runs after its run was aborted, with stream: ${stream}`, async () => {
    const controller = new AbortController();
    const { respond, ran, running } = await asking({ signal: controller.signal, stream });
    controller.abort();
    const result = await running.catch(() => undefined);
    await result?.completed?.catch(() => {});
    await respond();
    assert.deepEqual(ran, []);
  });
}

test("openai-agents: no shell or editor runs after its stream was cancelled", async () => {
  const { respond, ran, running } = await asking({ stream: true });
  await (await running).toStream().cancel();
  await respond();
  assert.deepEqual(ran, []);
});
