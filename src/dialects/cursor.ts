import { findDuplicateKey, parseJson } from "../internal/json_text.ts";
import { isObject } from "../internal/validate.ts";
import { decided, type EventBuilder, type HookRule } from "./decode.ts";
import { defineDialect, type DialectDefinition, type Judged, whyDenied } from "./define_dialect.ts";
import { type Dialect, type Fields, present, textOf } from "./dialect.ts";

const rules: Readonly<Record<string, HookRule>> = {
  preToolUse: {
    required: { tool_name: "text", tool_input: "object" },
    events: (_, report) => [decided(report.tool("tool.called"))],
  },
  beforeShellExecution: {
    required: { command: "text" },
    events: (input, report) => [
      decided(report.event("tool.called", shell(input), ["command"])),
    ],
  },
  beforeMCPExecution: {
    required: { tool_name: "text", tool_input: "object" },
    events: (_, report) => [decided(report.tool("tool.called"))],
  },
  beforeReadFile: {
    required: { file_path: "text" },
    // Not the content, which a gate may withhold.
    events: ({ file_path }, report) => [
      decided(report.event("tool.called", { name: "Read", params: { file_path } }, [
        "file_path",
        "content",
      ])),
    ],
  },
  beforeSubmitPrompt: {
    required: { prompt: "text" },
    events: (_, report) => {
      const [message, ...others] = report.prompt();
      return [decided(message!), ...others];
    },
  },
  afterShellExecution: {
    events: (input, report) => [
      completed(report, input, shell(input), "output", ["command"]),
    ],
  },
  afterMCPExecution: {
    events: (input, report) => {
      const { tool_name: name, tool_input: params } = input;
      // Anything but an object stays in `client`.
      const [call, used] = isObject(params)
        ? [{ name, params }, ["tool_name", "tool_input"]]
        : [{ name }, ["tool_name"]];
      return [completed(report, input, call, "result_json", used)];
    },
  },
  afterAgentResponse: {
    events: ({ text }, report) => [
      report.event("message.sent", { role: "assistant", content: String(text ?? "") }, ["text"]),
    ],
  },
  stop: {
    events: ({ status }, report) => {
      const aborted = status === "aborted";
      return report.end("response", { success: status === "completed", aborted });
    },
  },
  sessionStart: { events: (_, report) => [report.session()] },
};

function shell({ command }: Fields): Fields {
  return { name: "Shell", params: { command } };
}

function completed(
  report: EventBuilder,
  input: Fields,
  call: Fields,
  field: string,
  used: readonly string[],
): ReturnType<typeof decided> {
  const { duration } = input;
  const more = {
    result: textOf(input, field),
    duration_ms: typeof duration === "number" ? duration : undefined,
  };
  return report.event("tool.completed", { ...call, ...more }, [...used, field, "duration"]);
}

/** Tells the user why, and the model where the hook allows it. */
function denied(judged: Judged): Fields {
  const reason = whyDenied(judged);
  return { permission: "deny", user_message: reason, agent_message: reason };
}

/** The hooks of the first versions, which can ask. */
const before: DialectDefinition["outputs"][string] = (judged) => {
  if (judged.decision === "deny") return denied(judged);
  if (judged.decision === "allow") return judged.isApproved ? { permission: "allow" } : {};
  return present({
    permission: "ask",
    user_message: judged.reason,
    agent_message: judged.reason,
  });
};

const outputs: DialectDefinition["outputs"] = {
  preToolUse: (judged) => {
    const { decision, changed, isApproved } = judged;
    if (decision !== "allow") return denied(judged);
    if (changed !== undefined) return { permission: "allow", updated_input: changed };
    return isApproved ? { permission: "allow" } : {};
  },
  beforeShellExecution: before,
  beforeMCPExecution: before,
  beforeReadFile: (judged) =>
    judged.decision === "allow" ? {} : { permission: "deny", user_message: whyDenied(judged) },
  beforeSubmitPrompt: (judged) =>
    judged.decision === "allow"
      ? { continue: true }
      : { continue: false, user_message: whyDenied(judged) },
};

/**
 * Hooks of Cursor, which are commands. Only what several programs that implement them agree on is used.
 *
 * Sources: cursor.com/docs/agent/hooks; cupcake.eqtylab.io/reference/harnesses/cursor;
 * cdot65.github.io/prisma-airs-cursor-hooks/reference/cursor-hooks-api; Cursor 2.0.
 */
export const cursor: Dialect = /* @__PURE__ */ defineDialect({
  name: "cursor",
  title: "Cursor",
  example: {
    input: {
      conversation_id: "668320d2-2fd8-4888-b33c-2a466fec86e7",
      generation_id: "490b90b7-a2ce-4c2c-bb76-cb77b125df2f",
      hook_event_name: "beforeShellExecution",
      workspace_roots: ["/home/ada/shop"],
      command: "rm -rf build",
      cwd: "/home/ada/shop",
    },
    output: {
      permission: "deny",
      user_message: "Builds are kept",
      agent_message: "Builds are kept",
    },
  },
  rules,
  outputs,
  asks: ["beforeShellExecution", "beforeMCPExecution"],
  exits: [
    "preToolUse",
    "beforeShellExecution",
    "beforeMCPExecution",
    "beforeReadFile",
    "beforeSubmitPrompt",
  ],
  replaced: { preToolUse: "params" },
  unreadable: (reason) => ({
    permission: "deny",
    continue: false,
    user_message: reason,
    agent_message: reason,
  }),
  unrecorded: () => ({}),
  prepare: ({ conversation_id, generation_id, ...input }) => ({
    ...present({ session_id: conversation_id, turn_id: generation_id }),
    ...input,
    ...(typeof input.tool_input === "string" && { tool_input: parsed(input.tool_input) }),
  }),
});

/**
 * Returns the parameters of a tool, which some hooks send as JSON text. Text that another parser may read
 * differently doesn't count as an object: the tool would run with other parameters than were judged.
 */
function parsed(text: string): unknown {
  const { value, issues } = parseJson(text);
  const isExact = issues.length === 0 && findDuplicateKey(text) === undefined;
  return isExact && isObject(value) ? value : text;
}
