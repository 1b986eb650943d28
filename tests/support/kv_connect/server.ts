/**
 * A small KV Connect server (version 3 of the protocol, without `watch` and queues) that fails on demand.
 * It responds like denokv: `tests/internal/kv/agreement_test.ts` compares the two. As a program, it
 * prints its URL and serves until it is killed.
 * @module
 */
import { Database, RequestError } from "./database.ts";
import { TOKEN } from "./denokv.ts";
import { Proxy } from "./proxy.ts";
import { readCommit, readRanges } from "./requests.ts";
import { bytes, concat, number } from "./wire.ts";

/** A read or a commit that was received. */
export interface KvRequest {
  readonly kind: "read" | "write";
  /** The number of this request among those of its kind, from 1. Resent commits count again. */
  readonly nth: number;
}

/**
 * `unavailable`: 503, nothing is done. `lost reply`: it is done, and the connection is cut before the
 * reply. `broken reply`: it is done, and the reply ends after its headers.
 */
export type Fault = "unavailable" | "lost reply" | "broken reply";

/** Options of the server. */
export interface KvConnectOptions {
  /** Returns how a request fails. It starts once this has resolved, so a promise delays it. */
  readonly fault?: (request: KvRequest) => Fault | undefined | Promise<Fault | undefined>;
  /** The token of clients. @default the one of the test run */
  readonly token?: string;
  /** @default a free one */
  readonly port?: number;
}

/** A running server. */
export interface KvConnectServer {
  readonly url: string;
  /** The number of requests received. */
  readonly requests: Readonly<Record<KvRequest["kind"], number>>;
  close(): Promise<void>;
}

const VERSIONS = [2, 3];
const PATHS: Readonly<Record<string, KvRequest["kind"]>> = {
  "/v2/snapshot_read": "read",
  "/v2/atomic_write": "write",
};
const SUCCESS = 1;
const CHECK_FAILURE = 2;

/** Starts a server on the loopback interface, with an empty database. */
export function startKvConnect(options: KvConnectOptions = {}): KvConnectServer {
  const { fault = () => undefined, token = TOKEN, port = 0 } = options;
  const database = new Database();
  const databaseId = crypto.randomUUID();
  const requests = { read: 0, write: 0 };

  const handle = async (request: Request, { port }: Deno.NetAddr): Promise<Response> => {
    const body = await request.bytes();
    const { pathname } = new URL(request.url);
    const kind = PATHS[pathname];
    if (kind === undefined && pathname !== "/") throw new RequestError("Unknown path", 404);
    if (request.method !== "POST") throw new RequestError("Only POST is known", 405);
    if (kind === undefined) return metadata(request, body, databaseId, token);
    checkHeaders(request.headers, databaseId, token);
    const failing = await fault({ kind, nth: ++requests[kind] });
    if (failing === "unavailable") throw new RequestError("Try later", 503);
    const reply = kind === "read" ? read(database, body) : write(database, body);
    if (failing === "lost reply") proxy.cut(port);
    const headers = new Headers({ "content-type": "application/x-protobuf" });
    if (failing !== "broken reply") return new Response(reply, { headers });
    headers.set("content-length", `${reply.length}`);
    return new Response(new ReadableStream({ start: (body) => body.close() }), { headers });
  };
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request, { remoteAddr }) => handle(request, remoteAddr).catch(refused),
  );
  const proxy = new Proxy(port, server.addr.port);
  return {
    url: `http://127.0.0.1:${proxy.port}`,
    requests,
    async close() {
      await proxy.close();
      await server.shutdown();
    },
  };
}

function refused(error: unknown): Response {
  if (error instanceof RequestError) return new Response(error.message, { status: error.status });
  if (error instanceof Deno.errors.Http) return new Response(); // it was cut off while it arrived
  throw error;
}

function metadata(
  { headers }: Request,
  body: Uint8Array,
  databaseId: string,
  token: string,
): Response {
  let supportedVersions: readonly number[] | undefined;
  try {
    ({ supportedVersions } = JSON.parse(new TextDecoder().decode(body)));
  } catch {
    // No versions.
  }
  const version = Math.max(...(supportedVersions ?? []).filter((n) => VERSIONS.includes(n)));
  if (!VERSIONS.includes(version)) throw new RequestError(`Versions ${VERSIONS} are known`);
  checkToken(headers, token);
  const endpoints = [{ url: "/v2", consistency: "strong" }]; // the same path in version 3
  const expiresAt = new Date(Date.now() + 24 * 3_600_000).toISOString();
  return Response.json({ version, databaseId, endpoints, token, expiresAt });
}

function checkHeaders(headers: Headers, databaseId: string, token: string): void {
  if (!VERSIONS.includes(Number(headers.get("x-denokv-version")))) {
    throw new RequestError(`Versions ${VERSIONS} are known`);
  }
  checkToken(headers, token);
  if (headers.get("x-denokv-database-id") !== databaseId) {
    throw new RequestError("Another database");
  }
}

function checkToken(headers: Headers, token: string): void {
  if (headers.get("authorization") !== `Bearer ${token}`) {
    throw new RequestError("Unknown token", 401);
  }
}

function read(database: Database, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const outputs = readRanges(body).map((range) =>
    bytes(
      1,
      concat(
        ...database.read(range).map((row) => {
          const versionstamp = bytes(4, Uint8Array.fromHex(row.versionstamp));
          const entry = [
            bytes(1, row.key),
            bytes(2, row.data),
            number(3, row.encoding),
            versionstamp,
          ];
          return bytes(1, concat(...entry));
        }),
      ),
    )
  );
  return new Uint8Array(concat(...outputs, number(4, 1), number(8, SUCCESS)));
}

function write(database: Database, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const { checks, mutations } = readCommit(body);
  const versionstamp = database.write(checks, mutations);
  return new Uint8Array(
    versionstamp === undefined
      ? number(1, CHECK_FAILURE)
      : concat(number(1, SUCCESS), bytes(2, Uint8Array.fromHex(versionstamp))),
  );
}

if (import.meta.main) console.log(startKvConnect().url);
