import type { Fault } from "./_reader.ts";
import type { ConfigIssue } from "./config_error.ts";

/** A fault as it is reported. */
export function toIssue(fault: Fault): ConfigIssue {
  const { code, problem, accepted, found, hint } = fault;
  const suggestion = fault.suggestion !== undefined && mayShow(fault.suggestion)
    ? fault.suggestion
    : undefined;
  const path = visiblePath(fault.path);
  const message = [
    found === undefined ? problem : `${problem}: current value is ${found}`,
    ...(suggestion === undefined ? [] : [`; did you mean ${suggestion}?`]),
    ...(hint === undefined ? [] : [suggestion === undefined ? `; ${hint}` : ` (${hint})`]),
  ].join("");
  return {
    code,
    path,
    at: pathText(path),
    message,
    ...(accepted !== undefined && { accepted }),
    ...(found !== undefined && { found }),
    ...(suggestion !== undefined && { suggestion }),
  };
}

type Paint = (code: number, text: string) => string;

const plain: Paint = (_, text) => text;
const ansi: Paint = (code, text) => `\x1b[${code}m${text}\x1b[0m`;
const [BOLD, DIM, RED, CYAN] = [1, 2, 31, 36];

/** All faults as text, without a line break at the end. */
export function renderReport(
  issues: readonly ConfigIssue[],
  file: string | undefined,
  color: boolean,
): string {
  const paint = color ? ansi : plain;
  const name = file === undefined ? "the configuration" : printable(file);
  const count = issues.length === 1 ? "a fault" : `${issues.length} faults`;
  const head = paint(BOLD, `Cannot use ${name} as it has ${count}`);
  return [head, ...issues.map((issue) => renderIssue(issue, name, file, paint))].join("\n\n");
}

function renderIssue(
  issue: ConfigIssue,
  name: string,
  file: string | undefined,
  paint: Paint,
): string {
  const { at, message, line, column, frame } = issue;
  const place = line === undefined ? (file === undefined ? "" : name) : `${name}:${line}:${column}`;
  const sentence = `${paint(BOLD, at || "the file")} ${message}`;
  const lines = [...(place ? [paint(CYAN, place)] : []), `  ${sentence}`];
  if (frame !== undefined) lines.push("", ...frame.split("\n").map((row) => paintRow(row, paint)));
  return lines.join("\n");
}

function paintRow(row: string, paint: Paint): string {
  const [, gutter, rest] = /^(\s*\d*\s*\|)(.*)$/s.exec(row) ?? ["", "", row];
  const carets = /^\s*\^+$/.test(rest!);
  return `  ${paint(DIM, gutter!)}${carets ? paint(RED, rest!) : rest}`;
}

/** Anything that looks like a secret is one, wherever it stands. */
export const SECRET: RegExp = /wh(?:sec|sk)_/;

/** Whether a text may be suggested: it may have been made of what was written. */
function mayShow(text: string): boolean {
  return text.length <= 2 * LONGEST && !SECRET.test(text) && printable(text) === text;
}

/** What may be shown of a key: as far as it can be a name. `token:s3cret` lacks a space, and shows `token`. */
export function visibleKey(key: string): string {
  return SECRET.test(key) ? "" : /^(?:<<$|[\w.-]{0,64})/.exec(key)![0];
}

/** A path without what in its keys may not be shown. */
export function visiblePath(path: readonly (string | number)[]): readonly (string | number)[] {
  return path.map((key) => {
    if (typeof key === "number") return key;
    const part = visibleKey(key);
    return part === key ? key : `${part}…`;
  });
}

/** A path as JavaScript would write it: `hooks.webhooks[2]["a b"]`. */
export function pathText(path: readonly (string | number)[]): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else if (/^[A-Za-z_$][\w$-]*$/.test(key) && key.length <= LONGEST) {
      text += text ? `.${key}` : key;
    } else text += `[${quoted(key)}]`;
  }
  return text;
}

/** Characters of a text that a message shows. */
export const LONGEST: number = 60;

/** A text in quotes, cut where it gets long; nothing in it can move the cursor or turn the line round. */
export function quoted(text: string): string {
  const characters = [...text.slice(0, 2 * LONGEST)];
  const cut = characters.length > LONGEST || text.length > 2 * LONGEST;
  return printable(JSON.stringify(characters.slice(0, LONGEST).join("") + (cut ? "…" : "")));
}

/** A text without control and formatting characters. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, "\ufffd");
}
