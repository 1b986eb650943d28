/**
 * Filters of webhooks and their paths. An entry of this folder: the configuration reads paths too.
 *
 * @module
 */
import type { HookEvent } from "../core/mod.ts";
import { inspect, isObject } from "../internal/validate.ts";
import type { FilterValue, WebhookHookOptions } from "./options.ts";

/**
 * Compiles a filter to a function that returns whether an event matches.
 *
 * @throws {TypeError} when the filter is invalid
 */
export function compileFilter(
  subject: string,
  filter: WebhookHookOptions["filter"],
): (event: HookEvent) => boolean {
  if (filter === undefined) return () => true;
  if (!isObject(filter)) {
    throw new TypeError(`${subject}: 'filter' must map paths to values, got ${inspect(filter)}`);
  }
  const rules = Object.entries(filter).map(([path, wanted]) => {
    const values = (Array.isArray(wanted) ? [...wanted] : [wanted]) as readonly FilterValue[];
    checkRule(subject, path, values);
    return { path: parseFilterPath(path), values };
  });
  return (event) =>
    rules.every(({ path, values }) => {
      const found = valueAt(event, path);
      const items = Array.isArray(found) ? found : [found];
      return items.some((item) => values.some((value) => matches(value, item)));
    });
}

/**
 * Keys after `data.`, separated by dots. `\.` is a dot within a key and `\\` a backslash, as in
 * `data.labels.app\.kubernetes\.io/name`.
 */
const KEYS = "(?:[^\\\\]|\\\\[.\\\\])+";

/**
 * Returns the source of a regular expression for paths.
 *
 * @param fields The names of the session, the run and the trace, such as `"sessionId|runId|traceparent"`
 */
export function filterPathPattern(fields: string): string {
  return `^(?:data(?:\\.${KEYS})?|type|id|${fields})$`;
}

const PATH = /* @__PURE__ */ new RegExp(
  /* @__PURE__ */ filterPathPattern("sessionId|runId|traceparent"),
);

function checkRule(subject: string, path: string, values: readonly FilterValue[]): void {
  const known = PATH.test(path);
  const scalar = values.length > 0 &&
    values.every((value) => value === null || /^(string|number|boolean)$/.test(typeof value));
  if (known && scalar) return;
  throw new TypeError(
    `${subject}: 'filter' must map paths such as "data.name", "type" or "sessionId" to a string, ` +
      `number, boolean, null or a list of them, but the entry at ${JSON.stringify(path)} does not`,
  );
}

function valueAt(event: HookEvent, path: readonly string[]): unknown {
  let value: unknown = event;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    // Only what JSON has: own fields, and the items of a list, but not its length.
    if (!Object.prototype.propertyIsEnumerable.call(value, key)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return value;
}

function matches(wanted: FilterValue, value: unknown): boolean {
  if (typeof wanted === "string" && typeof value === "string") return matchesGlob(wanted, value);
  return wanted === value;
}

/** Returns whether a text matches a glob with `*`. Takes at most the product of the lengths. */
export function matchesGlob(glob: string, text: string): boolean {
  let g = 0;
  let star = -1; // the last `*`
  let resume = 0; // where the text that it matches ends
  for (let t = 0; t < text.length;) {
    if (glob[g] === "*") {
      star = g++;
      resume = t;
    } else if (glob[g] === text[t]) {
      g++;
      t++;
    } else if (star >= 0) {
      g = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (glob[g] === "*") g++;
  return g === glob.length;
}

/** Returns the keys of a path that matches the pattern. */
export function parseFilterPath(path: string): readonly string[] {
  const keys = [""];
  for (const [part, escaped] of path.matchAll(/\\([^])|[^]/g)) {
    if (part === ".") keys.push("");
    else keys[keys.length - 1] += escaped ?? part;
  }
  return keys;
}

/** Returns the path of keys. */
export function filterPath(keys: readonly string[]): string {
  return keys.map((key) => key.replace(/[.\\]/g, "\\$&")).join(".");
}
