import { parseArgs } from "node:util";

/** What `--help` prints. */
export const HELP = `Measures budgets as ratios of interleaved samples, on Deno, Bun and Node.

Usage: deno task bench [options]

  --only TEXT      rows whose name or rival contains TEXT; may be repeated
  --runtime NAME   deno, bun, node, or any for rows that need none; may be repeated
  --json FILE      also write the results to FILE
  --strict         exit 1 when a budget is missed
  --list           print the rows, measure nothing
  --help           print this

Bundles and runtimes come from tests/runtime: rows that need them say so before 'npm ci' there.

A value of 1.20 x means 1.2 times what it is measured against; the spread is the 10th to 90th
percentile of the pairs. Rows without a budget are shown for comparison; noise is a loop against
itself. Exits 1 when a row could not be measured, with --strict also when a budget is missed.`;

/** What the command line says. */
export interface Options {
  readonly only: readonly string[] | undefined;
  readonly runtime: readonly string[] | undefined;
  readonly json: string | undefined;
  readonly strict: boolean;
  readonly list: boolean;
  readonly help: boolean;
}

/** Reads the command line. @throws {TypeError} on an option that there is not */
export function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: "string", multiple: true },
      runtime: { type: "string", multiple: true },
      json: { type: "string" },
      strict: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  return { only: undefined, runtime: undefined, json: undefined, ...values };
}
