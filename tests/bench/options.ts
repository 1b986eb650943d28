import { parseArgs } from "node:util";

/** The text of `--help`. */
export const HELP = `Measures budgets as ratios of interleaved samples, on Deno, Bun and Node.

Usage: deno task bench [options]

  --only TEXT      rows whose name or comparison contains TEXT; may be repeated
  --runtime NAME   deno, bun, node, or any for rows that need none; may be repeated
  --json FILE      also write the results to FILE
  --strict         exit 1 if a budget is missed
  --list           print the rows and exit
  --help           print this help

Bundles and runtimes come from tests/runtime: run 'npm ci' there first.

A value of 1.20 x means 1.2 times the cost of the comparison; the spread is the 10th to 90th
percentile of the pairs. Rows without a budget are shown for information; 'noise' compares a loop
with itself. Exits 1 if a row could not be measured, with --strict also if a budget is missed.`;

/** The options of the command line. */
export interface Options {
  readonly only: readonly string[] | undefined;
  readonly runtime: readonly string[] | undefined;
  readonly json: string | undefined;
  readonly strict: boolean;
  readonly list: boolean;
  readonly help: boolean;
}

/** Parses the command line. @throws {TypeError} if an option is unknown */
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
