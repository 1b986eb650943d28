import * as v from "valibot";
import { type InputError, pointerTo, Problem } from "./_problems.ts";
import type { Schema } from "./_schemas.ts";

/** A parameter of a query. */
export type Param = {
  readonly description: string;
  readonly schema: Schema;
  /** The value of a text; what is no value stays text, and fails the schema. @default the text */
  readonly read?: (text: string) => unknown;
  readonly required?: boolean;
  readonly example?: unknown;
};

/** Parameters by name. */
export type Params = Readonly<Record<string, Param>>;

/** A whole number's value. */
export function readInteger(text: string): unknown {
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}

/** A truth value. */
export function readBoolean(text: string): unknown {
  return text === "true" ? true : text === "false" ? false : text;
}

/** The values of a query. @throws {Problem} naming every fault */
export function readQuery(params: Params, url: string): Readonly<Record<string, unknown>> {
  const start = url.indexOf("?");
  if (start < 0 && !Object.values(params).some(({ required }) => required)) return {};
  const search = new URLSearchParams(start < 0 ? "" : url.slice(start).replace(/#.*$/s, ""));
  const values: Record<string, unknown> = {};
  const errors: InputError[] = [];
  const fault = (name: string, detail: string) => errors.push({ pointer: `?${name}`, detail });
  for (
    const [name, { schema, read = (text: string): unknown => text, required }] of Object.entries(
      params,
    )
  ) {
    const given = search.getAll(name);
    search.delete(name);
    if (given.length > 1) fault(name, "must be there once");
    else if (given.length === 1) {
      const result = v.safeParse(schema, read(given[0]!), { abortEarly: true });
      if (result.success) values[name] = result.output;
      else fault(name, result.issues[0].message);
    } else if (required) fault(name, "is missing");
  }
  if (search.size > 0) {
    const known = Object.keys(params).join(", ") || "none";
    fault("", `there are parameters that are unknown: known are ${known}`);
  }
  if (errors.length > 0) throw Problem.invalid(errors);
  return values;
}

/** The value of a body's part. @throws {Problem} naming every fault */
export function readValue<Output>(
  schema: v.GenericSchema<unknown, Output>,
  value: unknown,
  prefix: readonly PropertyKey[] = [],
): Output {
  if (Array.isArray(value) && schema.type.endsWith("object")) { // valibot takes a list for an object
    throw Problem.invalid([{ pointer: pointerTo(prefix), detail: "must be an object" }]);
  }
  const result = v.safeParse(schema, value, { abortPipeEarly: true });
  if (result.success) return result.output;
  throw Problem.invalid(result.issues.map(({ path = [], expected, message }) => {
    const keys = path.map(({ key }) => key as PropertyKey);
    const shown = expected === "never" ? keys.slice(0, -1) : keys; // an unknown key may be anything
    return { pointer: pointerTo([...prefix, ...shown]), detail: message };
  }));
}
