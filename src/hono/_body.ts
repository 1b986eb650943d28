import {
  isJson,
  isPlainUtf8,
  joinBytes,
  type JsonText,
  parseJson,
  parseMediaType,
} from "../core/kit.ts";
import type { Call } from "./_call.ts";
import { Problem } from "./_problems.ts";

/** The bytes of a body. One that is too large is refused before it is read, or where it grows too large. */
export async function readBody(call: Call): Promise<Uint8Array> {
  const { request, context, state: { limits } } = call;
  checkPlain(request.headers);
  const length = request.headers.get("content-length");
  const declared = length !== null && /^\d+$/.test(length) ? Number(length) : undefined;
  if (declared !== undefined && declared > limits.body) throw new Problem("body_too_large");
  try {
    // Hono keeps what a middleware before us has read.
    const bytes = declared !== undefined || request.bodyUsed
      ? new Uint8Array(await context.req.arrayBuffer())
      : await readStream(request, limits.body);
    if (bytes.length > limits.body) throw new Problem("body_too_large");
    return bytes;
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem("body_incomplete");
  }
}

async function readStream({ body }: Request, limit: number): Promise<Uint8Array> {
  if (body === null) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > limit) {
      reader.cancel().catch(() => {}); // not waited for: the answer is known
      throw new Problem("body_too_large");
    }
    parts.push(value);
  }
  return joinBytes(parts);
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
