/**
 * Ratios of interleaved samples. A machine that is slow for a moment is slow for both neighbours, so
 * the ratio of a pair holds where two averages taken one after the other would not.
 *
 * @module
 */

/** One run of one side: resolves to its cost, in any unit that both sides share. */
export type Sample = () => number | Promise<number>;

/** What is measured once. What it returns is awaited. */
export type Operation = () => unknown;

/** A median and its spread, the 10th to the 90th percentile. */
export interface Measurement {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Options of {@link pairedRatio}. */
export interface PairOptions {
  /** Pairs that count. @default {21} */
  readonly pairs?: number;
  /** Pairs before them that do not. @default {8} */
  readonly warmUp?: number;
}

/** Options of {@link loopSample}. */
export interface LoopOptions {
  /** How long a sample runs, in milliseconds. @default {10} */
  readonly duration?: number;
  /** The clock, in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/** Long enough for the optimising compilers of V8 and JavaScriptCore to have had their say. */
const WARM_UP_PAIRS = 8;

/**
 * What `ours` costs as a multiple of `theirs`: the median over pairs, taken in the order A B, B A, …
 * so that neither side always runs on what the other leaves behind.
 */
export async function pairedRatio(
  ours: Sample,
  theirs: Sample,
  { pairs = 21, warmUp = WARM_UP_PAIRS }: PairOptions = {},
): Promise<Measurement> {
  const ratios: number[] = [];
  for (let pair = -warmUp; pair < pairs; pair++) {
    const ratio = pair % 2 === 0
      ? await ours() / await theirs()
      : 1 / (await theirs() / await ours());
    if (pair >= 0) ratios.push(ratio);
  }
  return spread(ratios);
}

/** Median, 10th and 90th percentile. */
export function spread(values: readonly number[]): Measurement {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.round((sorted.length - 1) * share)] ?? NaN;
  return { value: at(0.5), low: at(0.1), high: at(0.9) };
}

/**
 * A sample that runs `operation` again and again, each awaited, and gives the milliseconds of one.
 * How often is found by running it, and corrected by every sample: code gets faster as it warms up.
 */
export function loopSample(
  operation: Operation,
  { duration = 10, now = () => performance.now() }: LoopOptions = {},
): Sample {
  let rounds = 1;
  return async () => {
    // Timers and collectors get their turn between samples, not within one.
    await new Promise((resolve) => setTimeout(resolve));
    for (;;) {
      const start = now();
      for (let round = 0; round < rounds; round++) await operation();
      const took = now() - start;
      const cost = took / rounds;
      const enough = took >= duration / 2;
      rounds = Math.ceil(took > duration / 100 ? duration / cost : rounds * 10);
      if (enough) return cost;
    }
  };
}

/** Compares two operations by samples of about 10 ms. */
export function compare(ours: Operation, theirs: Operation): Promise<Measurement> {
  return pairedRatio(loopSample(ours), loopSample(theirs));
}
