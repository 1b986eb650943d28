/**
 * Receivers of the Go package parse what is sent, with all fields that it doesn't have. Its structs are in
 * go_structs/main.go.
 * @module
 */
import assert from "node:assert/strict";
import { type AgentEvents, createHooks, encodeEvent } from "@omniagent/hooks";
import { root } from "../../tools/run.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

const TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const AGENT = { agent_id: "researcher", parent_agent_id: "planner" };
const USAGE = { input_tokens: 10, output_tokens: 2, reasoning_tokens: 1 };

/** Payloads with fields that the Go package doesn't have, and what it makes of them. */
const EVENTS: readonly {
  readonly [Type in keyof AgentEvents]: readonly [type: Type, data: AgentEvents[Type], go: unknown];
}[keyof AgentEvents][] = [
  [
    "tool.called",
    { ...AGENT, name: "bash", params: { command: "ls" }, call_id: "c-1", decision_id: "d-1" },
    { name: "bash", params: { command: "ls" } },
  ],
  [
    "tool.completed",
    { ...AGENT, name: "bash", call_id: "c-1", result: "a.txt", duration_ms: 5 },
    { name: "bash", result: "a.txt" },
  ],
  [
    "tool.denied",
    { ...AGENT, name: "bash", call_id: "c-1", reason: "no", gate: "policy", decision_id: "d-1" },
    { name: "bash" },
  ],
  ["message.received", { ...AGENT, role: "user", content: "hi" }, { role: "user", content: "hi" }],
  [
    "session.created",
    { ...AGENT, session_id: "s-1", action: "created" },
    { session_id: "s-1", action: "created" },
  ],
  [
    "job.executed",
    { ...AGENT, job_id: "1", job_name: "sweep", success: true },
    { job_id: "1", job_name: "sweep", success: true },
  ],
  [
    "agent.end",
    {
      ...AGENT,
      run_id: "run-1",
      session_id: "s-1",
      success: true,
      aborted: false,
      response: "done",
      duration_ms: 12,
      usage: USAGE,
      cost_usd: 0.01,
    },
    { session_id: "s-1", success: true, aborted: false, response: "done", duration_ms: 12 },
  ],
  [
    "model.completed",
    { ...AGENT, model: "m", call_id: "c-2", usage: USAGE, duration_ms: 3 },
    { ...AGENT, model: "m", call_id: "c-2", usage: USAGE, duration_ms: 3 },
  ],
];

test(
  "the structs of the Go package parse events with a run, a trace and new payload fields",
  async () => {
    const hooks = createHooks({ logger: silentLogger });
    const lines: Uint8Array[] = [];
    hooks.on("*", (event) => void lines.push(encodeEvent(event)));
    for (const [type, data] of EVENTS) {
      await hooks.emit(type, data, { sessionId: "s-1", runId: "run-1", traceparent: TRACE });
    }
    await hooks.close();
    const child = new Deno.Command("go", {
      args: ["run", `${root}/tests/house/go_structs/main.go`],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const input = lines.map((line) => `${new TextDecoder().decode(line)}\n`).join("");
    await new Blob([input]).stream().pipeTo(child.stdin);
    const { success, stdout, stderr } = await child.output();
    assert.ok(success, new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout));
    const got = new TextDecoder().decode(stdout).trim().split("\n").map((line) => {
      const [, type, session, json] = /^(\S+) (\S+) \S+Z (.*)$/.exec(line)!;
      return [type, session, JSON.parse(json!)];
    });
    assert.deepEqual(got, EVENTS.map(([type, , go]) => [type, "s-1", go]));
  },
  { skip: await hasGo() ? undefined : "go is not installed" },
);

async function hasGo(): Promise<boolean> {
  try {
    return (await new Deno.Command("go", { args: ["version"] }).output()).success;
  } catch {
    return false;
  }
}
