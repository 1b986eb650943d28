import { webhookJsonSchema } from "../config/webhook_fields.ts";
import type { WebhookStore } from "./types.ts";

type Json = Readonly<Record<string, unknown>>;

/** Returns the JSON Schemas of a new webhook, and of changes: there, null removes an optional field. */
export function webhookSchemas(): WebhookStore["schemas"] {
  const create = webhookJsonSchema();
  const { name: _, ...fields } = create.properties as Readonly<Record<string, Json>>;
  const { required, ...rest } = create;
  const properties = Object.fromEntries(
    Object.entries(fields).map(([field, schema]) => {
      return [field, field === "headers" ? withRemovable(schema) : schema];
    }),
  );
  return { create: { ...rest, required }, change: { ...rest, properties } };
}

/** Each header can be removed by null. */
function withRemovable({ anyOf, ...rest }: Json): Json {
  const forms = (anyOf as readonly Json[]).map((form): Json => {
    const { additionalProperties } = form;
    if (additionalProperties === undefined) return form;
    return { ...form, additionalProperties: { anyOf: [additionalProperties, { type: "null" }] } };
  });
  return { ...rest, anyOf: forms };
}
