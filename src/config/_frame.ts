/**
 * Lines of the text for a report. Shown is only what is known to be no secret; all else, comments
 * included, is `…`.
 *
 * @module
 */
import { type Shown, visiblePart } from "./_reader.ts";
import { printable, visibleKey } from "./_report.ts";
import { EVENT_PATTERNS } from "./_texts.ts";
import { schema } from "./_schema.ts";
import type { Source } from "./_source.ts";
import { follow, type Place, type Tree } from "./_yaml_tree.ts";

/** For every character: outside of any value, to be hidden, or to be shown. */
export type Mask = Uint8Array;
const [HIDDEN, SHOWN] = [1, 2];

/** Characters outside of values that are shown. */
const STRUCTURE = /[\s\-?:,[\]{}"'|>&*!]/;
/** Columns of a line, so that it fits a terminal. */
const WIDTH = 100;

/** What may be shown of a text that is YAML: what fields that hold no secret have read. */
export function maskOf(source: string, { root, scalars }: Tree, shown: readonly Shown[]): Mask {
  const mask = new Uint8Array(source.length);
  for (const { start, end } of scalars) mask.fill(HIDDEN, start, end);
  const times = new Map<unknown, number>();
  for (const { path, what } of shown) {
    const node = root && follow(root, path).entry?.node;
    if (node === undefined) continue;
    if (what === "keys") {
      for (const { inner } of node.keys ?? []) if (inner) showKey(source, mask, inner);
      continue;
    }
    if (node.inner === undefined) continue;
    // What is used in several places is shown if all of them show it.
    const count = (times.get(node) ?? 0) + (what === "none" ? -Infinity : 1);
    times.set(node, count);
    if (count < node.uses) {
      mask.fill(HIDDEN, node.start, node.end);
      continue;
    }
    const text = source.slice(node.inner.start, node.inner.end);
    const part = visiblePart(text, what);
    const end = part === text ? node.end : node.inner.start + part.length;
    if (part !== "" || text === "") mask.fill(SHOWN, node.start, end);
  }
  return mask;
}

function showKey(source: string, mask: Mask, { start, end }: Place): void {
  mask.fill(SHOWN, start, start + visibleKey(source.slice(start, end)).length);
}

/** What may be shown of a text that is not YAML: the words of the schema, and no others. */
export function maskOfWords(source: string): Mask {
  const words = vocabulary();
  const mask = new Uint8Array(source.length);
  let hidden = -1; // where what is hidden ended, if nothing but spaces came after it
  for (const { index, 0: token } of source.matchAll(/[^\s]+/g)) {
    const [, before, word] = /^([[\]{}"',*&!|>?-]*)(.*?)[[\]{}"',:]*$/.exec(token)!;
    const start = index + before!.length;
    const end = start + word!.length;
    if (words.has(word!)) mask.fill(SHOWN, start, end);
    else {
      const joined = hidden >= 0 && before === "" && !/[\r\n]/.test(source.slice(hidden, start));
      mask.fill(HIDDEN, joined ? hidden : start, end);
    }
    hidden = words.has(word!) || end < index + token.length || word === "" ? -1 : end;
  }
  return mask;
}

/** Names of fields and words that they take. */
function vocabulary(): ReadonlySet<string> {
  const words = new Set<string>(["*", "true", "false", "null", ...EVENT_PATTERNS]);
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    const { properties = {}, enum: options = [] } = node as {
      readonly properties?: object;
      readonly enum?: readonly unknown[];
    };
    for (const word of [...Object.keys(properties), ...options]) words.add(String(word));
    Object.values(node).forEach(visit);
  };
  visit(schema.schema);
  return words;
}

/**
 * Makes frames: the line of a place and the one before it, with their numbers, and carets below. Each line
 * is rendered once, however many places are in it.
 */
export function framesOf(source: Source, mask: Mask): (place: Place) => string {
  const rendered = new Map<number, Rendered>();
  const render = (line: number): Rendered => {
    const known = rendered.get(line) ?? renderLine(source.text, mask, source.bounds(line));
    rendered.set(line, known);
    return known;
  };
  return (place) => codeFrame(source, render, place);
}

function codeFrame(
  source: Source,
  render: (line: number) => Rendered,
  { start, end }: Place,
): string {
  const line = source.lineOf(start);
  const width = String(line).length;
  const bounds = source.bounds(line);
  const { text, columns } = render(line);
  const from = columns[Math.min(start, bounds.end) - bounds.start]!;
  const to = Math.max(from + 1, columns[Math.min(end, bounds.end) - bounds.start]!);
  const skip = to > WIDTH ? Math.max(0, Math.min(from - 40, text.length - WIDTH + 1)) : 0;
  const rows = [`${line} | ${crop(text, skip)}`];
  const before = line > 1 ? render(line - 1).text : "";
  if (before.length > skip && before.trim() !== "") {
    rows.unshift(`${String(line - 1).padStart(width)} | ${crop(before, skip)}`);
  }
  const carets = `${" ".repeat(from - skip)}${
    "^".repeat(Math.min(to - from, WIDTH - (from - skip)))
  }`;
  rows.push(`${" ".repeat(width)} | ${carets}`);
  return rows.map((row) => row.trimEnd()).join("\n");
}

/** A part of a line, with marks where more of it is left out. */
function crop(text: string, skip: number): string {
  const begun = skip > 0 ? `…${text.slice(skip + 1)}` : text;
  return begun.length > WIDTH ? `${begun.slice(0, WIDTH - 1)}…` : begun;
}

/** A line as it may be shown, and for each of its code units, and its end, the column where it now is. */
interface Rendered {
  readonly text: string;
  readonly columns: readonly number[];
}

function renderLine(source: string, mask: Mask, { start, end }: Place): Rendered {
  const columns: number[] = [];
  let text = "";
  let hiding = false;
  for (let i = start; i < end; i++) {
    const character = String.fromCodePoint(source.codePointAt(i)!);
    const comment = mask[i] === 0 && character === "#" &&
      (i === start || /\s/.test(source[i - 1]!));
    const visible = mask[i] === SHOWN || (mask[i] === 0 && STRUCTURE.test(character)) || comment;
    columns.push(hiding && !visible ? text.length - 1 : text.length);
    if (character.length === 2) {
      columns.push(columns.at(-1)!);
      i++;
    }
    if (visible) text += character === "\t" ? "→" : printable(character);
    else if (!hiding) text += "…";
    hiding = !visible;
    if (!comment) continue;
    text += " …";
    for (i++; i < end; i++) columns.push(text.length - 1);
  }
  columns.push(text.length);
  return { text, columns };
}
