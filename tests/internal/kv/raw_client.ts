/**
 * Requests of KV Connect as bytes, so that what no client would send can be sent too.
 * @module
 */
import { bytes, concat, Message, number } from "../../support/kv_connect/wire.ts";

const encoder = new TextEncoder();

/** A key of one part. */
export function key(text: string): Uint8Array {
  return concat(new Uint8Array([2]), encoder.encode(text), new Uint8Array([0]));
}

/** A value of the encoding 3 (bytes), unless it is said otherwise. */
export function value(data: string | Uint8Array, encoding = 3): Uint8Array {
  return concat(
    bytes(1, typeof data === "string" ? encoder.encode(data) : data),
    number(2, encoding),
  );
}

/** A number of the encoding 2. */
export function u64(n: bigint): Uint8Array {
  const data = new Uint8Array(8);
  new DataView(data.buffer).setBigUint64(0, n, true);
  return value(data, 2);
}

/** Parts of a commit. */
export const check = (text: string, versionstamp = ""): Uint8Array =>
  bytes(1, concat(bytes(1, key(text)), bytes(2, Uint8Array.fromHex(versionstamp))));
export const mutate = (
  text: string,
  type: number,
  value?: Uint8Array,
  expiresAt = 0,
): Uint8Array =>
  bytes(
    2,
    concat(
      bytes(1, key(text)),
      value ? bytes(2, value) : new Uint8Array(),
      number(3, type),
      number(4, expiresAt),
    ),
  );
export const set = (text: string, data = "x"): Uint8Array => mutate(text, 1, value(data));

/** A range of a read. */
export const range = (from: string, limit: number, reverse = 0): Uint8Array =>
  bytes(
    1,
    concat(
      bytes(1, key(from)),
      bytes(2, new Uint8Array([255])),
      number(3, limit),
      number(4, reverse),
    ),
  );

/** A server, as this sees it. */
export type RawClient = {
  /** The status of the response, with the entries of a read or the result of a commit. */
  call(
    path: "snapshot_read" | "atomic_write",
    body: Uint8Array,
    headers?: Record<string, string>,
  ): Promise<string>;
  /** The status of the response. */
  ask(path: string, init: RequestInit): Promise<number>;
};

/** Exchanges metadata, as every client does first. */
export async function connect(url: string, token: string): Promise<RawClient> {
  const authorization = `Bearer ${token}`;
  const body = JSON.stringify({ supportedVersions: [2, 3] });
  const response = await fetch(url, { method: "POST", headers: { authorization }, body });
  const { databaseId, endpoints, version } = await response.json();
  const base = new URL(endpoints[0].url, url).href;
  const own = {
    authorization,
    "x-denokv-version": String(version),
    "x-denokv-database-id": databaseId,
    "content-type": "application/x-protobuf",
  };
  return {
    async call(path, body, headers = {}) {
      const init = { method: "POST", headers: { ...own, ...headers }, body: new Uint8Array(body) };
      const response = await fetch(`${base}/${path}`, init);
      const bytes = await response.bytes();
      if (!response.ok) return `${response.status}`;
      const message = new Message(bytes);
      if (path === "snapshot_read") return message.messages(1).map(describe).join("; ");
      return message.number(1) === 1 ? `ok ${message.bytes(2).length}` : "check failed";
    },
    async ask(path, init) {
      const response = await fetch(new URL(path, url), init);
      await response.body?.cancel();
      return response.status;
    },
  };
}

/** The entries of a range: key, bytes of the value in hexadecimal, encoding. */
function describe(range: Message): string {
  return range.messages(1).map((entry) => {
    const name = new TextDecoder().decode(entry.bytes(1).slice(1, -1));
    return `${name}=${entry.bytes(2).toHex()}/${entry.number(3)}`;
  }).join(" ");
}
