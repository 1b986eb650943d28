/** What is compared: a queue that stores events, and delivers each in a signed request. */
export type Contender = {
  readonly name: string;
  /** Stores one event, without delivering it. Resolves when it is durable. */
  publish(): Promise<unknown>;
  /** Stores one event to be delivered. `settled` is called when its outcome is stored. */
  send(): Promise<unknown>;
  close(): Promise<void>;
};

/** What a contender is opened with. */
export type Setup = {
  /** Where deliveries go. */
  readonly url: string;
  /** A scratch folder. */
  readonly folder: string;
  /** The connection string of PostgreSQL. */
  readonly postgres: string | undefined;
  /** The port of Redis. */
  readonly redis: number | undefined;
  /** A delivery was settled. */
  readonly settled: () => void;
};

/** Deliveries at once, of every contender. */
export const CONCURRENCY = 64;
/** Connections to PostgreSQL, of every contender that has a pool. */
export const CONNECTIONS = 10;

/** The payload, about 200 bytes as JSON. */
export const DATA = {
  name: "bash",
  call_id: "call-1",
  params: { command: "ls -la /workspace/project/src", timeout: 30_000, cwd: "/workspace/project" },
} as const;

const KEY = "0123456789abcdef0123456789abcdef";
/** The secret of the webhooks, in the form of Standard Webhooks. */
export const SECRET = `whsec_${btoa(KEY)}`;
const utf8 = new TextEncoder();
const key = await crypto.subtle.importKey(
  "raw",
  utf8.encode(KEY),
  { name: "HMAC", hash: "SHA-256" },
  false,
  ["sign"],
);

/** Delivers as a careful user of another queue would: signed as Standard Webhooks, with a timeout. */
export async function deliver(url: string, data: unknown): Promise<void> {
  const id = crypto.randomUUID();
  const body = JSON.stringify({ type: "tool.called", data });
  const timestamp = Math.floor(Date.now() / 1000);
  const signature = await crypto.subtle.sign(
    "HMAC",
    key,
    utf8.encode(`${id}.${timestamp}.${body}`),
  );
  const response = await fetch(url, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(timestamp),
      "webhook-signature": `v1,${btoa(String.fromCharCode(...new Uint8Array(signature)))}`,
    },
    signal: AbortSignal.timeout(10_000),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`The receiver responded ${response.status}`);
}
