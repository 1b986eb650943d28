import type * as v from "valibot";
import { isJson, parseJson, readBody } from "./_body.ts";
import type { Call } from "./_call.ts";
import { readValue } from "./_input.ts";
import { Problem } from "./_problems.ts";

/** The value of a JSON body; none at all is an empty object. */
export async function readJson<Output>(
  call: Call,
  schema: v.GenericSchema<unknown, Output>,
): Promise<Output> {
  const bytes = await readBody(call);
  if (bytes.length === 0) return readValue(schema, {});
  if (!isJson(call.request.headers.get("content-type"))) {
    throw new Problem("media_type_unsupported");
  }
  return readValue(schema, parseJson(bytes, call.state.limits.jsonDepth));
}
