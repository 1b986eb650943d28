import { CommandError } from "./errors.ts";

/** The values in settings. */
type SettingsOptions = {
  readonly url: string;
  /** The environment variable with the token. */
  readonly tokenEnv: string;
  /** Whether Claude Code runs a command instead of sending a request. */
  readonly command?: boolean;
};

/** Settings of an agent, and what to do with them. */
type Settings = { readonly text: string; readonly place: string };

/** How long an agent waits for a hook, in seconds: twice what `hooks gate` takes at most. */
const TIMEOUT = 30;

/** Match a URL, and a variable, that need no quotes in a shell, in TOML or in JSON. */
const PLAIN_URL = /^https?:\/\/[\w.:[\]-]+(?:\/[\w.~/-]*)?$/;
const VARIABLE = /^[A-Za-z_]\w*$/;

/**
 * Returns the settings with which an agent lets gates decide.
 *
 * @throws {CommandError} for a URL or a variable that settings can't have
 */
export function settingsFor(agent: string, options: SettingsOptions): Settings {
  checkOptions(options);
  return { text: textFor(agent, options), place: PLACES[agent]! };
}

function checkOptions({ url, tokenEnv }: SettingsOptions): void {
  if (!PLAIN_URL.test(url)) {
    throw new CommandError(
      "Cannot print settings: the URL must start with http:// or https://, without a user name, a query, " +
        "or special characters",
      ["Set --url or HOOKS_URL to the address of the server"],
      2,
    );
  }
  if (!VARIABLE.test(tokenEnv)) {
    throw new CommandError("Cannot print settings: --token-env is not the name of a variable", [
      "Pass the name, such as HOOKS_TOKEN, and not the token",
    ], 2);
  }
}

function textFor(agent: string, options: SettingsOptions): string {
  const command = commandFor(agent, options);
  switch (agent) {
    case "claude-code":
      return json({ hooks: claudeCode(options, command) });
    case "copilot": {
      const hook = { type: "command", command, timeoutSec: TIMEOUT };
      return json({ version: 1, hooks: Object.fromEntries(COPILOT.map((name) => [name, [hook]])) });
    }
    case "codex":
      return CODEX.map((event) => toml(event, command)).join("\n\n");
    case "gemini": {
      const hook = { type: "command", name: "hooks-gate", command, timeout: TIMEOUT * 1000 };
      return json({
        hooks: Object.fromEntries(GEMINI.map((event) => [event, [{ hooks: [hook] }]])),
      });
    }
    default: {
      const hooks = Object.fromEntries(CURSOR.map(([event, isGuard]) => [
        event,
        [{ command, ...(isGuard && { failClosed: true }) }],
      ]));
      return json({ version: 1, hooks });
    }
  }
}

/** Where settings belong, and what they don't block. */
const PLACES: Readonly<Record<string, string>> = {
  "claude-code":
    "Merge this into .claude/settings.local.json, or ~/.claude/settings.json for all projects.",
  copilot:
    "Save this as .github/hooks/gate.json. Copilot runs the tool if a hook takes longer than timeoutSec.",
  codex:
    "Add this to ~/.codex/config.toml. Codex runs the tool if a hook takes longer than timeout.",
  gemini: "Merge this into .gemini/settings.json, or ~/.gemini/settings.json for all projects.",
  cursor: "Merge this into .cursor/hooks.json, or ~/.cursor/hooks.json for all projects.",
};

/** The hooks of Claude Code, and whether a failure blocks. */
const CLAUDE_CODE: readonly (readonly [event: string, isGuard: boolean])[] = [
  ["PreToolUse", true],
  ["PermissionRequest", true],
  ["PreSkillShellCommand", true],
  ["UserPromptSubmit", true],
  ["PostToolUse", true],
  ["PostToolUseFailure", false],
  ["PermissionDenied", false],
  ["SubagentStart", false],
  ["SubagentStop", false],
  ["Stop", false],
  ["StopFailure", false],
  ["Notification", false],
  ["SessionEnd", false],
];

const COPILOT = [
  "PreToolUse",
  "PermissionRequest",
  "PostToolUse",
  "PostToolUseFailure",
  "UserPromptSubmit",
  "Stop",
  "SubagentStart",
  "SubagentStop",
  "SessionStart",
  "SessionEnd",
  "ErrorOccurred",
];

const CODEX = [
  "PreToolUse",
  "PermissionRequest",
  "PostToolUse",
  "UserPromptSubmit",
  "SessionStart",
  "Stop",
];

const GEMINI = [
  "BeforeTool",
  "AfterTool",
  "BeforeAgent",
  "AfterAgent",
  "SessionStart",
  "SessionEnd",
];

const CURSOR: readonly (readonly [event: string, isGuard: boolean])[] = [
  ["preToolUse", true],
  ["beforeSubmitPrompt", true],
  ["afterShellExecution", false],
  ["afterMCPExecution", false],
  ["afterFileEdit", false],
  ["afterAgentResponse", false],
  ["stop", false],
];

function claudeCode(
  { url, tokenEnv, command: isCommand }: SettingsOptions,
  command: string,
): Readonly<Record<string, unknown>> {
  const hook = isCommand ? { type: "command", command, timeout: TIMEOUT } : {
    type: "http",
    url: `${url}/gates/claude-code`,
    timeout: TIMEOUT,
    headers: { Authorization: `Bearer $${tokenEnv}` },
    allowedEnvVars: [tokenEnv],
  };
  return Object.fromEntries(CLAUDE_CODE.map(([event, isGuard]) => [
    event,
    [{ hooks: [{ ...hook, ...(isGuard && { onFailure: "block" }) }] }],
  ]));
}

function commandFor(agent: string, { url, tokenEnv }: SettingsOptions): string {
  const token = tokenEnv === "HOOKS_TOKEN" ? "" : ` --token-env ${tokenEnv}`;
  return `hooks gate --dialect ${agent} --url ${url}${token}`;
}

function toml(event: string, command: string): string {
  return `[[hooks.${event}]]
[[hooks.${event}.hooks]]
type = "command"
command = ${JSON.stringify(command)}
timeout = ${TIMEOUT}`;
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
