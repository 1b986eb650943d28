import type * as v from "valibot";
import { checkJson, parseJsonBody, readBody } from "./_body.ts";
import type { Call } from "./_call.ts";
import { readValue } from "./_input.ts";

/** The value of a JSON body; none at all is an empty object. */
export async function readJson<Output>(
  call: Call,
  schema: v.GenericSchema<unknown, Output>,
): Promise<Output> {
  const bytes = await readBody(call);
  if (bytes.length === 0) return readValue(schema, {});
  checkJson(call.request.headers);
  return readValue(schema, parseJsonBody(bytes, call.state.limits.jsonDepth).value);
}
