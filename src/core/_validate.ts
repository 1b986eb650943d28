import { EventValidationError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { EventSchemas, StandardIssue, StandardSchemaV1 } from "./standard_schema.ts";

/** Judges a payload by the schema of its type. @throws {EventValidationError} with every fault */
export async function validate(event: HookEvent, schemas: EventSchemas): Promise<void> {
  const { type, data } = event;
  if (!Object.hasOwn(schemas, type)) return;
  const schema = (schemas as Readonly<Record<string, StandardSchemaV1 | undefined>>)[type];
  if (schema === undefined) return;
  const result = await schema["~standard"].validate(data);
  if (typeof result !== "object" || result === null) {
    throw new TypeError(`Cannot dispatch '${type}' as its schema gave no result`);
  }
  const { issues } = result;
  if (issues === undefined || issues.length === 0) return;
  const faults = issues.map(({ message, path = [] }): StandardIssue => ({
    message,
    path: ["data", ...path],
  }));
  throw new EventValidationError(`Cannot dispatch '${type}'`, faults);
}
