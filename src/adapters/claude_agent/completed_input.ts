import { canonicalJson } from "../../internal/json_text.ts";

/** A call whose input was changed after Claude Code had completed it. */
export type Changed = {
  /** The input as it was, with all defaults. */
  readonly given: object;
  /** The folder of the session. */
  readonly cwd: string;
};

/**
 * Returns whether a call ran with changed input as Claude Code completes it for its own tools: it parses numbers
 * and booleans, resolves paths, and adds defaults.
 */
export function isCompleted(judged: object, ran: object, { given, cwd }: Changed): boolean {
  const [was, is, before] = [judged, ran, given] as Readonly<Record<string, unknown>>[];
  return Object.keys({ ...was, ...is }).every((name) => {
    const value = is![name];
    // Most defaults are false. Others are those that the input had before.
    if (!Object.hasOwn(was!, name)) return value === false || isEqual(value, before![name]);
    return isParsed(was![name], value) || /(^|_)path$/.test(name) &&
        isResolved(was![name], value, cwd);
  });
}

function isParsed(judged: unknown, ran: unknown): boolean {
  if (isEqual(judged, ran)) return true;
  return typeof judged === "string" && /^(number|boolean)$/.test(typeof ran) &&
    judged.trim() === String(ran);
}

function isResolved(judged: unknown, ran: unknown, cwd: string): boolean {
  if (typeof judged !== "string" || typeof ran !== "string") return false;
  const path = judged.trim();
  // The home folder is that of Claude Code's process.
  if (path.startsWith("~/")) return normalized(ran).endsWith(normalized(path.slice(1)));
  const isAbsolute = /^([/\\]|[a-z]:)/i.test(path);
  return normalized(ran) === normalized(isAbsolute ? path : `${cwd}/${path}`);
}

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
