import type { Measurement } from "../sampler.ts";
import type { Runtime } from "../runtimes.ts";
import type { Workshop } from "../workshop.ts";

/** What a value may be. `below` is for a race: to be as fast is not to win it. */
export type Budget =
  | { readonly atMost: number }
  | { readonly atLeast: number }
  | { readonly below: number };

/** Of a value: `x` is a ratio. */
export type Unit = "x" | "KiB" | "MiB" | "ms" | "ops";

/** What every row has. `name` and `against` together are unique. */
export interface RowLabels {
  /** What is measured. Rows of one module share a beginning, for `--only`. */
  readonly name: string;
  /** What it is measured against. */
  readonly against: string;
  /** @default {"x"} a ratio */
  readonly unit?: Unit;
  /** Without one the row is only shown. */
  readonly budget?: Budget;
}

/** A row that is measured inside each runtime, by a process of its own. */
export interface InsideRow extends RowLabels {
  /** Measures, with what every runtime has; `address` is the URL of `server`. */
  readonly inside: (address: string) => Promise<Measurement>;
  /** Where it can be measured. @default all */
  readonly runtimes?: readonly Runtime[];
  /** What answers over HTTP meanwhile, outside of the process that is measured. */
  readonly server?: (request: Request) => Promise<Response>;
}

/** A row that is measured from outside each runtime, by the process of `deno task bench`. */
export interface OutsideRow extends RowLabels {
  /** Measures. */
  readonly outside: (workshop: Workshop, runtime: Runtime) => Promise<Measurement>;
  /** Where it can be measured. @default all */
  readonly runtimes?: readonly Runtime[];
}

/** A row that has nothing to do with a runtime. */
export interface OnceRow extends RowLabels {
  /** Measures. */
  readonly once: (workshop: Workshop) => Promise<Measurement>;
}

/** A line of the table: on each runtime, or one alone. */
export type Row = InsideRow | OutsideRow | OnceRow;

/** A runtime, or none in particular. */
export type Place = Runtime | "any";
