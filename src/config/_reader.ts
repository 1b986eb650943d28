import { describePadding } from "../internal/options.ts";
import { quoted, SECRET } from "./_report.ts";
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

/** As many faults as are reported, the last of them saying so if there are more. */
export function limitFaults<T extends Fault>(faults: readonly T[]): readonly T[] {
  if (faults.length <= MAX_FAULTS) return faults;
  const problem = `is where the report ends, as there are more than ${MAX_FAULTS} faults`;
  const { suggestion: _, hint: __, found: ___, accepted: ____, ...last } = faults[MAX_FAULTS]!;
  return [...faults.slice(0, MAX_FAULTS), { ...last, code: "too_large", problem } as T];
}

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
    if (!this.full) this.faults.push({ ...fault, code, path: fault.path ?? this.path });
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
    case "object": {
      if (isMapping(value)) return "a mapping";
      const name = Object.prototype.toString.call(value).slice(8, -1); // whatever it says of itself
      return /^[A-Za-z]{1,40}$/.test(name) ? `a ${name}` : "an object";
    }
    default:
      return value === undefined ? "undefined" : `a ${typeof value}`;
  }
}

/** A text with variables for a message: as it was written, and never what the variables stand for. */
export function describeReference(written: string, expanded: string, show: Show): string {
  const part = visiblePart(written, show);
  if (expanded === "") {
    return part === "" ? "a variable that is empty" : `${quoted(written)}, which is empty`;
  }
  if (part === "") return "text with a variable, which is not shown";
  return `${describe(written, show)}, whose value is not shown`;
}

/** Reports extra characters around a text, as variables often have them. Never shows the text. */
export function paddingHint(text: string): { readonly hint?: string } {
  const hint = text === "" ? undefined : describePadding(text); // that it is empty is said already
  return hint === undefined ? {} : { hint };
}

/** Whether a value is a mapping, and not a list, a Map, or another object with a content of its own. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return Object.prototype.toString.call(value) === "[object Object]";
}
