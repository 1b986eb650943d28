import { COMMIT_FAULTS, type Fault, type Purpose } from "./faults.ts";
import type { Random } from "./random.ts";

const MINUTE = 60_000;

/** What a seed draws before it begins. `calm`: nothing that may send a delivery once more. */
export type Profile = {
  readonly calm: boolean;
  readonly minutes: number;
  readonly workers: number;
  readonly skew: number;
  readonly rates: Readonly<Partial<Record<Purpose, number>>>;
  readonly kinds: readonly Fault[];
  readonly killEvery: number;
  readonly freezeEvery: number;
  readonly publishEvery: number;
  readonly operateEvery: number;
  /** How often something befalls the store that no process of this version did. */
  readonly intrudeEvery: number;
  /** How often a process has a target less, or another address for one. */
  readonly differing: number;
  readonly eventLog: boolean;
  readonly disableAfter: number;
  /** A target fails all the time. */
  readonly doomed: boolean;
  /** A retention that ends while the run goes on. */
  readonly short: boolean;
  readonly checks: number;
};

/** Draws a profile. */
export function profileOf(random: Random): Profile {
  const calm = random.chance(0.15);
  const short = !calm && random.chance(0.1);
  const rate = random.pick([0.02, 0.08, 0.2]);
  const doomed = !calm && random.chance(0.12);
  return {
    calm,
    short,
    doomed,
    minutes: random.pick([0.4, 0.6, 1]),
    workers: random.between(2, 4),
    skew: calm || short ? 2_000 : random.pick([0, 2_500, 30_000, 10 * MINUTE, 60 * MINUTE]),
    rates: calm ? { publish: 0.3, chunk: 0.3 } : ratesOf(rate),
    kinds: calm ? ["throw before", "throw after", "false after", "twice", "echo"] : COMMIT_FAULTS,
    killEvery: calm || doomed ? Infinity : random.pick([8_000, 25_000]),
    freezeEvery: calm ? Infinity : random.pick([10_000, 30_000, Infinity]),
    checks: random.pick([10, 10, 100]),
    publishEvery: doomed ? 1_000 : random.pick([1_000, 2_500, 6_000]),
    operateEvery: random.pick([1_500, 6_000, 20_000]),
    intrudeEvery: calm ? Infinity : random.pick([6_000, Infinity]),
    differing: random.pick([0, 0, 0.3]),
    eventLog: !random.chance(0.2),
    disableAfter: random.pick([10_000, 5 * 24 * 60 * MINUTE]),
  };
}

/** How often operations meet a fault. */
function ratesOf(rate: number): Readonly<Partial<Record<Purpose, number>>> {
  return {
    read: rate / 4,
    "endpoint read": rate / 4,
    "session read": rate / 4,
    publish: rate,
    chunk: rate,
    claim: rate,
    settle: rate,
    endpoint: rate,
    purge: rate,
    retry: rate,
    replay: rate,
    meta: rate,
  };
}
