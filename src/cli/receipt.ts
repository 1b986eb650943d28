import { CommandError } from "./command_error.ts";
import type { CommandIO } from "./io.ts";
import { printable, styleOf } from "./style.ts";

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

/** The receipts in an answer. @throws {CommandError} when it has none */
export function receiptsOf(answer: unknown, url: string): readonly Receipt[] {
  const { receipts } = (answer ?? {}) as { readonly receipts?: unknown };
  if (Array.isArray(receipts)) return receipts;
  throw new CommandError(`${url} is no server of hooks: its answer has no receipts`);
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
  const count = deliveries === 1 ? "1 delivery" : `${deliveries} deliveries`;
  io.stdout.write(`${state} ${printable(id)}, ${count}\n`);
  for (const { name, ok, error } of handlers) {
    const mark = ok ? style.green("ok    ") : style.red("failed");
    io.stdout.write(`  ${mark} ${printable(`${name}${error ? `: ${error}` : ""}`)}\n`);
  }
}
