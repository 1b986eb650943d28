/**
 * Tool results as text, and back into the form that they had. Claude Code checks a changed result against
 * the schema of the tool, and shows the model the original if it doesn't fit
 * (github.com/anthropics/claude-code/issues/68951).
 * @module
 */
import { isObject } from "../internal/validate.ts";
import type { Fields } from "./dialect.ts";

/** Fields that identify the kind of an object. Without them, it doesn't fit the schema of its tool. */
const TAGS: readonly string[] = ["type", "status", "mode"];

/** Further ones, by tool: those for which `sdk-tools.d.ts` of the Claude Agent SDK lists the words. */
const TAGS_OF: Readonly<Record<string, readonly string[]>> = {
  Artifact: ["action", "folder_audience", "rail", "rel", "role", "scope"],
  AskUserQuestion: ["unanswered"],
  Bash: ["action", "kind"],
  ExitWorktree: ["action"],
  NotebookEdit: ["cell_type"],
  OfferChromeSetup: ["outcome"],
  PowerShell: ["action", "kind"],
  Projects: ["method"],
  PushNotification: ["disabledReason"],
  Read: ["mediaType"],
  ReportFindings: ["level", "outcome", "severity", "verdict"],
  Workflow: ["taskType"],
};

/** Matches the value of such a field: a word of a schema, not text. */
const TAG = /^[A-Za-z_-]{1,24}$/;

/** Matches the name of a field in a schema. All other keys are data, such as the questions that a user was asked. */
const NAME = /^[A-Za-z_]\w{0,39}$/;

/** Fields with the output of a tool, in the order in which they are tried. */
const TEXTS: readonly string[] = ["stdout", "content", "text", "result", "output", "error"];

/** Fields of Claude Code that point to a copy of the original output: they would undo the change. */
const COPIES: readonly string[] = ["persistedOutputPath", "persistedOutputSize"];

/** Returns a result as text: a string as it is, everything else as JSON; undefined if there is none. */
export function textOfResult(result: unknown): string | undefined {
  if (result === undefined || result === null) return undefined;
  return typeof result === "string" ? result : JSON.stringify(result);
}

/** Returns a changed text in the form of the original result of a tool. */
export function resultInShape(tool: unknown, original: unknown, text: string): unknown {
  if (typeof original === "string" || original === undefined || original === null) return text;
  try {
    const value: unknown = JSON.parse(text);
    if (fits(original, value, tagsOf(tool))) return withoutCopies(value);
  } catch {
    // Not JSON: the text replaces the output of the tool.
  }
  return withheldResult(tool, original, text);
}

/**
 * Returns a text in the form of a result, with nothing else from it. If the form has no place for the text,
 * the text itself is the result, as for tools that aren't built in, whose keys and tags may be anything.
 */
export function withheldResult(tool: unknown, original: unknown, text: string): unknown {
  if (typeof tool !== "string" || tool.startsWith("mcp__")) return text;
  if (tool === "Read" && isObject(original)) return readText(text);
  const state: Blanks = { text, tags: tagsOf(tool) };
  const place = isObject(original) && TEXTS.find((name) => typeof original[name] === "string");
  const blank = place
    ? { ...blanked(original, { ...state, text: undefined }) as Fields, [place]: text }
    : blanked(original, state);
  return place || state.text === undefined ? withoutCopies(blank) : text;
}

/** Returns a text as a result of `Read`: images have no place for one, and empty images aren't accepted. */
function readText(content: string): Fields {
  const lines = content.split("\n").length;
  const file = { filePath: "", content, numLines: lines, startLine: 1, totalLines: lines };
  return { type: "text", file };
}

/** Returns the fields that identify the kind of an object; none for a tool that isn't built in. */
function tagsOf(tool: unknown): readonly string[] {
  if (typeof tool !== "string" || tool.startsWith("mcp__")) return [];
  return [...TAGS, ...Object.hasOwn(TAGS_OF, tool) ? TAGS_OF[tool]! : []];
}

/** The state of a copy without text. */
type Blanks = {
  /** Replaces the next string. */
  text: string | undefined;
  readonly tags: readonly string[];
};

/** Copies a result without its text: the first string becomes `state.text`. */
function blanked(value: unknown, state: Blanks): unknown {
  if (typeof value === "string") {
    const { text = "" } = state;
    state.text = undefined;
    return text;
  }
  if (typeof value === "number") return 0;
  if (Array.isArray(value)) return value.slice(0, 1).map((item) => blanked(item, state));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([name]) => NAME.test(name)).map(([name, field]) => {
      if (!state.tags.includes(name) || typeof field !== "string") {
        return [name, blanked(field, state)];
      }
      return [name, TAG.test(field) ? field : ""];
    }),
  );
}

/** Returns whether a value has the form of another: the same kinds and tags under the same names. Lists may be shorter. */
function fits(original: unknown, value: unknown, tags: readonly string[]): boolean {
  if (Array.isArray(original)) {
    return Array.isArray(value) && value.length <= original.length &&
      value.every((item, index) => fits(original[index], item, tags));
  }
  if (!isObject(original)) return typeof original === typeof value && !isObject(value);
  if (!isObject(value)) return false;
  return Object.entries(original).every(([name, field]) => {
    if (!Object.hasOwn(value, name)) return COPIES.includes(name);
    const isTag = tags.includes(name) && typeof field === "string";
    return isTag ? value[name] === field : fits(field, value[name], tags);
  });
}

function withoutCopies(value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !COPIES.includes(name)));
}
