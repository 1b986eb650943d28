import { inspect } from "../internal/validate.ts";
import { filterPathPattern, matchesGlob, parseFilterPath } from "./filter_path.ts";
import type { HookEvent } from "../core/mod.ts";
import type { FilterValue, WebhookHookOptions } from "./webhook_options.ts";

/** Whether a filter lets an event pass. */
export function compileFilter(
  subject: string,
  filter: WebhookHookOptions["filter"],
): (event: HookEvent) => boolean {
  if (filter === undefined) return () => true;
  if (typeof filter !== "object" || filter === null || Array.isArray(filter)) {
    throw new TypeError(
      `${subject} as 'filter' must map paths to values: current value is ${inspect(filter)}`,
    );
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

const PATH = /* @__PURE__ */ new RegExp(filterPathPattern("sessionId"));

function checkRule(subject: string, path: string, values: readonly FilterValue[]): void {
  const known = PATH.test(path);
  const scalar = values.length > 0 &&
    values.every((value) => value === null || /^(string|number|boolean)$/.test(typeof value));
  if (known && scalar) return;
  throw new TypeError(
    `${subject} as 'filter' must map paths such as "data.name", "type" or "sessionId" ` +
      `to a string, number, boolean, null or a list of them: the entry at ${
        JSON.stringify(path)
      } does not`,
  );
}

function valueAt(event: HookEvent, path: readonly string[]): unknown {
  let value: unknown = event;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    // What JSON would have: own fields, and of a list its items, not its length.
    if (!Object.prototype.propertyIsEnumerable.call(value, key)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return value;
}

function matches(wanted: FilterValue, value: unknown): boolean {
  if (typeof wanted === "string" && typeof value === "string") return matchesGlob(wanted, value);
  return wanted === value;
}
