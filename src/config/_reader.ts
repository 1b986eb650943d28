import { quoted } from "./_report.ts";
import { expand } from "./_variables.ts";
import type { ConfigEnv } from "./config.ts";
import type { ConfigIssueCode } from "./config_error.ts";

/** The keys from the top to a value. */
export type Path = readonly (string | number)[];

/** A fault before its place in a text is known. */
export interface Fault {
  readonly code: ConfigIssueCode;
  readonly path: Path;
  /** What is wrong: "must be a list", "is missing". */
  readonly problem: string;
  readonly accepted?: string | undefined;
  readonly found?: string | undefined;
  readonly suggestion?: string | undefined;
  readonly hint?: string | undefined;
  /** What of it a frame points to. @default {"value"} */
  readonly on?: "key" | "value";
}

/** How much of a text may be shown: all, nothing, or what a function leaves of it. */
export type Show = "all" | "none" | ((text: string) => string);

/** What a frame may show: the value at a path, or the keys of the mapping there. */
export interface Shown {
  readonly path: Path;
  readonly what: "keys" | Show;
}

/** More faults than these help nobody. */
const MAX_FAULTS = 200;

/**
 * Goes through a value along the schema, and collects the faults. It also keeps what was read by fields
 * that hold no secret: a frame shows that, and nothing else.
 */
export class Reader {
  readonly faults: Fault[] = [];
  readonly shown: Shown[] = [];
  readonly #env: ConfigEnv;
  readonly #path: (string | number)[] = [];

  constructor(env: ConfigEnv) {
    this.#env = env;
  }

  /** Whether there is room for more faults; without it there is no use in reading on. */
  get full(): boolean {
    return this.faults.length > MAX_FAULTS;
  }

  /** Reads at a key below. */
  within<T>(key: string | number, read: () => T): T | undefined {
    if (this.full) return undefined;
    this.#path.push(key);
    try {
      return this.here(read);
    } finally {
      this.#path.pop();
    }
  }

  /** Reads. What throws, a getter or a proxy, is a fault like others. */
  here<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch {
      this.fault("unreadable", { problem: "can't be read: a getter or a proxy throws" });
      return undefined;
    }
  }

  /** The path here. */
  get path(): Path {
    return [...this.#path];
  }

  /** Adds a fault, here or at a path. */
  fault(
    code: ConfigIssueCode,
    fault: Omit<Fault, "code" | "path"> & { readonly path?: Path },
  ): void {
    if (this.full) return;
    const path = fault.path ?? this.path;
    if (this.faults.length < MAX_FAULTS) this.faults.push({ ...fault, code, path });
    else {
      const problem = `is where reading stopped, as there are more than ${MAX_FAULTS} faults`;
      this.faults.push({ code: "too_large", path, problem });
    }
  }

  /** Lets frames show what stands here. */
  show(what: Shown["what"]): void {
    this.shown.push({ path: this.path, what });
  }

  /** A text with its variables put in; undefined after a fault. */
  expand(
    text: string,
    show: Show,
  ): { readonly text: string; readonly refers: boolean } | undefined {
    const expanded = expand(text, this.#env, show === "none");
    if (expanded.fault === undefined) return expanded;
    this.fault("variable", { problem: expanded.fault });
    return undefined;
  }
}

/** Anything that looks like a secret is one, wherever it stands. */
const SECRET = /wh(?:sec|sk)_/;

/** What may be shown of a text. */
export function visiblePart(text: string, show: Show): string {
  if (show === "none" || SECRET.test(text)) return "";
  return show === "all" ? text : show(text);
}

/** A value for a message. */
export function describe(value: unknown, show: Show): string {
  if (value === null) return "nothing";
  if (value === "") return "empty text";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  switch (typeof value) {
    case "string": {
      const part = visiblePart(value, show);
      if (part === "") return "text that is not shown";
      return quoted(part === value ? value : `${part}…`);
    }
    case "number":
    case "boolean":
      return show === "none" ? `a ${typeof value} that is not shown` : String(value);
    case "object":
      return isMapping(value)
        ? "a mapping"
        : `a ${Object.prototype.toString.call(value).slice(8, -1)}`;
    default:
      return value === undefined ? "undefined" : `a ${typeof value}`;
  }
}

/** Whether a value is a mapping, and not a list, a Map, or another object with a content of its own. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return Object.prototype.toString.call(value) === "[object Object]";
}
