/**
 * The rules of docs/gates.md, "What you can rely on", where no other file tests them:
 *
 * - order, atomic rewrites, merging, time, failures: internal/gates/run_gates_test.ts, over HTTP webhook/gate/
 * - what was judged is what runs, and repeated calls: gates_test.ts, gates_repeat_test.ts
 * - recorded first, and asks: gates_test.ts, gates_record_test.ts, asks_test.ts, sim/gates_test.ts
 * - a store that fails or hangs: gates_store_test.ts, gates_abort_test.ts
 * - observers don't interfere: observer_test.ts, adapters/
 * - a denial is a value, and required gates: gates_test.ts, gates_result_test.ts
 * - subagents: run_identity_test.ts
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createHooks, type HookEvent, WebhookHook } from "@omniagent/hooks";
import { allow } from "@omniagent/hooks/gates";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

/** Hooks, and the events that they emit. */
function recorded() {
  const errors: unknown[] = [];
  const hooks = createHooks({ logger: silentLogger, onError: (error) => void errors.push(error) });
  const events: HookEvent[] = [];
  hooks.on("*", (event) => void events.push(event as HookEvent));
  return { hooks, events, errors, types: () => events.map(({ type }) => type) };
}

test("rewrites run by priority, then by registration, and the first check gives the reason", async () => {
  const { hooks } = recorded();
  const add = (name: string, priority?: number) => {
    hooks.gate("tool.called", {
      name,
      kind: "rewrite",
      priority,
      handle: ({ data }) => ({ ...data, params: { by: `${data.params?.by ?? ""}${name}` } }),
    });
    const handle = () => allow(`${name} is first`);
    hooks.gate("tool.called", { name: `check-${name}`, priority, handle });
  };
  add("c");
  add("e", -1);
  add("a", 10);
  add("d");
  add("b", 5);
  const { data, reason } = await hooks.decide("tool.called", { name: "bash" });
  assert.deepEqual(data.params, { by: "abcde" });
  assert.equal(reason, "a is first");
});

test("results are judged raw and final, which are 'tool.completed' and 'message.sent'", async () => {
  const { hooks } = recorded();
  const seen: unknown[] = [];
  hooks.gate("*", {
    name: "check",
    handle: ({ type }, { final }) => void seen.push([type, final]),
  });
  hooks.gate("*", { name: "rewrite", kind: "rewrite", handle: ({ data }) => data as never });
  const message = { role: "assistant", content: "hi" };
  await hooks.decide("message.sent", message);
  await hooks.decide("tool.completed", { name: "bash", result: "a" });
  await hooks.decide("message.received", message);
  await hooks.decide("tool.called", { name: "bash" });
  assert.deepEqual(seen, [
    ["message.sent", false],
    ["message.sent", true],
    ["tool.completed", false],
    ["tool.completed", true],
    ["message.received", true],
    ["tool.called", true],
  ]);
});

test("the digest of a decision is the SHA-256 of the canonical JSON of its data (RFC 8785)", async () => {
  const { hooks, events } = recorded();
  hooks.gate("tool.called", { name: "check", handle: () => undefined });
  const params = {
    b: [1e21, 0.000001, -0, 1.0],
    "\u20ac": "\u2028\n\ud83d\ude00",
    a: { "\r": null, 1: true },
  };
  const { digest } = await hooks.decide("tool.called", { params, name: "bash" });
  const canonical = '{"name":"bash","params":' +
    '{"a":{"\\r":null,"1":true},"b":[1e+21,0.000001,0,1],"\u20ac":"\u2028\\n\ud83d\ude00"}}';
  const expected = createHash("sha256").update(canonical).digest("hex");
  const { digest_in, digest_out } = events.find(({ type }) => type === "gate.decided")!
    .data as Record<string, string>;
  assert.deepEqual([digest, digest_in, digest_out], [expected, expected, expected]);
});

test("without gates for its type, decide() allows an event, emits it, and records nothing", async () => {
  const { hooks, types } = recorded();
  hooks.gate("message.*", { name: "other", handle: () => assert.fail("called") });
  const data = { name: "bash", params: { command: "ls" } };
  const decision = await hooks.decide("tool.called", data);
  assert.deepEqual(
    { ...decision, id: "" },
    { id: "", decision: "allow", data, gates: [] },
  );
  assert.deepEqual(types(), ["tool.called"]);
});

test("an inline webhook that fails changes no decision or result, and tool.completed is emitted once", async () => {
  const { hooks, errors, types } = recorded();
  hooks.use(
    new WebhookHook({
      name: "down",
      events: ["*"],
      url: "https://down.example/",
      retryCount: 0,
      fetch: () => Promise.reject(new TypeError("refused")),
    }),
  );
  hooks.gate("tool.called", { name: "check", handle: () => allow() });
  assert.equal(await hooks.call("bash", {}, () => "ran"), "ran");
  await hooks.close();
  assert.deepEqual(types().sort(), ["gate.decided", "tool.called", "tool.completed"]);
  assert.equal(errors.length, 3);
});
