import { isObject } from "../internal/validate.ts";
import { decided, decidedEnd, decidedFirst, type HookRule, TOOL } from "./decode.ts";
import {
  defineDialect,
  type DialectDefinition,
  type Judged,
  specificOutput,
  stopOutput,
  whyDenied,
} from "./define_dialect.ts";
import type { Dialect, Fields } from "./dialect.ts";

const rules: Readonly<Record<string, HookRule>> = {
  BeforeTool: { required: TOOL, events: (_, report) => [decided(report.tool("tool.called"))] },
  AfterTool: {
    required: TOOL,
    events: ({ tool_response }, report) => {
      // What the model reads. The rest is what the user sees.
      const text = isObject(tool_response) && tool_response.llmContent !== undefined
        ? tool_response.llmContent
        : tool_response;
      return [decided(report.result("tool_response", text))];
    },
  },
  BeforeAgent: {
    required: { prompt: "text" },
    events: (_, report) => decidedFirst(report.prompt()),
  },
  AfterAgent: { events: (input, report) => decidedEnd(input, report.end("prompt_response")) },
  SessionStart: { events: (_, report) => [report.session()] },
};

/** Returns a denial, with text for the model where the hook accepts it. */
function denied(judged: Judged): Fields {
  return { ...stopOutput(judged), decision: "deny", reason: whyDenied(judged) };
}

const outputs: DialectDefinition["outputs"] = {
  BeforeTool: (judged, { tool_input }) => {
    if (judged.decision !== "allow") return denied(judged);
    if (judged.changed === undefined) return {};
    // Gemini CLI adds the new fields to the old ones: it can't remove any.
    const changed = judged.changed as Fields;
    const lost = isObject(tool_input) &&
      Object.keys(tool_input).some((name) => !Object.hasOwn(changed, name));
    return lost
      ? { decision: "deny", reason: "A gate removed a parameter, which Gemini CLI can't apply" }
      : specificOutput("BeforeTool", { tool_input: changed });
  },
  // The reason of a deny replaces the result.
  AfterTool: (judged) => {
    const { decision, changed, context } = judged;
    const output = decision !== "allow"
      ? denied(judged)
      : changed === undefined
      ? {}
      : { decision: "deny", reason: String(changed) || "The result was removed by a gate" };
    return { ...output, ...specificOutput("AfterTool", { additionalContext: context }) };
  },
  BeforeAgent: (judged) => ({
    ...(judged.decision !== "allow" && denied(judged)),
    ...specificOutput("BeforeAgent", { additionalContext: judged.context }),
  }),
  AfterAgent: (judged) => judged.decision === "allow" ? {} : denied(judged),
};

/**
 * Hooks of Gemini CLI, which are commands.
 *
 * Source: `docs/hooks/reference.md` in github.com/google-gemini/gemini-cli, commit 06c0d81.
 */
export const gemini: Dialect = /* @__PURE__ */ defineDialect({
  name: "gemini",
  title: "Gemini CLI",
  example: {
    input: {
      session_id: "6c1f0f2e-5f1d-4a51-9a39-2f1f0f7b8c6d",
      transcript_path: "/home/ada/.gemini/tmp/shop/chats/session.json",
      cwd: "/home/ada/shop",
      hook_event_name: "BeforeTool",
      timestamp: "2026-04-22T10:30:00.000Z",
      tool_name: "run_shell_command",
      tool_input: { command: "rm -rf build" },
    },
    output: { decision: "deny", reason: "Builds are kept" },
  },
  rules,
  outputs,
  asks: [],
  exits: ["BeforeTool", "AfterTool", "BeforeAgent"],
  replaced: { BeforeTool: "params", AfterTool: "result" },
  unreadable: (reason) => ({ continue: false, stopReason: reason, decision: "deny", reason }),
  unrecorded: (reason) => ({ systemMessage: reason }),
});
