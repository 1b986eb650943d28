import type { HonoRequest } from "hono";
import { readBytes } from "../internal/bytes.ts";
import { declaredLength, isJson, isPlainUtf8, parseMediaType } from "../internal/http_fields.ts";
import { decodeUtf8, findDuplicateKey, type JsonText, parseJson } from "../internal/json_text.ts";
import type { Settings } from "./options.ts";
import { Problem, toPointer } from "./problems.ts";

/**
 * Reads a body as it arrives. A body that is too large is rejected before it is read, or at the byte that
 * exceeds the limit; a slow one after `bodyTimeout`.
 *
 * @throws {Problem}
 */
export async function readBody(
  request: HonoRequest,
  { limits, bodyTimeout }: Settings,
): Promise<Uint8Array> {
  const { headers } = request.raw;
  checkPlainUtf8(headers);
  if ((declaredLength(headers) ?? 0) > limits.body) throw new Problem("body_too_large");
  let bytes: Uint8Array | "too_large" | "too_slow";
  try {
    bytes = request.raw.bodyUsed
      ? new Uint8Array(await request.arrayBuffer()) // Hono keeps what was read
      : await readBytes(request.raw.body, { maxBytes: limits.body, timeout: bodyTimeout });
  } catch { // the client is gone
    throw new Problem("body_incomplete");
  }
  // The rest of the body may still arrive: the connection can't be used for another request.
  if (bytes === "too_slow") throw new Problem("body_timeout", { headers: { connection: "close" } });
  if (bytes === "too_large" || bytes.length > limits.body) throw new Problem("body_too_large");
  return bytes;
}

/**
 * Returns the value of a JSON body, and an issue for each number that a double would change. Problems
 * never quote the body, which may be a payload.
 *
 * @throws {Problem}
 */
export function parseJsonBody(bytes: Uint8Array, depth: number): JsonText {
  const json = parseJson(bytes);
  if (json.value === undefined) throw new Problem("body_malformed");
  const detail = findNestingIssue(json.value, depth);
  if (detail !== undefined) throw Problem.invalid({ pointer: "", detail });
  return json;
}

/**
 * Returns the value of a JSON body that every parser reads alike: what was logged, or typed, is what happens.
 *
 * @param path Where the value belongs in the request, for problems
 * @throws {Problem}
 */
export function parseExactJson(
  bytes: Uint8Array,
  depth: number,
  path: readonly PropertyKey[] = [],
): unknown {
  const { value, issues: [inexact] } = parseJsonBody(bytes, depth);
  if (findDuplicateKey(decodeUtf8(bytes)!) !== undefined) {
    throw Problem.invalid({ pointer: toPointer(path), detail: "has the same key twice" });
  }
  if (inexact === undefined) return value;
  const pointer = toPointer([...path, ...inexact.path as readonly PropertyKey[]]);
  throw Problem.invalid({ pointer, detail: inexact.message });
}

/** Returns what is wrong with a JSON value that is nested too deep; undefined for any other. */
export function findNestingIssue(value: unknown, depth: number, left = depth): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (left === 0) return `must be nested at most ${depth} levels deep`;
  for (const key in value) {
    const field = (value as Readonly<Record<string, unknown>>)[key];
    const issue = findNestingIssue(field, depth, left - 1);
    if (issue !== undefined) return issue;
  }
  return undefined;
}

/** Checks that a body is JSON in UTF-8. @throws {Problem} */
export function checkJsonType(headers: Headers): void {
  const type = parseMediaType(headers.get("content-type"));
  if (type === undefined || !isJson(type)) throw new Problem("media_type_unsupported");
  checkPlainUtf8(headers);
}

/** Checks that a body is neither compressed nor in a charset other than UTF-8. @throws {Problem} */
export function checkPlainUtf8(headers: Headers): void {
  if (isPlainUtf8(headers)) return;
  throw new Problem("media_type_unsupported", { headers: { "accept-encoding": "identity" } });
}
