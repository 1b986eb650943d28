/**
 * Ratios of interleaved samples. A machine that is slow for a moment is slow for both neighbors, so the ratio
 * of a pair is stable where two averages taken one after the other are not.
 *
 * @module
 */

/** One run of one side: resolves to its cost, in any unit that both sides share. */
export type Sample = () => number | Promise<number>;

/** One operation. Its result is awaited. */
export type Operation = () => unknown;

/** A median and its spread, the 10th to the 90th percentile. */
export interface Measurement {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Options of {@link pairedRatio}. */
interface PairOptions {
  /** Measured pairs. @default {21} */
  readonly pairs?: number;
  /** Warm-up pairs. @default {8} */
  readonly warmUp?: number;
}

/** Options of {@link loopSample}. */
interface LoopOptions {
  /** How long a sample runs, in milliseconds. @default {10} */
  readonly duration?: number;
  /** The clock, in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/** Enough for the optimizing compilers of V8 and JavaScriptCore. */
const WARM_UP_PAIRS = 8;

/**
 * Returns the cost of `ours` as a multiple of `theirs`: the median over pairs, run in the order A B, B A, …
 * so that neither side always runs after the other.
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

/** Returns median, 10th and 90th percentile. */
export function spread(values: readonly number[]): Measurement {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.round((sorted.length - 1) * share)] ?? NaN;
  return { value: at(0.5), low: at(0.1), high: at(0.9) };
}

/**
 * Creates a sample that runs `operation` repeatedly, awaits each, and returns the milliseconds per operation.
 * The number of runs adapts to each sample, because code gets faster as it warms up.
 */
export function loopSample(
  operation: Operation,
  { duration = 10, now = () => performance.now() }: LoopOptions = {},
): Sample {
  let rounds = 1;
  return async () => {
    // Timers and garbage collectors run between samples, not within one.
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
