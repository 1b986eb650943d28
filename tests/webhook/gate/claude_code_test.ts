/**
 * A Claude Code HTTP hook server as a gate.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../../support/harness.ts";
import { CALL, fakeGate, gated } from "./helpers.ts";

const format = "claude-code";
const pre = (fields: object) => ({
  hookSpecificOutput: { hookEventName: "PreToolUse", ...fields },
});
const respond = (output: unknown) => fakeGate(() => Response.json(output));

test("a Claude Code hook is sent its own JSON, and its decision is applied", async () => {
  const { fetch, requests } = respond(
    pre({ permissionDecision: "deny", permissionDecisionReason: "Use the trash" }),
  );
  const { hooks } = gated({ fetch, format });
  const options = { sessionId: "s-1" };
  const made = await hooks.decide("tool.called", { ...CALL, call_id: "toolu_1" }, options);
  assert.deepEqual([made.decision, made.reason], ["deny", "Use the trash"]);
  const { hook_event_name, session_id, tool_name, tool_input, tool_use_id, gate } = JSON.parse(
    requests[0]!.body,
  );
  assert.deepEqual(
    { hook_event_name, session_id, tool_name, tool_input, tool_use_id, gate },
    {
      hook_event_name: "PreToolUse",
      session_id: "s-1",
      tool_name: "bash",
      tool_input: CALL.params,
      tool_use_id: "toolu_1",
      gate: undefined,
    },
  );
  assert.equal(requests[0]!.headers.get("webhook-id"), made.id);
});

test("fields about Claude Code's own screen are neither a verdict nor a failure", async () => {
  const fields = { hookEventName: "UserPromptSubmit", suppressOriginalPrompt: true };
  const { fetch } = respond({ hookSpecificOutput: fields, suppressOutput: true });
  const { hooks, last } = gated({ fetch, format, events: ["message.received"] });
  const message = { role: "user", content: "hello" };
  assert.equal((await hooks.decide("message.received", message)).decision, "allow");
  assert.equal(last().verdict, "none");
});

test("'{}', 204 and an empty 200 are no opinion", async () => {
  for (const response of [Response.json({}), new Response(null, { status: 204 })]) {
    const { decide, last } = gated({ fetch: fakeGate(() => response).fetch, format });
    assert.deepEqual([(await decide()).decision, last().verdict], ["allow", "none"]);
  }
});

test("'block', 'continue: false' and 'ask' are applied, and 'defer' asks", async () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ decision: "block", reason: "no" }, "no"],
    [{ continue: false, stopReason: "over" }, "over"],
    [pre({ permissionDecision: "ask", permissionDecisionReason: "Ok?" }), "Approval"],
    [pre({ permissionDecision: "defer" }), "Approval"],
  ];
  for (const [output, reason] of cases) {
    const made = await gated({ fetch: respond(output).fetch, format }).decide();
    assert.equal(made.decision, "deny");
    assert.match(made.reason!, new RegExp(reason));
  }
});

test("context alone is passed to the model, and counts as no opinion", async () => {
  const { hooks, last } = gated({
    fetch: respond(pre({ additionalContext: "On main" })).fetch,
    format,
  });
  const made = await hooks.decide("tool.called", CALL);
  assert.deepEqual([made.decision, made.context, made.reason], ["allow", "On main", undefined]);
  assert.equal(last().verdict, "none");
  let isApproved: boolean | undefined;
  await hooks.call("bash", CALL.params, (_, context) => void (isApproved = context.isApproved));
  assert.equal(isApproved, false);
});

test("context of a rewrite is kept with its new input", async () => {
  const output = pre({ updatedInput: { command: "ls" }, additionalContext: "Listed instead" });
  const made = await gated({ fetch: respond(output).fetch, format, kind: "rewrite" }).decide();
  assert.deepEqual(made.data, { ...CALL, params: { command: "ls" } });
  assert.equal(made.context, "Listed instead");
});

test("'updatedInput' rewrites the parameters for a rewrite, and fails for a check", async () => {
  const output = pre({ permissionDecision: "allow", updatedInput: { command: "ls" } });
  const { fetch } = respond(output);
  const made = await gated({ fetch, format, kind: "rewrite" }).decide();
  assert.deepEqual(made.data, { ...CALL, params: { command: "ls" } });
  const check = gated({ fetch: respond(output).fetch, format });
  assert.deepEqual([(await check.decide()).decision, check.last().failure], ["deny", "invalid"]);
  const asks = pre({ permissionDecision: "ask", updatedInput: { command: "ls" } });
  const asking = gated({ fetch: respond(asks).fetch, format, kind: "rewrite" });
  assert.deepEqual([(await asking.decide()).decision, asking.last().failure], ["deny", "invalid"]);
});

test("output that Claude Code would ignore as invalid is a deny", async () => {
  const outputs: readonly unknown[] = [
    [],
    { decision: "allow" },
    { async: true },
    pre({ permissionDecision: "approve" }),
    pre({ permisionDecision: "deny" }),
    { hookSpecificOutput: { hookEventName: "PostToolUse", permissionDecision: "allow" } },
    { hookSpecificOutput: { permissionDecision: "allow" } },
    { decison: "block" },
  ];
  for (const output of outputs) {
    const { decide, last } = gated({ fetch: respond(output).fetch, format });
    assert.deepEqual([(await decide()).decision, last().failure], ["deny", "invalid"]);
  }
});

test("results and prompts are sent as PostToolUse and UserPromptSubmit", async () => {
  const { fetch, requests } = fakeGate((_, body) => {
    const { hook_event_name } = JSON.parse(body);
    return hook_event_name === "PostToolUse"
      ? Response.json({
        hookSpecificOutput: { hookEventName: "PostToolUse", updatedToolOutput: "***" },
      })
      : Response.json({ decision: "block", reason: "Not this" });
  });
  const events = ["tool.completed", "message.received"];
  const { hooks } = gated({ fetch, format, kind: "rewrite", events });
  assert.equal(await hooks.call("env", {}, () => "KEY=1"), "***");
  const made = await hooks.decide("message.received", { role: "user", content: "hi" });
  assert.deepEqual([made.decision, made.reason], ["deny", "Not this"]);
  assert.equal(JSON.parse(requests[0]!.body).tool_response, "KEY=1");
  assert.equal(JSON.parse(requests[1]!.body).prompt, "hi");
});
