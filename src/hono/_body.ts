import { isJson, isPlainUtf8, parseMediaType } from "../internal/http_fields.ts";
import { type JsonText, parseJson } from "../internal/json_text.ts";
import { readBytes } from "../internal/bytes.ts";
import type { Call } from "./_call.ts";
import { Problem } from "./_problems.ts";

/**
 * Reads a body as it arrives. One that is too large is refused before it is read, or where it grows too
 * large; one that takes longer than `bodyTimeout` is refused then.
 */
export async function readBody(call: Call): Promise<Uint8Array> {
  const { request, context, state: { limits, bodyTimeout } } = call;
  checkPlain(request.headers);
  const length = request.headers.get("content-length");
  const declared = length !== null && /^\d+$/.test(length) ? Number(length) : undefined;
  if (declared !== undefined && declared > limits.body) throw new Problem("body_too_large");
  const { bodyUsed, body } = request;
  const read = bodyUsed
    ? context.req.arrayBuffer().then((buffer) => new Uint8Array(buffer)) // Hono keeps what was read
    : readBytes(body, { maxBytes: limits.body, timeout: bodyTimeout });
  const bytes = await read.catch(() => {
    throw new Problem("body_incomplete");
  });
  // The rest of the body may still come: the connection is of no use to another request.
  if (bytes === "too_slow") throw new Problem("body_timeout", { headers: { connection: "close" } });
  if (bytes === "too_large" || bytes.length > limits.body) throw new Problem("body_too_large");
  return bytes;
}

/**
 * Returns the value of a JSON body, and the numbers in it that a double would change. No problem quotes the
 * body: it may be a payload.
 */
export function parseJsonBody(bytes: Uint8Array, depth: number): JsonText {
  const { value, issues } = parseJson(bytes);
  if (value === undefined) throw new Problem("body_malformed");
  const fault = findJsonFault(value, depth);
  if (fault !== undefined) throw Problem.invalid([{ pointer: "", detail: fault }]);
  return { value, issues };
}

/** What keeps parsed JSON from being a payload; undefined: nothing. */
export function findJsonFault(value: unknown, depth: number, left = depth): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (left === 0) return `must be at most ${depth} deep`;
  for (const key in value) {
    const field = (value as Readonly<Record<string, unknown>>)[key];
    const fault = findJsonFault(field, depth, left - 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** Refuses a body that is compressed, or in a charset other than UTF-8. @throws {Problem} */
export function checkPlain(headers: Headers): void {
  if (isPlainUtf8(headers)) return;
  throw new Problem("media_type_unsupported", { headers: { "accept-encoding": "identity" } });
}

/** Refuses a body that is not JSON in UTF-8. @throws {Problem} */
export function checkJson(headers: Headers): void {
  const type = parseMediaType(headers.get("content-type"));
  if (type === undefined || !isJson(type)) throw new Problem("media_type_unsupported");
  checkPlain(headers);
}
