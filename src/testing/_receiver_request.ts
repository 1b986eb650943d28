import { joinBytes } from "../internal/bytes.ts";
import type { Connection } from "./_receiver_connection.ts";

/** A request that a receiver got, whole. */
export interface RecordedRequest {
  /** Its place in the order of arrival, from 1. */
  readonly number: number;
  /** The method, such as `"POST"`. */
  readonly method: string;
  /** Path and query, such as `"/hooks?a=1"`. */
  readonly path: string;
  /** The headers; values of one name are joined by a comma. */
  readonly headers: Headers;
  /** The bytes of the body. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** When its last byte came. */
  readonly receivedAt: Date;
  /** The body as text. */
  text(): string;
  /** The value of a body that is JSON. @throws {SyntaxError} if it is none */
  json(): unknown;
}

/** What is read of a request before it gets its number. */
export type RawRequest = Pick<RecordedRequest, "method" | "path" | "headers" | "body">;

/** Longest head, in characters: 16 KiB, as Node's server has it. */
const MAX_HEAD = 16_384;
/** Longest body: 64 MiB. A test that sends more means something else. */
const MAX_BODY = 67_108_864;

/** Bytes that are no request, or one that this receiver does not understand. */
export class BadRequest extends Error {}

/**
 * The next request of a connection (HTTP/1.1, RFC 9112); undefined if the client closes it before.
 *
 * By hand, because `node:http` can't reset a connection on Bun, nor cut off an answer everywhere.
 */
export async function readRequest(connection: Connection): Promise<RawRequest | undefined> {
  const start = await connection.readLine(MAX_HEAD);
  if (start === undefined) return undefined;
  const [, method, path] = /^([A-Z]+) (\S+) HTTP\/1\.1$/.exec(start) ?? [];
  if (method === undefined || path === undefined) throw new BadRequest();
  const headers = await readHeaders(connection);
  const body = headers && await readBody(connection, headers);
  return headers && body && { method, path, headers, body };
}

/** The request as it is recorded. */
export function toRecord(raw: RawRequest, number: number): RecordedRequest {
  const text = () => new TextDecoder().decode(raw.body);
  return {
    ...raw,
    number,
    receivedAt: new Date(),
    text,
    json: () => JSON.parse(text()),
  };
}

async function readHeaders(connection: Connection): Promise<Headers | undefined> {
  const headers = new Headers();
  for (let size = 0; size <= MAX_HEAD;) {
    const line = await connection.readLine(MAX_HEAD);
    if (!line) return line === "" ? headers : undefined;
    const colon = line.indexOf(":");
    try {
      headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
    } catch {
      throw new BadRequest();
    }
    size += line.length;
  }
  throw new BadRequest();
}

async function readBody(
  connection: Connection,
  headers: Headers,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (headers.has("transfer-encoding")) return await readChunks(connection);
  return await connection.read(toLength(headers.get("content-length") ?? "0", 10));
}

async function readChunks(connection: Connection): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (let total = 0; total <= MAX_BODY;) {
    const line = await connection.readLine(MAX_HEAD);
    const chunk = line === undefined ? undefined : await connection.read(toLength(line, 16));
    if (chunk === undefined || await connection.readLine(MAX_HEAD) === undefined) return undefined;
    if (chunk.length === 0) return joinBytes(chunks);
    chunks.push(chunk);
    total += chunk.length;
  }
  throw new BadRequest();
}

function toLength(text: string, base: 10 | 16): number {
  const length = /^[0-9a-f]+$/i.test(text) ? parseInt(text, base) : NaN;
  if (!(length <= MAX_BODY)) throw new BadRequest();
  return length;
}
