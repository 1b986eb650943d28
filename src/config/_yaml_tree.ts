import { type Event, EVENT_ID, getScalarValue, SCALAR_STYLE, type ScalarEvent } from "js-yaml";
import type { Fault, Path } from "./_reader.ts";

/** From where to where something stands in a text, by offset. */
export interface Place {
  readonly start: number;
  readonly end: number;
}

/** A value and where it was written. */
export interface Node {
  readonly place: Place;
  /** The text of a scalar without its quotes. */
  readonly inner?: Place;
  /** What it is as a key. */
  readonly key: string;
  /** What it holds, by key or by number. */
  readonly entries: Map<string, Entry>;
  /** Its keys, also those that are there twice. */
  readonly keys: Node[];
  /** How often it is used: once, and once more for each alias. */
  uses: number;
}

/** A value in what holds it. */
export interface Entry {
  /** Its key; a list has none. */
  readonly key?: Node | undefined;
  /** Where the value is used: for an alias this is not where the value is. */
  readonly site: Place;
  readonly node: Node;
}

/** Where everything in a document stands. */
export interface Tree {
  readonly root: Node | undefined;
  /** Every scalar, keys included, each once. */
  readonly scalars: readonly Node[];
  /** Keys that are there twice, and aliases of what they stand in. */
  readonly faults: readonly (Fault & { readonly place: Place })[];
}

type Frame = {
  readonly node?: Node;
  readonly list: boolean;
  readonly path: Path;
  key?: Node | undefined;
};

/** The tree of the events of one document, which js-yaml has found to be sound. */
export function buildTree(
  source: string,
  events: readonly Event[],
  lineOf: (at: number) => number,
): Tree {
  return new Builder(source, lineOf).build(events);
}

class Builder implements Tree {
  root: Node | undefined;
  readonly scalars: Node[] = [];
  readonly faults: (Fault & { readonly place: Place })[] = [];
  readonly #source: string;
  readonly #lineOf: (at: number) => number;
  readonly #anchors = new Map<string, Node>();
  readonly #open: Frame[] = [];
  /** The end of what was last seen: where a value that is not there would stand. */
  #last = 0;

  constructor(source: string, lineOf: (at: number) => number) {
    this.#source = source;
    this.#lineOf = lineOf;
  }

  build(events: readonly Event[]): this {
    for (const event of events) {
      switch (event.type) {
        case EVENT_ID.SCALAR:
          this.#add(this.#anchored(event, this.#scalar(event)));
          break;
        case EVENT_ID.SEQUENCE:
        case EVENT_ID.MAPPING: {
          const place = { start: event.start, end: event.start + 1 };
          const node = this.#anchored(event, {
            place,
            key: "",
            entries: new Map(),
            keys: [],
            uses: 1,
          });
          const path = this.#add(node);
          this.#open.push({ node, list: event.type === EVENT_ID.SEQUENCE, path });
          break;
        }
        case EVENT_ID.ALIAS:
          this.#alias({ start: event.anchorStart - 1, end: event.anchorEnd });
          break;
        case EVENT_ID.DOCUMENT:
          this.#open.push({ list: false, path: [] });
          break;
        case EVENT_ID.POP:
          this.#open.pop();
      }
    }
    return this;
  }

  #scalar(event: ScalarEvent): Node {
    const { valueStart, valueEnd, style } = event;
    const none = valueStart < 0;
    const quotes = style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED
      ? 1
      : 0;
    const inner = none
      ? { start: this.#last, end: this.#last }
      : { start: valueStart, end: valueEnd };
    const block = style === SCALAR_STYLE.LITERAL_BLOCK || style === SCALAR_STYLE.FOLDED_BLOCK;
    const indent = block ? /^\s*/.exec(this.#source.slice(valueStart, valueEnd))![0].length : 0;
    const place = { start: inner.start - quotes + indent, end: inner.end + quotes };
    const text = none ? "" : getScalarValue(this.#source, event);
    const key = style === SCALAR_STYLE.PLAIN ? plainKey(text) : text;
    const node = { place, inner, key, entries: new Map(), keys: [], uses: 1 };
    this.scalars.push(node);
    this.#last = place.end;
    return node;
  }

  #anchored(event: { readonly anchorStart: number; readonly anchorEnd: number }, node: Node): Node {
    const { anchorStart, anchorEnd } = event;
    if (anchorStart >= 0) this.#anchors.set(this.#source.slice(anchorStart, anchorEnd), node);
    return node;
  }

  #alias(site: Place): void {
    const node = this.#anchors.get(this.#source.slice(site.start + 1, site.end))!;
    node.uses++;
    this.#last = site.end;
    const path = this.#add(node, site);
    if (!this.#open.some((frame) => frame.node === node)) return;
    const problem = "is an alias of what it stands in, and would never end";
    this.faults.push({ code: "syntax", path, problem, place: site });
  }

  /** Puts a value where it belongs; its path. */
  #add(node: Node, site: Place = node.place): Path {
    const frame = this.#open.at(-1)!;
    if (frame.node === undefined) {
      this.root = node;
      return [];
    }
    const { entries } = frame.node;
    if (frame.list) {
      const path = [...frame.path, entries.size];
      entries.set(String(entries.size), { site, node });
      return path;
    }
    const { key } = frame;
    if (key === undefined) {
      frame.key = node;
      frame.node.keys.push(node);
      return frame.path;
    }
    frame.key = undefined;
    const path = [...frame.path, key.key];
    const before = entries.get(key.key)?.key;
    if (before !== undefined) {
      const problem = `is there twice: first in line ${this.#lineOf(before.place.start)}`;
      this.faults.push({ code: "duplicate", path, problem, on: "key", place: key.place });
    }
    const empty = node.place.start === node.place.end;
    entries.set(key.key, { key, site: empty ? key.place : site, node });
    return path;
  }
}

/** What JavaScript makes of a plain scalar as a key: `~` is `null`, `010` is `10`. */
function plainKey(text: string): string {
  if (/^(?:~|null|Null|NULL|)$/.test(text)) return "null";
  if (/^(?:true|True|TRUE|false|False|FALSE)$/.test(text)) return text.toLowerCase();
  return /^[-+.]?[0-9]/.test(text) && !Number.isNaN(Number(text)) ? String(Number(text)) : text;
}

/** Where a path leads. */
export interface Found {
  /** The value and its key; undefined: nothing is there. */
  readonly entry: Entry | undefined;
  /** The innermost thing on the way that is there. */
  readonly nearest: Place;
}

/** Follows a path as far as it goes. */
export function follow(root: Node, path: Path): Found {
  let entry: Entry | undefined = { site: root.place, node: root };
  let nearest = root.place;
  for (const key of path) {
    entry = entry.node.entries.get(String(key));
    if (entry === undefined) break;
    nearest = entry.key && entry.node.entries.size > 0 ? entry.key.place : entry.site;
  }
  return { entry, nearest };
}
