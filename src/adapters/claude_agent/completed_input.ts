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
  if (typeof judged !== "string" || judged.trim() === "") return false;
  return typeof ran === "number"
    ? Number(judged) === ran
    : typeof ran === "boolean" && judged.trim() === String(ran);
}

function isResolved(judged: unknown, ran: unknown, cwd: string): boolean {
  if (typeof judged !== "string" || typeof ran !== "string") return false;
  const path = judged.trim();
  if (/^~([/\\]|$)/.test(path)) {
    const home = HOME.exec(normalized(ran))?.[0];
    const isBelow = !path.split(/[/\\]/).includes("..");
    return home !== undefined && isBelow && normalized(ran) === normalized(home + path.slice(1));
  }
  const isAbsolute = /^([/\\]|[a-z]:)/i.test(path);
  return normalized(ran) === normalized(isAbsolute ? path : `${cwd}/${path}`);
}

/** Where home folders are on Linux, FreeBSD, macOS, and Windows. Which one Claude Code's process has isn't known. */
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
