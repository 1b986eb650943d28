import type { Measurement } from "../sampler.ts";
import type { Runtime } from "../runtimes.ts";
import type { Fixture } from "../fixture.ts";

/** The limit of a value. `below` is for a race, where a tie isn't a win. */
export type Budget =
  | { readonly atMost: number }
  | { readonly atLeast: number }
  | { readonly below: number };

/** The budget of a row in a place: some are one for each runtime. */
export function budgetOf({ budget }: RowLabels, place: Place): Budget | undefined {
  if (budget === undefined || !("deno" in budget)) return budget;
  return place === "any" ? undefined : budget[place];
}

/** The unit of a value; `x` is a ratio. */
export type Unit = "x" | "KiB" | "MiB" | "ms" | "ops";

/** The fields of every row. `name` and `against` together are unique. */
interface RowLabels {
  /** What is measured. Rows of one module share a prefix, for `--only`. */
  readonly name: string;
  /** What it is measured against. */
  readonly against: string;
  /** @default {"x"} a ratio */
  readonly unit?: Unit;
  /** A row without a budget is only shown. */
  readonly budget?: Budget | Readonly<Record<Runtime, Budget>>;
}

/** A row that is measured inside each runtime, in its own process. */
export interface InsideRow extends RowLabels {
  /** Measures by APIs that every runtime has; `address` is the URL of `server`. */
  readonly inside: (address: string) => Promise<Measurement>;
  /** Where it can be measured. @default all */
  readonly runtimes?: readonly Runtime[];
  /** Responds over HTTP, outside the measured process. */
  readonly server?: (request: Request) => Promise<Response>;
}

/** A row that is measured from outside each runtime, by the process of `deno task bench`. */
interface OutsideRow extends RowLabels {
  /** Measures. */
  readonly outside: (fixture: Fixture, runtime: Runtime) => Promise<Measurement>;
  /** Where it can be measured. @default all */
  readonly runtimes?: readonly Runtime[];
}

/** A row that doesn't depend on a runtime. */
interface OnceRow extends RowLabels {
  /** Measures. */
  readonly once: (fixture: Fixture) => Promise<Measurement>;
}

/** A line of the table: on each runtime, or one alone. */
export type Row = InsideRow | OutsideRow | OnceRow;

/** A runtime, or none in particular. */
export type Place = Runtime | "any";
