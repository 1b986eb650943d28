import { canonicalJson } from "../../internal/json_text.ts";

/** A call whose input was changed after Claude Code had completed it. */
export type Changed = {
  /** The folder of the session. */
  readonly cwd: string;
  /** Where Claude Code keeps the session. */
  readonly transcript: string | undefined;
};

/**
 * Defaults that Claude Code may add to a rewritten input of its tools: those that `sdk-tools.d.ts` of its SDK documents,
 * and flags that are off. Any other added field counts as changed.
 */
const DEFAULTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  Agent: { run_in_background: true },
  Artifact: { limit: 25, scope: "mine" },
  Bash: { run_in_background: false, dangerouslyDisableSandbox: false },
  CronCreate: { recurring: true, durable: false },
  Edit: { replace_all: false },
  Grep: {
    "-i": false,
    "-n": true,
    "-o": false,
    head_limit: 250,
    multiline: false,
    offset: 0,
    output_mode: "files_with_matches",
  },
  Monitor: { timeout_ms: 300_000, persistent: false },
  NotebookEdit: { edit_mode: "replace" },
  Projects: { n: 5, present_to_user: false },
  ProposeGoal: { ask_user: true },
};

/**
 * Returns whether a call of a tool ran with changed input as Claude Code completes it for its own tools: it parses
 * numbers and booleans, resolves paths, and adds defaults.
 */
export function isCompleted(
  tool: string,
  { judged, ran, ...changed }: Changed & { readonly judged: object; readonly ran: object },
): boolean {
  const [was, is] = [judged, ran] as Readonly<Record<string, unknown>>[];
  const defaults = Object.hasOwn(DEFAULTS, tool) ? DEFAULTS[tool]! : {};
  return Object.keys({ ...was, ...is }).every((name) => {
    const value = is![name];
    if (!Object.hasOwn(was!, name)) {
      return Object.hasOwn(defaults, name) && value === defaults[name];
    }
    return isParsed(was![name], value) || /(^|_)path$/.test(name) &&
        isResolved(was![name], value, changed);
  });
}

function isParsed(judged: unknown, ran: unknown): boolean {
  if (isEqual(judged, ran)) return true;
  if (typeof judged !== "string" || judged.trim() === "") return false;
  return typeof ran === "number"
    ? Number(judged) === ran
    : typeof ran === "boolean" && judged.trim() === String(ran);
}

function isResolved(judged: unknown, ran: unknown, { cwd, transcript = "" }: Changed): boolean {
  if (typeof judged !== "string" || typeof ran !== "string") return false;
  const path = judged.trim();
  if (/^~([/\\]|$)/.test(path)) {
    const home = IN_HOME.exec(transcript)?.[1] ?? HOME.exec(normalized(ran))?.[0];
    const isBelow = !path.split(/[/\\]/).includes("..");
    return home !== undefined && isBelow && normalized(ran) === normalized(home + path.slice(1));
  }
  const isAbsolute = /^([/\\]|[a-z]:)/i.test(path);
  return normalized(ran) === normalized(isAbsolute ? path : `${cwd}/${path}`);
}

/** Where Claude Code keeps sessions, unless its `CLAUDE_CONFIG_DIR` is elsewhere. */
const IN_HOME = /^(.+?)[/\\]\.claude[/\\]projects[/\\]/;

/** Where home folders are on Linux, FreeBSD, macOS, and Windows. */
const HOME =
  /^\/(((var|usr|export)\/)?home\/[^/]+|(var\/)?root|([A-Za-z]:\/)?Users\/[^/]+)(?=\/|$)/;

/** Returns an absolute path without empty and relative parts. */
function normalized(path: string): string {
  const parts: string[] = [];
  for (const part of path.split(/[/\\]/)) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

function isEqual(a: unknown, b: unknown): boolean {
  return a !== undefined && b !== undefined && canonicalJson(a) === canonicalJson(b);
}
