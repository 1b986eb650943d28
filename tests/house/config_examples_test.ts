/**
 * The examples of configuration, unchanged.
 * @module
 */
import assert from "node:assert/strict";
import { Ajv } from "ajv";
import { parse } from "yaml";
import { configJsonSchema, hooksFromConfig } from "@omniagent/hooks/config";
import { loadConfig } from "@omniagent/hooks/config/yaml";
import { root } from "../../tools/run.ts";
import { schemaFile } from "../../tools/schema.ts";
import { test } from "../support/harness.ts";

const text = await Deno.readTextFile(`${root}/examples/hooks.yaml`);
const value: unknown = parse(text);

test("examples/hooks.schema.json is what configJsonSchema() gives (deno task schema writes it)", async () => {
  assert.deepEqual(JSON.parse(await Deno.readTextFile(schemaFile)), configJsonSchema());
});

test("examples/hooks.yaml is accepted by loadConfig() and by a JSON Schema validator", () => {
  const secret = `whsec_${btoa("a secret of 24 bytes or more")}`;
  const config = loadConfig(text, {
    env: {
      HOOKS_SECRET: secret,
      SLACK_PATH: "T0/B0",
      SLACK_TOKEN: "token",
      SLACK_SIGNING_SECRET: secret,
      BILLING_SECRET: secret,
      BILLING_SECRET_BEFORE: secret,
      POLICY_SECRET: secret,
      MASK_TOKEN: "token",
      MASK_SECRET: secret,
      MASK_SECRET_BEFORE: secret,
      MASK_PUBLIC_KEY: `whpk_${"A".repeat(43)}=`,
      HOOKS_TOKEN: "0123456789abcdef",
      HOOKS_ADMIN_TOKEN: "fedcba9876543210",
      APPROVAL_KEY: "0123456789abcdef0123456789abcdef",
    },
  });
  assert.deepEqual(hooksFromConfig(config).map(({ name }) => name), [
    "audit",
    "slack-notify",
    "billing",
    "partner",
    "policy",
    "mask",
  ]);
  assert.equal(config.server.port, 8787);
  const ajv = new Ajv({ strict: true, strictRequired: false, allowUnionTypes: true });
  assert.ok(ajv.validate(configJsonSchema(), value), ajv.errorsText());
});

test("examples/hooks.yaml uses every field, but of storage only one", () => {
  const used = new Set(fieldsOf(value));
  // What webhooks share is shown where it is complete on its own.
  const all = schemaFields(configJsonSchema()).filter((path) =>
    path !== "$schema" && !path.startsWith("hooks.defaults.") &&
    !/^storage\.(?!path)/.test(path)
  );
  assert.deepEqual(all.filter((path) => !used.has(path)), []);
  assert.ok(all.length > 35, `${all.length}`);
});

test("examples/config_std_yaml.ts prints its webhook and an issue", async () => {
  const { stdout, stderr } = await new Deno.Command("deno", {
    args: ["run", "-A", "--quiet", "examples/config_std_yaml.ts"],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  assert.equal(decode(stderr), "");
  assert.match(
    decode(stdout),
    /^\[ "audit: tool\.\*, message\.sent" \]\nCannot use hooks\.yaml: 1 error/,
  );
  assert.match(decode(stdout), /hooks\.webhooks\[0\]\.timeout must be a duration .*, got 5;/);
});

/** The paths of a value's fields, without the numbers of items. */
function fieldsOf(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => fieldsOf(item, path));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, field]) => {
    const below = path ? `${path}.${key}` : key;
    return [below, ...fieldsOf(field, below)];
  });
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

function schemaFields({ properties = {}, items, anyOf = [] }: Schema, path = ""): string[] {
  return [
    ...Object.entries(properties).flatMap(([key, field]) => {
      const below = path ? `${path}.${key}` : key;
      return [below, ...schemaFields(field, below)];
    }),
    ...(items ? schemaFields(items, path) : []),
    ...anyOf.flatMap((schema) => schemaFields(schema, path)),
  ];
}
