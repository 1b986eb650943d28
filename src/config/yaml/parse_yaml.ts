/**
 * Parses YAML into a value and the place of each part of it.
 *
 * @module
 */
import {
  type AliasEvent,
  constructFromEvents,
  type Event,
  EVENT_ID,
  getScalarValue,
  type MappingEvent,
  parseEvents,
  SCALAR_STYLE,
  type ScalarEvent,
  type SequenceEvent,
  YAMLException,
} from "js-yaml";
import type { Issue, Path } from "../config_error.ts";
import { describeSyntaxError, MAX_ALIASES, MAX_DEPTH } from "./syntax_errors.ts";

/** A range of a text, by offset. */
export interface Place {
  readonly start: number;
  readonly end: number;
}

/** A value and its place; of a list or a mapping, where it starts. */
export interface Node extends Place {
  /** Of a scalar: the place of its text, without quotes. */
  readonly inner?: Place;
  /** Of a scalar: its text as a key. */
  readonly key?: string;
  /** Of a list or a mapping: what it contains, by index or key. */
  readonly entries?: Map<string, Entry>;
  /** Of a mapping: its keys, duplicates included. */
  readonly keys?: Node[] | undefined;
  /** How often it is used: once, and once more for each alias. */
  uses: number;
}

/** A value within a list or a mapping. */
export interface Entry {
  /** Its key; undefined in a list. */
  readonly key?: Node;
  /** Where the value is used, which for an alias is not where it is written. */
  readonly site: Place;
  readonly node: Node;
}

/** An issue with its place. */
export type PlacedIssue = Issue & { readonly place: Place };

/** The places of a document. */
export interface Tree {
  /** Undefined if the document is empty. */
  readonly root: Node | undefined;
  /** Every scalar, keys included. */
  readonly scalars: readonly Node[];
  /** Keys that occur twice. */
  readonly duplicates: readonly PlacedIssue[];
  /** Issues that js-yaml accepts, or reports without a place. */
  readonly issues: readonly PlacedIssue[];
}

/** A document, or why it is not one. */
type Document =
  | { readonly value: unknown; readonly tree: Tree; readonly issues?: undefined }
  | { readonly issues: readonly PlacedIssue[] };

/** Parses a text that must be one document of valid YAML. */
export function parseYaml(source: Source): Document {
  try {
    const events = parseEvents(source.text, { maxDepth: MAX_DEPTH });
    const tree = new TreeBuilder(source, events);
    const issues = [...findSecondDocument(events), ...tree.issues];
    if (issues.length > 0) return { issues };
    const [value = null] = constructFromEvents(events, {
      source: source.text,
      json: true, // accepts duplicate keys, which are reported with the other issues
      maxAliases: MAX_ALIASES,
    });
    return { value, tree };
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    // The error contains the text, secrets included, so it must not become a cause.
    const position = error.mark?.position ?? 0;
    const start = /[*&]/.test(source.text[position - 1] ?? "") ? position - 1 : position;
    const place = { start, end: start + 1 };
    return {
      issues: [{ ...describeSyntaxError(error.reason, source.text, position), path: [], place }],
    };
  }
}

function findSecondDocument(events: readonly Event[]): PlacedIssue[] {
  const second = events.findIndex(({ type }, i) => i > 0 && type === EVENT_ID.DOCUMENT);
  if (second < 0) return [];
  const next = events[second + 1]!;
  const start = "start" in next ? next.start : "valueStart" in next ? next.valueStart : 0;
  const place = { start: Math.max(0, start), end: Math.max(0, start) + 1 };
  const problem = "contains several documents: keep one";
  return [{ code: "syntax", path: [], problem, place }];
}

/** Most duplicate keys that are reported: more would not be read. */
const MAX_DUPLICATES = 1000;

/** Builds the tree of the first document. */
class TreeBuilder implements Tree {
  readonly root: Node | undefined;
  readonly scalars: Node[] = [];
  readonly duplicates: PlacedIssue[] = [];
  readonly issues: PlacedIssue[] = [];
  readonly #source: Source;
  readonly #events: readonly Event[];
  readonly #anchors = new Map<string, Node>();
  /** The lists and mappings around the current event. */
  readonly #open = new Set<Node>();
  /** Whether an anchor is unknown, which js-yaml reports when it constructs the value. */
  #isBroken = false;
  #next = 1; // after the event of the document
  /** The end of the last scalar or alias: the place of an empty value that follows. */
  #last = 0;

  constructor(source: Source, events: readonly Event[]) {
    this.#source = source;
    this.#events = events;
    this.root = events.length > 1 ? this.#read([], false).node : undefined;
  }

  /** Reads the next node. `isItem`: whether it is an item of a list. */
  #read(path: Path, isItem: boolean): Entry {
    const event = this.#events[this.#next++]!;
    if (event.type === EVENT_ID.ALIAS) return this.#alias(event, path);
    const node = event.type === EVENT_ID.SCALAR
      ? this.#scalar(event, isItem)
      : this.#collection(event as SequenceEvent | MappingEvent, path);
    return { node, site: node };
  }

  #collection(event: SequenceEvent | MappingEvent, path: Path): Node {
    const { start, type } = event;
    const entries = new Map<string, Entry>();
    const keys: Node[] | undefined = type === EVENT_ID.MAPPING ? [] : undefined;
    const node: Node = { start, end: start + 1, entries, keys, uses: 1 };
    this.#setAnchor(event, node);
    this.#open.add(node);
    while (this.#events[this.#next]!.type !== EVENT_ID.POP) {
      if (keys) this.#entry(entries, keys, path);
      else entries.set(String(entries.size), this.#read([...path, entries.size], true));
    }
    this.#next++;
    this.#open.delete(node);
    return node;
  }

  /** Reads a key and its value. */
  #entry(entries: Map<string, Entry>, keys: Node[], path: Path): void {
    const key = this.#read(path, false).node;
    keys.push(key);
    if (!key.inner) {
      this.#add("has a key here that is not text: put text with { or [ in quotes", path, key);
    }
    const name = key.key ?? "";
    const before = entries.get(name)?.key;
    if (before && this.duplicates.length < MAX_DUPLICATES) {
      const problem = `is duplicated; first defined ${this.#describePlace(before, key)}`;
      const at = [...path, name];
      this.duplicates.push({ code: "duplicate", path: at, problem, on: "key", place: key });
    }
    const { node, site } = this.#read([...path, name], false);
    entries.set(name, { key, site: node.start === node.end ? key : site, node });
  }

  #describePlace({ start }: Place, from: Place): string {
    const line = this.#source.lineOf(start);
    if (line !== this.#source.lineOf(from.start)) return `on line ${line}`;
    return `at column ${this.#source.columnOf(start)} of this line`;
  }

  #scalar(event: ScalarEvent, isItem: boolean): Node {
    const { valueStart, valueEnd, style } = event;
    const { text } = this.#source;
    const isQuoted = style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED;
    const isBlock = style === SCALAR_STYLE.LITERAL_BLOCK || style === SCALAR_STYLE.FOLDED_BLOCK;
    const isEmpty = valueStart < 0;
    const inner = isEmpty ? this.#emptyPlace(isItem) : { start: valueStart, end: valueEnd };
    const indent = isBlock ? text.slice(valueStart, valueEnd).search(/\S|$/) : 0;
    const edge = isQuoted ? 1 : 0;
    const value = isEmpty ? "" : getScalarValue(text, event);
    const node = {
      start: inner.start - edge + indent,
      end: inner.end + edge,
      inner,
      key: style === SCALAR_STYLE.PLAIN ? plainKey(value) : value,
      uses: 1,
    };
    this.#setAnchor(event, node);
    this.scalars.push(node);
    this.#last = node.end;
    return node;
  }

  /** Returns the place of an empty value: the dash of an item, or the end of what precedes it. */
  #emptyPlace(isItem: boolean): Place {
    const dash = /(?:\s|#.*[\r\n])*-/y;
    dash.lastIndex = this.#last;
    const start = isItem && dash.test(this.#source.text) ? dash.lastIndex - 1 : this.#last;
    return { start, end: start };
  }

  #setAnchor({ anchorStart, anchorEnd }: Omit<AliasEvent, "type">, node: Node): void {
    if (anchorStart >= 0) this.#anchors.set(this.#source.text.slice(anchorStart, anchorEnd), node);
  }

  #alias({ anchorStart, anchorEnd }: AliasEvent, path: Path): Entry {
    const site = { start: anchorStart - 1, end: anchorEnd };
    const anchor = this.#anchors.get(this.#source.text.slice(anchorStart, anchorEnd));
    const node = anchor ?? { ...site, inner: site, uses: 0 };
    if (!anchor) this.#isBroken = true;
    if (this.#open.has(node)) {
      this.#add("is an alias of a list or a mapping that contains it", path, site);
    }
    node.uses++;
    this.#last = anchorEnd;
    return { node, site };
  }

  #add(problem: string, path: Path, place: Place): void {
    if (!this.#isBroken) this.issues.push({ code: "syntax", path, problem, place });
  }
}

/** Returns the key that JavaScript makes from a plain scalar: `null` from `~`, `10` from `010`. */
function plainKey(text: string): string {
  if (/^(?:~|null|Null|NULL|)$/.test(text)) return "null";
  if (/^(?:true|True|TRUE|false|False|FALSE)$/.test(text)) return text.toLowerCase();
  const [, sign, infinite] = /^([-+]?)\.(?:(inf|Inf|INF)|nan|NaN|NAN)$/.exec(text) ?? [];
  if (infinite) return sign === "-" ? "-Infinity" : "Infinity";
  if (sign === "") return "NaN";
  return /^[-+.]?[0-9]/.test(text) && !Number.isNaN(Number(text)) ? String(Number(text)) : text;
}

/** A text and its lines, which end as in YAML: with LF, CR, or both. */
export class Source {
  /** The whole text. */
  readonly text: string;
  readonly #lines: Place[] = [];

  constructor(text: string) {
    this.text = text;
    let start = 0;
    for (const { index, 0: end } of text.matchAll(/\r\n|\n|\r|$/g)) {
      this.#lines.push({ start, end: index });
      start = index + end.length;
    }
  }

  /** Returns the line of an offset, from 1. */
  lineOf(offset: number): number {
    let low = 0;
    let high = this.#lines.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#lines[middle]!.start <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  /** Returns the range of a line, without its line break. */
  line(number: number): Place {
    return this.#lines[number - 1]!;
  }

  /** Returns the column of an offset, from 1. */
  columnOf(offset: number): number {
    return offset - this.line(this.lineOf(offset)).start + 1;
  }
}
