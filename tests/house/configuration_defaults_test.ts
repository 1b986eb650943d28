/**
 * The defaults in docs/configuration.md are those of the schema.
 * @module
 */
import assert from "node:assert/strict";
import { configJsonSchema } from "@omniagent/hooks/config";
import { root } from "../../tools/run.ts";
import { test } from "../support/harness.ts";

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly default?: unknown;
}

/** The defaults of fields by path, and `required`. Items of a list are under the path of the list. */
function defaultsOf(schema: Schema, path = ""): [string, string][] {
  const { properties = {}, required = [], items, anyOf = [] } = schema;
  const own = Object.entries(properties).flatMap(([name, field]): [string, string][] => {
    const value = field.default === undefined ? undefined : `\`${field.default}\``;
    const cell = required.includes(name) ? "required" : value;
    const at = path ? `${path}.${name}` : name;
    return [
      ...cell === undefined ? [] : [[at, cell] as [string, string]],
      ...defaultsOf(field, at),
    ];
  });
  const nested = [...items ? [items] : [], ...anyOf].flatMap((one) => defaultsOf(one, path));
  return [...own, ...nested];
}

test("configuration.md has the defaults of the schema", async () => {
  const text = await Deno.readTextFile(`${root}/docs/configuration.md`);
  const rows = text.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  for (const [path, expected] of defaultsOf(configJsonSchema())) {
    if (path.startsWith("hooks.defaults.")) continue;
    const names = [`\`${path}\``, `\`${path.split(".").at(-1)}\``];
    const cells = rows.filter(([, name = ""]) => names.includes(name)).map(([, , cell]) => cell);
    if (cells.length === 0) continue; // has no table: documents_names_test.ts knows which have
    assert.ok(cells.includes(expected), `${path}: ${expected} is not among ${cells.join(", ")}`);
  }
});
