import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import {
  decodeClaudeCodeOutput,
  encodeClaudeCodeInput,
} from "../../src/dialects/claude_code_gate.ts";
import {
  claudeCode,
  decidedEvent,
  type Dialect,
  dialects,
  type HookOutcome,
} from "../../src/dialects/mod.ts";
import { createEvent } from "../../src/core/snapshot.ts";
import { test } from "../support/harness.ts";

/** What a golden file has: an input, what it is read as, and the response to each outcome. */
type Golden = {
  readonly input: Readonly<Record<string, unknown>>;
  readonly session: string | null;
  readonly run: string | null;
  readonly events: readonly unknown[];
  /** The fields that a gate changes in `responses.rewrite`. */
  readonly rewrite?: Readonly<Record<string, unknown>>;
  readonly responses: Readonly<Record<string, unknown>>;
};

const FAILURE = "The hooks server could not decide: Token could not be verified";
const gates = (verdict: "allow" | "deny" | "ask" | "none" | "rewritten"): HookOutcome["gates"] => [
  { name: "policy", kind: "check", mode: "enforce", verdict, duration_ms: 1 },
];
const outcomes: Readonly<Record<string, Omit<HookOutcome, "data">>> = {
  no_opinion: { decision: "allow", gates: [] },
  context: { decision: "allow", context: "Prefer git clean", gates: gates("allow") },
  context_alone: { decision: "allow", context: "Prefer git clean", gates: gates("none") },
  allow: { decision: "allow", reason: "known command", gates: gates("allow") },
  approve: { decision: "allow", reason: "known command", gates: gates("allow") },
  rewrite: { decision: "allow", gates: gates("rewritten") },
  deny: { decision: "deny", reason: "Builds are kept", gates: gates("deny") },
  interrupt: { decision: "deny", reason: "Builds are kept", interrupt: true, gates: gates("deny") },
  ask: { decision: "ask", reason: "Remove the build?", gates: gates("ask") },
};

for (const dialect of dialects) {
  const folder = dialect.name.replace("-", "_");
  const directory = new URL(`../dialects/${folder}/`, import.meta.url);
  for (const file of readdirSync(directory).sort()) {
    const golden: Golden = JSON.parse(readFileSync(new URL(file, directory), "utf8"));
    test(`${dialect.title} ${file.slice(0, -5)} is read and responded to as recorded`, () => {
      check(dialect, golden);
    });
  }
}

function check(
  dialect: Dialect,
  { input, session, run, events, rewrite, responses }: Golden,
): void {
  const call = dialect.decode(input);
  assert.ok(!("invalid" in call), JSON.stringify(call));
  assert.deepEqual(
    { session: call.sessionId ?? null, run: call.runId ?? null, events: call.events },
    { session, run, events },
  );
  const judged = decidedEvent(call)?.data;
  for (const [name, expected] of Object.entries(responses)) {
    const data = name === "rewrite" ? { ...judged, ...rewrite } : judged;
    const actual: unknown = name === "failure"
      ? dialect.fail(input, FAILURE)
      : dialect.encode(call, { ...outcomes[name]!, data }, { approve: name === "approve" });
    assert.deepEqual(actual, expected, name);
  }
}

test("Gemini CLI can't apply a rewrite that removes a parameter, whatever its name", () => {
  const gemini = dialects.find(({ name }) => name === "gemini")!;
  for (const name of ["force", "constructor", "toString"]) {
    const call = gemini.decode({
      hook_event_name: "BeforeTool",
      session_id: "s-1",
      tool_name: "run_shell_command",
      tool_input: { command: "ls", [name]: "evil" },
    });
    assert.ok(!("invalid" in call), JSON.stringify(call));
    const data = { ...decidedEvent(call)?.data, params: { command: "ls" } };
    assert.deepEqual(gemini.encode(call, { ...outcomes["rewrite"]!, data }, { approve: false }), {
      decision: "deny",
      reason: "A gate removed a parameter, which Gemini CLI can't apply",
    });
  }
});

test("an event is sent to a Claude Code hook in Claude Code's own format", () => {
  const data = { name: "Bash", call_id: "toolu_01", params: { command: "ls" }, agent_id: "a-1" };
  assert.deepEqual(encodeClaudeCodeInput(createEvent("tool.called", data, { sessionId: "s-1" })), {
    transcript_path: "",
    cwd: "",
    session_id: "s-1",
    agent_id: "a-1",
    hook_event_name: "PreToolUse",
    tool_name: "Bash",
    tool_input: { command: "ls" },
    tool_use_id: "toolu_01",
  });
  const input = JSON.parse(
    readFileSync(new URL("../dialects/claude_code/PostToolUse.json", import.meta.url), "utf8"),
  ).input;
  const call = claudeCode.decode(input);
  assert.ok(!("invalid" in call));
  const event = createEvent("tool.completed", call.events[0]!.data, call);
  const sent = encodeClaudeCodeInput(event)!;
  assert.deepEqual(sent, { ...input, tool_response: JSON.stringify(input.tool_response) });
  assert.equal(
    encodeClaudeCodeInput(createEvent("job.executed", {}, { sessionId: "s-1" })),
    undefined,
  );
});

test("an output of a Claude Code hook is read as a verdict, or as new data", () => {
  const event = createEvent("tool.called", { name: "Bash", params: { command: "ls" } }, {
    sessionId: "s-1",
  });
  const read = (specific: object, top: object = {}) =>
    decodeClaudeCodeOutput(event, {
      ...top,
      hookSpecificOutput: { hookEventName: "PreToolUse", ...specific },
    });
  assert.deepEqual(decodeClaudeCodeOutput(event, {}), {});
  const deny = { permissionDecision: "deny", permissionDecisionReason: "no" };
  assert.deepEqual(read(deny), { verdict: { decision: "deny", reason: "no" } });
  assert.deepEqual(read({ permissionDecision: "ask" }), {
    verdict: { decision: "ask", reason: "Allow this?" },
  });
  assert.deepEqual(read(deny, { decision: "approve" }), read(deny));
  assert.deepEqual(decodeClaudeCodeOutput(event, { continue: false, stopReason: "over" }), {
    verdict: { decision: "deny", reason: "over", interrupt: true },
  });
  assert.deepEqual(read({ updatedInput: { command: "ls -l" } }), {
    data: { name: "Bash", params: { command: "ls -l" } },
  });
});

test("context of a Claude Code hook doesn't approve a call", () => {
  const read = (type: "tool.called" | "tool.completed", specific: object) => {
    const data = { name: "Bash", params: { command: "ls" } };
    const event = createEvent(type, data, { sessionId: "s-1" });
    const { hook_event_name: hookEventName } = encodeClaudeCodeInput(event)!;
    const additionalContext = "The branch is main";
    return decodeClaudeCodeOutput(event, {
      hookSpecificOutput: { hookEventName, additionalContext, ...specific },
    });
  };
  const context = "The branch is main";
  const verdict = { decision: "none", context };
  assert.deepEqual(read("tool.called", {}), { verdict });
  assert.deepEqual(read("tool.called", { permissionDecision: "allow" }), {
    verdict: { decision: "allow", context },
  });
  const params = { command: "ls -l" };
  const data = { name: "Bash", params };
  assert.deepEqual(read("tool.called", { updatedInput: params }), { verdict, data });
  assert.deepEqual(read("tool.completed", {}), { verdict });
});

test("an output that denies is a deny, even if Claude Code would ignore it or another field allows", () => {
  const event = createEvent("tool.called", { name: "Bash", params: {} }, { sessionId: "s-1" });
  const pre = (fields: object) => ({ hookEventName: "PreToolUse", ...fields });
  const outputs: readonly unknown[] = [
    { decision: "block", hookSpecificOutput: pre({ permissionDecision: "allow" }) },
    { decision: "block", hookSpecificOutput: pre({ permissionDecision: "ask", updatedInput: {} }) },
    { decision: "approve", hookSpecificOutput: pre({ permissionDecision: "deny" }) },
    { decision: "block", hookSpecificOutput: null },
    { decision: "deny" },
    { async: true, decision: "block" },
    { permissionDecision: "deny" },
    { hookSpecificOutput: { permissionDecision: "deny" } },
    { hookSpecificOutput: { hookEventName: "PostToolUse", permissionDecision: "deny" } },
    { hookSpecificOutput: pre({ permissionDecision: "block", updatedInput: "rm" }) },
    { hookSpecificOutput: { hookEventName: "PostToolUse", decision: "block" } },
    { hookSpecificOutput: { decision: { behavior: "deny" } } },
    { continue: false, hookSpecificOutput: pre({ permissionDecision: "allow" }) },
  ];
  for (const output of outputs) {
    const read = decodeClaudeCodeOutput(event, output);
    assert.equal("verdict" in read && read.verdict?.decision, "deny", JSON.stringify(output));
  }
});

test("an output that Claude Code would ignore is invalid, not an absent opinion", () => {
  const event = createEvent("tool.called", { name: "Bash", params: {} }, { sessionId: "s-1" });
  const outputs: readonly unknown[] = [
    null,
    [],
    "deny",
    { async: true },
    { decision: "ask" },
    { hookSpecificOutput: "deny" },
    { hookSpecificOutput: { permissionDecision: "allow" } },
    { hookSpecificOutput: { hookEventName: "PostToolUse", permissionDecision: "allow" } },
    { hookSpecificOutput: { hookEventName: "PreToolUse", permissionDecision: "approve" } },
    { hookSpecificOutput: { hookEventName: "PreToolUse", updatedInput: "rm" } },
    { hookSpecificOutput: { hookEventName: "PreToolUse", permisionDecision: "deny" } },
    { continue: "false" },
    { desicion: "block" },
    { ...encodeClaudeCodeInput(event) },
  ];
  for (const output of outputs) {
    const read = decodeClaudeCodeOutput(event, output);
    assert.ok("invalid" in read, JSON.stringify(output));
  }
});
