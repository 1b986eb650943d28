/**
 * A small KV Connect server (version 3 of the protocol, without `watch`) that fails on demand: as much as
 * the clients of Deno and of `@deno/kv` need. Its limits are those of denokv. Run by itself it prints its
 * URL and serves until it is killed.
 * @module
 */
import { Cable } from "./cable.ts";
import { Database, Refusal } from "./database.ts";
import { bytes, concat, Message, number } from "./wire.ts";

/** A read or a commit that came in. */
export interface KvRequest {
  readonly kind: "read" | "write";
  /** The how-manieth of its kind, from 1. A commit that the client sends again counts again. */
  readonly nth: number;
}

/**
 * `unavailable`: 503, and nothing is done. `lost reply`: it is done, and the connection is cut before the
 * reply. `broken reply`: it is done, and the reply ends after its headers.
 */
export type Fault = "unavailable" | "lost reply" | "broken reply";

/** Options of the server. */
export interface KvConnectOptions {
  /** What goes wrong with a request. It is not begun before this has resolved: a delay is a promise. */
  readonly fault?: (request: KvRequest) => Fault | undefined | Promise<Fault | undefined>;
  /** What clients must know. @default {"token"} */
  readonly token?: string;
  /** @default any free one */
  readonly port?: number;
}

/** A server that runs. */
export interface KvConnectServer {
  readonly url: string;
  /** How many requests came in. */
  readonly requests: Readonly<Record<KvRequest["kind"], number>>;
  close(): Promise<void>;
}

const LIMITS = { checks: 10, mutations: 1000, ranges: 10, entries: 1000, key: 2048, value: 65_536 };
const TYPES = { 1: "set", 2: "delete", 3: "sum" } as const;
const SUCCESS = 1;
const CHECK_FAILURE = 2;

/** Starts a server on the loopback interface, with an empty database. */
export function startKvConnect(options: KvConnectOptions = {}): KvConnectServer {
  const { fault = () => undefined, token = "token", port = 0 } = options;
  const database = new Database();
  const databaseId = crypto.randomUUID();
  const requests = { read: 0, write: 0 };

  const handle = async (request: Request, { port }: Deno.NetAddr): Promise<Response> => {
    const body = await request.bytes();
    if (request.headers.get("authorization") !== `Bearer ${token}`) {
      return new Response("Unknown token", { status: 401 });
    }
    const { pathname } = new URL(request.url);
    if (pathname === "/") return metadata(databaseId, token);
    const kind = pathname === "/v3/snapshot_read" ? "read" : "write";
    const failing = await fault({ kind, nth: ++requests[kind] });
    if (failing === "unavailable") return new Response("Try later", { status: 503 });
    const answer = kind === "read" ? read(database, body) : write(database, body);
    if (failing === "lost reply") cable.cut(port);
    const headers = new Headers({ "content-type": "application/x-protobuf" });
    if (failing !== "broken reply") return new Response(answer, { headers });
    headers.set("content-length", `${answer.length}`);
    return new Response(new ReadableStream({ start: (body) => body.close() }), { headers });
  };
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request, { remoteAddr }) =>
      handle(request, remoteAddr).catch((error) => {
        if (error instanceof Refusal) return new Response(error.message, { status: 400 });
        if (error instanceof Deno.errors.Http) return new Response(); // it was cut while it came in
        throw error;
      }),
  );
  const cable = new Cable(port, server.addr.port);
  return {
    url: `http://127.0.0.1:${cable.port}`,
    requests,
    async close() {
      await cable.close();
      await server.shutdown();
    },
  };
}

function metadata(databaseId: string, token: string): Response {
  return Response.json({
    version: 3,
    databaseId,
    endpoints: [{ url: "/v3", consistency: "strong" }],
    token,
    expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
  });
}

function read(database: Database, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const ranges = new Message(body).messages(1);
  atMost("ranges", ranges.length, LIMITS.ranges);
  const outputs = ranges.map((range) => {
    const limit = range.number(3);
    atMost("entries", limit, LIMITS.entries);
    const rows = database.read({
      start: range.bytes(1),
      end: range.bytes(2),
      limit,
      reverse: range.number(4) === 1,
    });
    return bytes(
      1,
      concat(...rows.map((row) => {
        const versionstamp = bytes(4, Uint8Array.fromHex(row.versionstamp));
        const entry = [
          bytes(1, row.key),
          bytes(2, row.data),
          number(3, row.encoding),
          versionstamp,
        ];
        return bytes(1, concat(...entry));
      })),
    );
  });
  return new Uint8Array(concat(...outputs, number(4, 1), number(8, SUCCESS)));
}

function write(database: Database, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const commit = new Message(body);
  const checks = commit.messages(1).map((check) => ({
    key: check.bytes(1),
    versionstamp: check.bytes(2).toHex(),
  }));
  const mutations = commit.messages(2).map((mutation) => {
    const value = new Message(mutation.bytes(2));
    const type = TYPES[mutation.number(3) as keyof typeof TYPES];
    if (type === undefined) throw new Refusal(`Unknown mutation ${mutation.number(3)}`);
    atMost("bytes of a key", mutation.bytes(1).length, LIMITS.key);
    atMost("bytes of a value", value.bytes(1).length, LIMITS.value);
    const [data, encoding] = [value.bytes(1), value.number(2)];
    return { type, key: mutation.bytes(1), data, encoding, expiresAt: mutation.number(4) };
  });
  atMost("checks", checks.length, LIMITS.checks);
  atMost("mutations", mutations.length, LIMITS.mutations);
  const versionstamp = database.write(checks, mutations);
  return new Uint8Array(
    versionstamp === undefined
      ? number(1, CHECK_FAILURE)
      : concat(number(1, SUCCESS), bytes(2, Uint8Array.fromHex(versionstamp))),
  );
}

function atMost(what: string, found: number, limit: number): void {
  if (found > limit) throw new Refusal(`${found} ${what}, at most ${limit}`);
}

if (import.meta.main) console.log(startKvConnect().url);
