import { fileSchema } from "./fields.ts";
import type { Field, ObjectSchema, Schema, StringSchema } from "./schema.ts";
import { MAX_STRING, REFERENCE } from "./scalars.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * Returns the JSON Schema (draft-07, which editors support) of a configuration file. It describes a file
 * before variables are expanded. Only `parseConfig` checks bounds of durations, unique names, and whether
 * variables are set.
 *
 * ```ts
 * import { configJsonSchema } from "@omniagent/hooks/config";
 *
 * console.log(JSON.stringify(configJsonSchema(), null, 2));
 * ```
 */
export function configJsonSchema(): Record<string, unknown> {
  return structuredClone({
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Configuration of @omniagent/hooks",
    ...toJsonSchema(fileSchema, { variables: true }),
  });
}

/** What a JSON Schema describes: with `variables`, strings may refer to variables, as in a file. */
type Options = { readonly variables: boolean };

/** Returns the JSON Schema of a value. */
export function toJsonSchema(schema: Schema, options: Options): Json {
  switch (schema.type) {
    case "object":
      return ofObject(schema, options);
    case "record":
      return {
        type: "object",
        propertyNames: { pattern: schema.key.jsonPattern ?? schema.key.pattern.source },
        additionalProperties: toJsonSchema(schema.values, options),
        maxProperties: schema.max,
      };
    case "list":
      return {
        type: "array",
        items: toJsonSchema(schema.items, options),
        ...(schema.min > 0 && { minItems: schema.min }),
        maxItems: schema.max,
      };
    case "union":
      return {
        anyOf: [toJsonSchema(schema.list, options), toJsonSchema(schema.other, options)],
      };
    case "string":
      return ofString(schema, options);
    case "any":
      return {
        type: ["string", "number", "boolean", "null"],
        minimum: Number.MIN_SAFE_INTEGER,
        maximum: Number.MAX_SAFE_INTEGER,
      };
    case "boolean":
      return orReference({ type: "boolean" }, options);
    default:
      return orReference(
        { type: schema.type, minimum: schema.min, maximum: schema.max },
        options,
      );
  }
}

function ofObject({ fields, exclusive }: ObjectSchema, options: Options): Json {
  const entries = Object.entries(fields);
  const required = entries.filter(([, field]) => field.required).map(([key]) => key);
  return {
    type: "object",
    properties: Object.fromEntries(
      entries.map(([key, field]) => [key, ofField(field, options)]),
    ),
    ...(required.length > 0 && { required }),
    ...(exclusive && { not: bothOf(exclusive) }),
    additionalProperties: false,
  };
}

/** Describes an object with two or more of these keys. */
function bothOf(keys: readonly string[]): Json {
  const pairs = keys.flatMap((key, i) => keys.slice(i + 1).map((other) => [key, other]));
  return pairs.length === 1
    ? { required: pairs[0] }
    : { anyOf: pairs.map((pair) => ({ required: pair })) };
}

function ofField(field: Field, options: Options): Json {
  const schema = toJsonSchema(field.schema, options);
  const isNullable = !field.required && !field.rejectNull;
  return {
    description: field.description,
    ...(field.default !== undefined && { default: field.default }),
    ...examplesOf(field.schema),
    ...(isNullable ? { anyOf: [schema, { type: "null" }] } : schema),
  };
}

/** Returns the examples of a schema; of a list, one with those of its items. */
function examplesOf(schema: Schema): { readonly examples?: readonly unknown[] } {
  if (schema.type !== "list") return "examples" in schema ? { examples: schema.examples } : {};
  const { examples } = examplesOf(schema.items);
  return examples ? { examples: [examples] } : {};
}

/** Returns the schema of a string. One with a variable is checked only after it is expanded. */
function ofString({ pattern, values }: StringSchema, { variables }: Options): Json {
  if (!variables) {
    return values
      ? { enum: values }
      : { type: "string", pattern: pattern.source, maxLength: MAX_STRING };
  }
  const reference = { type: "string", pattern: "\\$\\{", maxLength: MAX_STRING };
  if (values) return { anyOf: [{ enum: values }, reference] };
  return { ...reference, pattern: `(?:${pattern.source})|\\$\\{` };
}

function orReference(schema: Json, { variables }: Options): Json {
  return !variables ? schema : { anyOf: [schema, { type: "string", pattern: REFERENCE.source }] };
}
