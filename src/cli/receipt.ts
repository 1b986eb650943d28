import { type Client, readJson } from "./client.ts";
import { CommandError } from "./command_error.ts";
import type { CommandIO } from "./io.ts";
import { count, printable, styleOf } from "./style.ts";

/** What a server says of an event that it took. */
export type Receipt = {
  readonly id: string;
  readonly deliveries: number;
  readonly duplicate: boolean;
  /** Only when it was asked to wait. */
  readonly handlers?: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly error?: string;
  }[];
};

/** What is posted, and how. */
export type Posting = {
  readonly body: unknown;
  readonly idempotencyKey: string | undefined;
  readonly wait: true | undefined;
  /** Ends it. */
  readonly signal?: AbortSignal;
};

/** Posts events. @throws {CommandError} in the user's words */
export async function postEvents(
  client: Client,
  { body, idempotencyKey, wait, signal }: Posting,
): Promise<readonly Receipt[]> {
  const response = await client.fetch("/events", {
    body,
    headers: { "idempotency-key": idempotencyKey },
    query: { wait: wait && "true" },
    ...(signal ? { signal } : {}),
  });
  const replayed = response.headers.get("idempotent-replayed") === "true";
  const { receipts } = await readJson<{ readonly receipts?: unknown }>(response, client.url);
  if (!Array.isArray(receipts)) {
    throw new CommandError(`${client.url} is no server of hooks: its answer has no receipts`);
  }
  return replayed ? receipts.map((receipt) => ({ ...receipt, duplicate: true })) : receipts;
}

/** Prints a receipt: for machines one JSON object a line, for people with what its handlers did. */
export function printReceipt(
  receipt: Receipt,
  { json }: { readonly json?: true },
  io: CommandIO,
): void {
  if (json) return io.stdout.write(`${JSON.stringify(receipt)}\n`);
  const style = styleOf(io, io.stdout);
  const { id, deliveries, duplicate, handlers = [] } = receipt;
  const state = duplicate ? style.yellow("known already") : style.green("accepted");
  io.stdout.write(`${state} ${printable(id)}, ${count(deliveries, "delivery", "deliveries")}\n`);
  for (const { name, ok, error } of handlers) {
    const mark = ok ? style.green("ok    ") : style.red("failed");
    io.stdout.write(`  ${mark} ${printable(`${name}${error ? `: ${error}` : ""}`)}\n`);
  }
}
