/**
 * Code frames: lines of a text with numbers and carets, in which everything that may be secret is `…`.
 *
 * @module
 */
import { printable, visibleKey, visiblePart } from "../display.ts";
import { fileSchema } from "../fields.ts";
import { knownPatterns } from "../formats.ts";
import { acceptsMapping, childSchema, type Schema, visibilityOf } from "../schema.ts";
import type { Node, Place, Source, Tree } from "./parse_yaml.ts";

/** For every code unit of a text: outside of any value, hidden, or shown. */
export type Mask = Uint8Array;
/** A part of a value that must not be shown. */
const HIDDEN = 1;
/** A part of a value that may be shown. */
const SHOWN = 2;

/** Characters outside of values that are shown. */
const STRUCTURE = /[\s\-?:,[\]{}"'|>&*!]/;
/** Columns of a frame, which fit a terminal. */
const WIDTH = 100;

/** A line as it may be shown, and the column of each of its code units, and of its end. */
interface Rendered {
  readonly text: string;
  readonly columns: readonly number[];
}

/**
 * Returns a function that renders the frame of a place: its line and the one before it. Hidden parts are `…`.
 * Each line is rendered once, however many places are in it.
 */
export function codeFrames(source: Source, mask: Mask): (place: Place) => string {
  const rendered = new Map<number, Rendered>();
  const render = (line: number): Rendered => {
    const known = rendered.get(line) ?? renderLine(source.text, mask, source.line(line));
    rendered.set(line, known);
    return known;
  };
  return ({ start, end }) => {
    const line = source.lineOf(start);
    const bounds = source.line(line);
    const { text, columns } = render(line);
    const from = columns[Math.min(start, bounds.end) - bounds.start]!;
    const to = Math.max(from + 1, columns[Math.min(end, bounds.end) - bounds.start]!);
    const skip = to > WIDTH ? Math.max(0, Math.min(from - 40, text.length - WIDTH + 1)) : 0;
    const before = line > 1 ? render(line - 1).text : "";
    const width = String(line).length;
    const carets = "^".repeat(Math.min(to - from, WIDTH - (from - skip)));
    const rows = [
      `${line} | ${crop(text, skip)}`,
      `${" ".repeat(width)} | ${" ".repeat(from - skip)}${carets}`,
    ];
    if (before.length > skip && before.trim() !== "") {
      rows.unshift(`${String(line - 1).padStart(width)} | ${crop(before, skip)}`);
    }
    return rows.map((row) => row.trimEnd()).join("\n");
  };
}

/** Crops a line to the width of a frame. */
function crop(text: string, skip: number): string {
  const rest = skip > 0 ? `…${text.slice(skip + 1)}` : text;
  return rest.length > WIDTH ? `${rest.slice(0, WIDTH - 1)}…` : rest;
}

function renderLine(source: string, mask: Mask, { start, end }: Place): Rendered {
  const columns: number[] = [];
  let text = "";
  let isHiding = false;
  for (let i = start; i < end; i++) {
    const character = String.fromCodePoint(source.codePointAt(i)!);
    const isOutside = mask[i] !== HIDDEN && mask[i] !== SHOWN;
    const isComment = isOutside && character === "#" && (i === start || /\s/.test(source[i - 1]!));
    const isVisible = mask[i] === SHOWN || (isOutside && STRUCTURE.test(character)) || isComment;
    const column = isHiding && !isVisible ? text.length - 1 : text.length;
    columns.push(column);
    if (character.length === 2) {
      columns.push(column);
      i++;
    }
    if (isVisible) text += character === "\t" ? "→" : printable(character);
    else if (!isHiding) text += "…";
    isHiding = !isVisible;
    if (!isComment) continue;
    text += " …";
    for (i++; i < end; i++) columns.push(text.length - 1);
  }
  columns.push(text.length);
  return { text, columns };
}

/** Returns the mask of a document: only values whose schema says so are shown. */
export function maskDocument(source: string, { root, scalars }: Tree): Mask {
  const mask = new Uint8Array(source.length);
  for (const { start, end } of scalars) mask.fill(HIDDEN, start, end);
  const uses = new Map<Node, number>();
  const visit = (node: Node, schema: Schema): void => {
    if (node.inner) {
      showScalar(node, schema);
      return;
    }
    if (acceptsMapping(schema)) node.keys?.forEach(showKey);
    node.entries?.forEach((entry, key) => {
      const child = childSchema(schema, node.keys ? key : Number(key));
      if (child) visit(entry.node, child);
    });
  };
  const showKey = ({ inner }: Node): void => {
    if (!inner) return;
    const { length } = visibleKey(source.slice(inner.start, inner.end));
    mask.fill(SHOWN, inner.start, inner.start + length);
  };
  const showScalar = (node: Node, schema: Schema): void => {
    const { start, end } = node.inner!;
    const visible = visibilityOf(schema);
    // A value with aliases is shown if every use of it may be shown.
    uses.set(node, (uses.get(node) ?? 0) + (visible === "none" ? -Infinity : 1));
    if (uses.get(node)! < node.uses) {
      mask.fill(HIDDEN, node.start, node.end);
      return;
    }
    const text = source.slice(start, end);
    const part = visiblePart(text, visible);
    if (part === text) mask.fill(SHOWN, node.start, node.end);
    else if (part !== "") mask.fill(SHOWN, node.start, start + part.length);
  };
  if (root) visit(root, fileSchema);
  return mask;
}

/** Returns the mask of a text that is not valid YAML: only words of the schema are shown. */
export function maskWords(source: string): Mask {
  const words = new Set<string>(["*", "true", "false", "null", ...knownPatterns()]);
  collectWords(fileSchema, words);
  const mask = new Uint8Array(source.length);
  let hidden = -1; // the end of a hidden word, while only spaces follow it
  for (const { index, 0: token } of source.matchAll(/[^\s]+/g)) {
    const [, before = "", word = ""] = /^([[\]{}"',*&!|>?-]*)(.*?)[[\]{}"',:]*$/.exec(token)!;
    const start = index + before.length;
    const end = start + word.length;
    if (words.has(word)) mask.fill(SHOWN, start, end);
    else {
      const isJoined = hidden >= 0 && before === "" && !/[\r\n]/.test(source.slice(hidden, start));
      mask.fill(HIDDEN, isJoined ? hidden : start, end);
    }
    hidden = words.has(word) || end < index + token.length || word === "" ? -1 : end;
  }
  return mask;
}

/** Collects the names of fields and the words that they accept. */
function collectWords(schema: Schema, words: Set<string>): void {
  if (schema.type === "string") schema.values?.forEach((word) => words.add(word));
  else if (schema.type === "list") collectWords(schema.items, words);
  else if (schema.type === "union") {
    collectWords(schema.list, words);
    collectWords(schema.other, words);
  } else if (schema.type === "object") {
    for (const [name, field] of Object.entries(schema.fields)) {
      words.add(name);
      collectWords(field.schema, words);
    }
  }
}
