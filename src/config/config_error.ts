import { looksSecret } from "../internal/issues.ts";
import {
  describe,
  formatPath,
  MAX_SHOWN,
  printable,
  type Received,
  visiblePath,
} from "./display.ts";
import type { Suggestion } from "./schema.ts";

/**
 * What kind of issue it is. These codes are stable:
 *
 * - `unreadable`: no file, a directory, not allowed, not UTF-8, or a value that throws when it is read;
 * - `too_large`: over a limit on size, depth, aliases or number of issues;
 * - `syntax`: not YAML, or a part of YAML that is not supported, such as tags and several documents;
 * - `duplicate`: a key, a name or a token occurs twice;
 * - `unknown_key`, `missing_key`: a field that does not exist, or a required one that is missing;
 * - `invalid_type`, `invalid_value`: a value of the wrong type, or one that is not accepted;
 * - `variable`: `${…}` names a variable that is not set, or is malformed;
 * - `conflict`: two fields that exclude each other;
 * - `never_matches`: a warning: a filter that no event passes.
 */
export type ConfigIssueCode =
  | "unreadable"
  | "too_large"
  | "syntax"
  | "duplicate"
  | "unknown_key"
  | "missing_key"
  | "invalid_type"
  | "invalid_value"
  | "variable"
  | "conflict"
  | "never_matches";

/** One issue. Never contains a secret, a token, a header's value, or the value of a variable. */
export interface ConfigIssue {
  /** What kind of issue it is. */
  readonly code: ConfigIssueCode;
  /** The keys from the top to the value. */
  readonly path: readonly (string | number)[];
  /** The path as text, such as `hooks.webhooks[2].retry_delay`; empty for the top. */
  readonly at: string;
  /** What is wrong, as a sentence that follows `at`. */
  readonly message: string;
  /** What would be accepted. */
  readonly accepted?: string;
  /** What was found, where it may be shown. */
  readonly found?: string;
  /** What to write instead. */
  readonly suggestion?: string;
  /** The line, from 1; only if the text is known. */
  readonly line?: number;
  /** The column, from 1, in UTF-16 code units. */
  readonly column?: number;
  /** The line and the one before it, with numbers and carets; anything that may be secret is `…`. */
  readonly frame?: string;
}

/** Options of `ConfigError.report`. */
export interface ReportOptions {
  /** Whether to use ANSI colors. @default {false} */
  readonly color?: boolean | undefined;
}

/** Thrown when a configuration can't be used. Its message is the whole report. */
export class ConfigError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "ConfigError";
  /** The stable error code. */
  readonly code = "config_invalid";
  /** Every issue, in the order of the file. */
  readonly issues: readonly ConfigIssue[];
  /** The name of the file; undefined if none was given. */
  readonly file: string | undefined;

  /** Creates an error for the issues of a file. */
  constructor(issues: readonly ConfigIssue[], file?: string) {
    super(renderReport(issues, file, false));
    this.issues = issues;
    this.file = file;
  }

  /** Returns the report as text: the place of each issue, what is wrong, and the lines around it. */
  report(options: ReportOptions = {}): string {
    return renderReport(this.issues, this.file, options.color ?? false);
  }
}

/** The keys from the top to a value. */
export type Path = readonly (string | number)[];

/** An issue before it is formatted. It may contain what must not be shown. */
export interface Issue extends Suggestion {
  readonly code: ConfigIssueCode;
  readonly path: Path;
  /** What is wrong: "must be a list", "is missing". */
  readonly problem: string;
  readonly accepted?: string | undefined;
  readonly received?: Received | undefined;
  /** What was found, if it is not a value. */
  readonly found?: string | undefined;
  /** What a code frame points to. @default {"value"} */
  readonly on?: "key" | "value" | undefined;
}

/** Formats an issue, without anything that may be secret. */
export function formatIssue(issue: Issue): ConfigIssue {
  const { code, problem, accepted, hint, received } = issue;
  const found = received ? describe(received) : issue.found;
  const suggestion = mayShow(issue.suggestion) ? issue.suggestion : undefined;
  const path = visiblePath(issue.path);
  let message = found === undefined ? problem : `${problem}, got ${found}`;
  if (suggestion !== undefined) message += `; did you mean ${suggestion}?`;
  if (hint !== undefined) message += suggestion === undefined ? `; ${hint}` : ` (${hint})`;
  return {
    code,
    path,
    at: formatPath(path),
    message,
    ...(accepted !== undefined && { accepted }),
    ...(found !== undefined && { found }),
    ...(suggestion !== undefined && { suggestion }),
  };
}

/** Returns whether a suggestion, which may derive from what was written, can be shown. */
function mayShow(text: string | undefined): boolean {
  return text !== undefined && text.length <= 2 * MAX_SHOWN && !looksSecret(text) &&
    printable(text) === text;
}

/** Most issues in a report: more would not be read. */
export const MAX_ISSUES = 200;

/** Limits the number of issues; the last one says so if there are more. */
export function limitIssues<T extends Issue>(issues: readonly T[]): readonly T[] {
  if (issues.length <= MAX_ISSUES) return issues;
  const last: T = {
    ...issues[MAX_ISSUES]!,
    code: "too_large",
    problem: `is where this report stops: there are more than ${MAX_ISSUES} errors`,
    accepted: undefined,
    received: undefined,
    found: undefined,
    suggestion: undefined,
    hint: undefined,
  };
  return [...issues.slice(0, MAX_ISSUES), last];
}

type Paint = (code: number, text: string) => string;

const plain: Paint = (_, text) => text;
const ansi: Paint = (code, text) => `\x1b[${code}m${text}\x1b[0m`;
const BOLD = 1;
const DIM = 2;
const RED = 31;
const CYAN = 36;

function renderReport(
  issues: readonly ConfigIssue[],
  file: string | undefined,
  color: boolean,
): string {
  const paint = color ? ansi : plain;
  const name = file === undefined ? "the configuration" : printable(file);
  const count = issues.length === 1 ? "1 error" : `${issues.length} errors`;
  const parts = [paint(BOLD, `Cannot use ${name}: ${count}`)];
  for (const { at, message, line, column, frame } of issues) {
    const rows: string[] = [];
    if (line !== undefined) rows.push(paint(CYAN, `${name}:${line}:${column}`));
    else if (file !== undefined) rows.push(paint(CYAN, name));
    rows.push(`  ${paint(BOLD, at || "the file")} ${message}`);
    if (frame !== undefined) rows.push("", ...frame.split("\n").map((row) => paintRow(row, paint)));
    parts.push(rows.join("\n"));
  }
  return parts.join("\n\n");
}

function paintRow(row: string, paint: Paint): string {
  const [, gutter = "", rest = row] = /^(\s*\d*\s*\|)(.*)$/s.exec(row) ?? [];
  return `  ${paint(DIM, gutter)}${/^\s*\^+$/.test(rest) ? paint(RED, rest) : rest}`;
}
