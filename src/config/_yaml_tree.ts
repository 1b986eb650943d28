import { type Event, EVENT_ID, getScalarValue, SCALAR_STYLE, type ScalarEvent } from "js-yaml";
import type { Fault, Path } from "./_reader.ts";
import type { Source } from "./_source.ts";

/** From where to where something stands in a text, by offset. */
export interface Place {
  readonly start: number;
  readonly end: number;
}

/** A value and where it was written; of a list or a mapping, where it begins. */
export interface Node extends Place {
  /** Of a scalar: where its text is, without quotes. */
  readonly inner?: Place | undefined;
  /** Of a list or a mapping: what it holds, by number or by key. */
  readonly entries?: Map<string, Entry>;
  /** Of a mapping: its keys, also those that are there twice. */
  readonly keys?: Node[];
  /** How often it is used: once, and once more for each alias. */
  uses: number;
}

/** A value in what holds it. */
export interface Entry {
  /** Its key; in a list there is none. */
  readonly key?: Node;
  /** Where the value is used: for an alias this is not where the value is. */
  readonly site: Place;
  readonly node: Node;
}

/** A fault and where it is. */
export type PlacedFault = Fault & { readonly place: Place };

/** Where everything in a document stands. */
export interface Tree {
  readonly root: Node | undefined;
  /** Every scalar, keys included, each once. */
  readonly scalars: readonly Node[];
  /** Keys that are there twice. */
  readonly faults: readonly PlacedFault[];
  /** What js-yaml takes, or does not say where: aliases of what they stand in, keys that are no text. */
  readonly unsound: readonly PlacedFault[];
}

/** The tree of the events of one document. */
export function buildTree(source: Source, events: readonly Event[]): Tree {
  return new Builder(source).build(events);
}

/** A list or a mapping whose end has not come, under its name in the one around it. */
type Frame = {
  readonly node?: Node;
  readonly name: string | number;
  /** A key whose value has not come. */
  key?: { readonly node: Node; readonly name: string } | undefined;
};

/** A node and, of a scalar, the event that it was made of. */
type Written = { readonly node: Node; readonly event?: ScalarEvent };

/** More keys that are there twice than these help nobody. */
const MAX_FAULTS = 1000;

class Builder implements Tree {
  root: Node | undefined;
  readonly scalars: Node[] = [];
  readonly faults: PlacedFault[] = [];
  readonly unsound: PlacedFault[] = [];
  readonly #source: Source;
  /** What has an anchor. */
  readonly #anchors = new Map<string, Written>();
  readonly #open: Frame[] = [];
  /** The end of what was last seen: where a value that is not there would stand. */
  #last = 0;

  constructor(source: Source) {
    this.#source = source;
  }

  build(events: readonly Event[]): this {
    for (const event of events) {
      switch (event.type) {
        case EVENT_ID.SCALAR:
          this.#scalar(event);
          break;
        case EVENT_ID.SEQUENCE:
          this.#collection(event, {});
          break;
        case EVENT_ID.MAPPING:
          this.#collection(event, { keys: [] });
          break;
        case EVENT_ID.ALIAS: {
          const site = { start: event.anchorStart - 1, end: event.anchorEnd };
          const anchor = this.#anchors.get(this.#source.text.slice(site.start + 1, site.end));
          if (anchor === undefined) return this; // js-yaml says so next
          this.#alias(anchor, site);
          break;
        }
        case EVENT_ID.DOCUMENT:
          this.#open.push({ name: "" });
          break;
        case EVENT_ID.POP:
          this.#open.pop();
      }
    }
    return this;
  }

  #scalar(event: ScalarEvent): void {
    const { valueStart, valueEnd, style } = event;
    const none = valueStart < 0;
    const inner = none ? this.#nothing() : { start: valueStart, end: valueEnd };
    const quoted = style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED;
    const block = style === SCALAR_STYLE.LITERAL_BLOCK || style === SCALAR_STYLE.FOLDED_BLOCK;
    const indent = block ? this.#source.text.slice(valueStart, valueEnd).search(/\S|$/) : 0;
    const edge = quoted ? 1 : 0;
    const node = { start: inner.start - edge + indent, end: inner.end + edge, inner, uses: 1 };
    this.scalars.push(node);
    this.#last = node.end;
    this.#anchor(event, { node, event });
    this.#add({ node, event }, node);
  }

  #collection(
    event: { readonly start: number; readonly anchorStart: number; readonly anchorEnd: number },
    kind: { readonly keys?: Node[] },
  ): void {
    const { start } = event;
    const node = { start, end: start + 1, entries: new Map<string, Entry>(), ...kind, uses: 1 };
    this.#anchor(event, { node });
    const name = this.#add({ node }, node);
    this.#open.push({ node, name });
  }

  /** Where nothing stands: at the dash of an empty item, or after what came last. */
  #nothing(): Place {
    const dash = /(?:\s|#.*[\r\n])*-/y;
    dash.lastIndex = this.#last;
    const item = this.#open.at(-1)?.node?.keys === undefined && dash.test(this.#source.text);
    const start = item ? dash.lastIndex - 1 : this.#last;
    return { start, end: start };
  }

  #anchor(
    { anchorStart, anchorEnd }: { readonly anchorStart: number; readonly anchorEnd: number },
    written: Written,
  ): void {
    if (anchorStart < 0) return;
    this.#anchors.set(this.#source.text.slice(anchorStart, anchorEnd), written);
  }

  #alias(anchor: Written, site: Place): void {
    const { node } = anchor;
    node.uses++;
    this.#last = site.end;
    const name = this.#add(anchor, site);
    if (!this.#open.some((frame) => frame.node === node)) return;
    const problem = "is an alias of what it stands in, and would never end";
    this.unsound.push({ code: "syntax", path: this.#path(name), problem, place: site });
  }

  /** Puts a value where it belongs; its name there. */
  #add({ node, event }: Written, site: Place): string | number {
    const frame = this.#open.at(-1)!;
    if (frame.node === undefined) {
      this.root = node;
      return "";
    }
    const { entries, keys } = frame.node;
    if (keys === undefined) {
      entries!.set(String(entries!.size), { site, node });
      return entries!.size - 1;
    }
    const { key } = frame;
    if (key === undefined) {
      frame.key = { node, name: this.#keyOf(event) };
      keys.push(node);
      if (node.inner === undefined) {
        const problem = "has a key here that is not text: put text with { or [ in quotes";
        this.unsound.push({ code: "syntax", path: this.#path(), problem, place: node });
      }
      return "";
    }
    frame.key = undefined;
    const before = entries!.get(key.name)?.key;
    if (before !== undefined && this.faults.length < MAX_FAULTS) {
      const problem = `is there twice: first in ${
        this.#source.describe(before.start, key.node.start)
      }`;
      const path = this.#path(key.name);
      this.faults.push({ code: "duplicate", path, problem, on: "key", place: key.node });
    }
    const empty = node.start === node.end;
    entries!.set(key.name, { key: key.node, site: empty ? key.node : site, node });
    return key.name;
  }

  /** What JavaScript makes of a scalar as a key: of `~` it is `null`, of `010` it is `10`. */
  #keyOf(event: ScalarEvent | undefined): string {
    if (event === undefined) return "";
    const text = event.valueStart < 0 ? "" : getScalarValue(this.#source.text, event);
    return event.style === SCALAR_STYLE.PLAIN ? plainKey(text) : text;
  }

  /** The path of what is open, or of something in it. */
  #path(...name: (string | number)[]): Path {
    return [...this.#open.slice(2).map((frame) => frame.name), ...name];
  }
}

function plainKey(text: string): string {
  if (/^(?:~|null|Null|NULL|)$/.test(text)) return "null";
  if (/^(?:true|True|TRUE|false|False|FALSE)$/.test(text)) return text.toLowerCase();
  const [, sign, infinite] = /^([-+]?)\.(?:(inf|Inf|INF)|nan|NaN|NAN)$/.exec(text) ?? [];
  if (infinite) return sign === "-" ? "-Infinity" : "Infinity";
  if (sign === "") return "NaN";
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
  let entry: Entry | undefined = { site: root, node: root };
  let nearest: Place = root;
  for (const key of path) {
    entry = entry.node.entries?.get(String(key));
    if (entry === undefined) break;
    nearest = entry.key ?? entry.site;
  }
  return { entry, nearest };
}
