/**
 * The documents name everything that exists, and nothing else: fields of the configuration, options, routes,
 * problems, and numbers that a benchmark prints.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import { agentEventJsonSchemas } from "../../src/core/agent_event_schemas.ts";
import { configJsonSchema } from "@omniagent/hooks/config";
import { createHooksApp } from "@omniagent/hooks/hono";
import { type ExportedSymbol, readExports } from "../../tools/exports.ts";
import { kvOperationRows } from "../bench/rows/kv_operations.ts";
import type { Row } from "../bench/rows/row.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import exported from "./exports.json" with { type: "json" };
import { blocksOf, codeOf, type Document, firstColumn, readDocuments } from "./documents.ts";

const documents = await readDocuments();
const symbols = Object.values(await readExports()).flat();
const page = (path: string): Document => documents.find((document) => document.path === path)!;

test("configuration.md has every field that the schema has, and no other", () => {
  const { hooks, gates, storage, retention, server } = fieldsOf(configJsonSchema());
  const document = page("docs/configuration.md");
  const webhook = fieldsOf(fieldsOf(hooks)["webhooks"]);
  assert.deepEqual(firstColumn(document, "field of a webhook").toSorted(), namesOf(webhook));
  const gate = fieldsOf(fieldsOf(hooks)["gates"]);
  assert.deepEqual(firstColumn(document, "field of a gate").toSorted(), namesOf(gate));
  assert.deepEqual(
    firstColumn(document, "field of `retry`").toSorted(),
    namesOf(fieldsOf(webhook["retry"])),
  );
  assert.deepEqual(
    firstColumn(document, "field of a token").toSorted(),
    namesOf(fieldsOf(fieldsOf(server)["tokens"])),
  );
  const others = Object.entries({ gates, storage, retention, server })
    .flatMap(([section, schema]) => namesOf(fieldsOf(schema)).map((name) => `${section}.${name}`));
  assert.deepEqual(firstColumn(document, "field").toSorted(), others.toSorted());
});

test("configuration.md has every code of an issue, and no other", () => {
  const union = symbolOf("ConfigIssueCode").declarations[0]!.def!.tsType!.value;
  const codes = (union as readonly { readonly repr: string }[]).map(({ repr }) => repr);
  assert.deepEqual(
    firstColumn(page("docs/configuration.md"), "code").toSorted(),
    codes.toSorted(),
  );
});

test("the tables of options have every option of their interface, and no other", () => {
  const tables = [
    ["docs/webhooks.md", "WebhookHookOptions", 0],
    ["docs/webhooks.md", "WebhookReceiverOptions", 1],
    ["docs/delivery.md", "OutboxOptions", 0],
    ["docs/http.md", "HooksAppSettings", 0],
  ] as const;
  for (const [path, name, nth] of tables) {
    const options = new Set(membersOf(name));
    const { text } = page(path);
    const from = text.split("| option ").slice(nth + 1).map((part) => `| option ${part}`).join("");
    const listed = firstColumn({ path, text: from }, "option");
    assert.deepEqual(listed.toSorted(), [...options].toSorted(), `${path}, ${name}`);
  }
});

test("http.md has every route with its scope, and every problem with its status", async () => {
  const hooks = createHooks();
  const app = createHooksApp(hooks, { auth: false, logger: silentLogger });
  const contract = await (await app.request("/openapi.json")).json() as Contract;
  await hooks.close();
  const routes = new Map<string, string>();
  const problems = new Set(["404 not_found", "405 method_not_allowed", "500 internal"]);
  for (const [path, methods] of Object.entries(contract.paths)) {
    for (const [method, { security, responses }] of Object.entries(methods)) {
      const route = `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ":$1")}`;
      routes.set(route, security[0]?.bearer[0] ?? "");
      for (const [status, { content }] of Object.entries(responses)) {
        const examples = content?.["application/problem+json"]?.examples ?? {};
        Object.keys(examples).forEach((code) => problems.add(`${status} ${code}`));
      }
    }
  }
  const { text } = page("docs/http.md");
  const listed = [...text.matchAll(/^\| `((?:GET|POST|PATCH|DELETE) \S+)` +\| (?:`(\w+)`)? *\|/gm)];
  assert.deepEqual(
    listed.map(([, route, scope = ""]) => `${route} ${scope}`).toSorted(),
    [...routes].map((entry) => entry.join(" ")).toSorted(),
  );
  const documented = [...text.matchAll(/^\| (\d{3}) +\| (.*) \|$/gm)].flatMap(
    ([, status, codes]) => [...codes!.matchAll(/`(\w+)`/g)].map(([, code]) => `${status} ${code}`),
  );
  assert.deepEqual(documented.toSorted(), [...problems].toSorted());
});

test("docs/README.md and the skill name every entry, and only names that an entry exports", () => {
  const entries: Readonly<Record<string, readonly string[]>> = exported;
  const names = Object.keys(entries).map((entry) => entry.replace(/^\./, "@omniagent/hooks"));
  assert.deepEqual(firstColumn(page("docs/README.md"), "entry").toSorted(), names.toSorted());
  const skill = page("skills/omniagent-hooks/SKILL.md");
  assert.ok(skill.text.split("\n").length <= 150);
  assert.match(skill.text, /^---\nname: omniagent-hooks\ndescription: \S.{40,}\n---\n/);
  for (const [, wanted, entry] of skill.text.matchAll(/\| (`\w+`.*?) +\| `(@omni\S+)` +\|/g)) {
    for (const name of wanted!.replaceAll("`", "").split(", ")) {
      const found = entries[entry!.replace("@omniagent/hooks", ".")];
      assert.ok(found?.includes(name.trim()), `${name} of ${entry}`);
    }
  }
});

test("errors in the documents are errors that an entry exports", () => {
  const names = new Set(Object.values(exported).flat());
  const own = new Set(["AggregateError", "TypeError", "RangeError"]);
  for (const document of documents) {
    const errors = codeOf(document).filter((code) => /^[A-Z]\w+Error$/.test(code));
    const unknown = errors.filter((name) => !names.has(name) && !own.has(name));
    assert.deepEqual(unknown, [], document.path);
  }
});

test("gates.md blocks a tool call in ten lines", () => {
  const [first] = blocksOf(page("docs/gates.md"));
  assert.match(first!.code, /deny\(/);
  assert.ok(first!.code.split("\n").filter((line) => line !== "").length <= 10, first!.code);
});

test("events-and-hooks.md has every field of a payload, and says which are optional", () => {
  const { text } = page("docs/events-and-hooks.md");
  const ofAgents = ["agent_id", "parent_agent_id"];
  const onlyCompleted = ["result", "error", "duration_ms"]; // one type for both events of a tool
  for (const [type, schema] of Object.entries(agentEventJsonSchemas())) {
    const { required, properties } = schema as {
      readonly required: readonly string[];
      readonly properties: object;
    };
    const start = type.startsWith("gate.")
      ? `- \`${type}\` [^\`]+:`
      : `\\| \`${type}\` +\\|[^|]+\\|`;
    const item = new RegExp(`^${start}\\s+\`([^\`]+)\``, "m").exec(text);
    const named = item?.[1]?.split(/,\s+/) ?? assert.fail(`no fields of ${type}`);
    const fields = Object.keys(properties)
      .filter((name) => type.startsWith("gate.") || !ofAgents.includes(name))
      .filter((name) => type !== "tool.called" || !onlyCompleted.includes(name))
      .map((name) => required.includes(name) ? name : `${name}?`);
    assert.deepEqual([...named].sort(), fields.sort(), type);
  }
});

test("events-and-hooks.md has every error that an entry exports, with its code", async () => {
  const document = page("docs/events-and-hooks.md");
  const names = new Set(Object.values(exported).flat().filter((name) => name.endsWith("Error")));
  const named = new Set(codeOf(document));
  assert.deepEqual([...names].filter((name) => !named.has(name)), []);
  const rows = [...document.text.matchAll(/^\| `(\w+Error)` +\| `(\w+)`/gm)];
  assert.ok(rows.length >= 12);
  for (const [, name, code] of rows) {
    // `deno doc` has the type of `code`, but not its value.
    const { filename } = symbolOf(name!).declarations[0]!.location;
    const [, body = ""] = (await Deno.readTextFile(new URL(filename))).split(`class ${name} `);
    assert.equal(/readonly code = "(\w+)"/.exec(body)?.[1], code, name);
  }
});

test("delivery.md has the costs that the benchmark measures", async () => {
  const lines = page("docs/delivery.md").text.split("\n");
  const measured = await Promise.all(kvOperationRows.map(measure));
  kvOperationRows.forEach(({ name, against }, index) => {
    const what = name.split(": ")[1]!;
    const cells = lines.find((line) => line.startsWith(`| ${what} `))?.split("|");
    assert.ok(cells, `the table has '${what}'`);
    const figure = Number(cells[2 + ["reads", "changes", "commits"].indexOf(against)]);
    const value = measured[index]!;
    assert.ok(
      Math.abs(figure - value) <= 0.1 + value * 0.05,
      `${what}, ${against}: ${value}, not ${figure}`,
    );
  });
});

async function measure(row: Row): Promise<number> {
  assert.ok("once" in row);
  return (await row.once(undefined as never)).value;
}

type Schema = {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
};
type Contract = {
  readonly paths: Record<
    string,
    Record<string, {
      readonly security: readonly { readonly bearer: readonly string[] }[];
      readonly responses: Record<string, {
        readonly content?: Record<string, { readonly examples?: Record<string, unknown> }>;
      }>;
    }>
  >;
};

/** The fields of an object, of the items of a list, or of the one of several forms that has some. */
function fieldsOf(schema: unknown): Readonly<Record<string, Schema>> {
  const { properties, items, anyOf = [] } = schema as Schema;
  if (properties) return properties;
  if (items) return fieldsOf(items);
  const found = anyOf.map(fieldsOf).find((fields) => Object.keys(fields).length > 0);
  return found ?? {};
}

function namesOf(fields: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(fields).toSorted();
}

/** The members of an exported interface, inherited ones included. */
function membersOf(name: string): readonly string[] {
  const { properties = [], methods = [], extends: parents = [] } = symbolOf(name).declarations[0]!
    .def!;
  const inherited = typeof parents === "string"
    ? []
    : parents.flatMap(({ repr }) => membersOf(repr));
  return [...inherited, ...[...properties, ...methods].map((member) => member.name)];
}

/** The symbol of a name where it is defined: one entry may export it from another. */
function symbolOf(name: string): ExportedSymbol {
  const symbol = symbols.find((symbol) =>
    symbol.name === name && symbol.declarations[0]!.kind !== "reference"
  );
  assert.ok(symbol, `no entry exports ${name}`);
  return symbol;
}
