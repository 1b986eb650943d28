import {
  type Store,
  type StoreCheck,
  type StoreCommit,
  type StoreEntry,
  storeErrorOf,
  type StoreKey,
  StoreLimitError,
} from "../store/mod.ts";
import { type Env, pause } from "./_env.ts";
import { OutboxUnavailableError } from "./errors.ts";

/** Longest pause before a commit is sent again, in milliseconds. */
const LONGEST_PAUSE = 1000;
/** How long one call waits for its answer, in milliseconds: after that it is made again, if there is time. */
const LONGEST_CALL = 5_000;
/** Keys of one `getMany`, at most: Deno KV's limit. */
const READS = 10;

/** A commit as data, so that the very same one can be sent again. */
export type Change = {
  readonly checks: readonly StoreCheck[];
  readonly sums: readonly (readonly [key: StoreKey, by: bigint])[];
  readonly deletes: readonly StoreKey[];
  /** `expireIn` in milliseconds; undefined: never. */
  readonly sets:
    readonly (readonly [key: StoreKey, value: unknown, expireIn: number | undefined])[];
};

/**
 * The outcome of a commit. `unknown`: no response in time. `stored` is then false if the store reported
 * for every try that nothing was applied; otherwise it may still be applied.
 */
export type Outcome = StoreCommit | {
  readonly ok: "unknown";
  readonly cause: unknown;
  readonly stored: false | "unknown";
};

/** How long a commit is tried. */
export type CommitOptions = {
  /** Whether to give up as soon as the store says that only an operator can help, as on a full disk. */
  readonly failFast?: boolean;
};

/**
 * Commits, and sends the same commit again when it is not known what became of it: every commit checks
 * a key that it changes, so that it is applied once at most. `ok: false` means lost, or already mine.
 *
 * @throws what the store refuses to send: a fault of ours, a limit, or anything when it is closed
 */
export async function commitChange(
  store: Store,
  change: Change,
  env: Env,
  patience: number,
  { failFast = false }: CommitOptions = {},
): Promise<Outcome> {
  const deadline = env.now() + patience;
  let cause: unknown;
  let stored: false | "unknown" = false;
  for (let wait = 20;; wait = Math.min(wait * 2, LONGEST_PAUSE)) {
    try {
      const answer = await inTime(send(store, change), deadline, env);
      if (answer !== undefined) return answer;
      cause = new Error("the store did not answer in time");
      stored = "unknown";
    } catch (error) {
      // Of an earlier one nothing is known: the store was closed since.
      if (isRefusal(error) && cause !== undefined) return { ok: "unknown", cause, stored };
      if (isRefusal(error)) throw error;
      cause = error;
      const failed = storeErrorOf(error);
      if (failed?.stored !== false) stored = "unknown";
      if (failFast && failed?.transient === false) return { ok: "unknown", cause, stored };
    }
    const pauseFor = wait * (0.5 + env.random());
    if (env.now() + pauseFor >= deadline) return { ok: "unknown", cause, stored };
    await pause(env, pauseFor);
  }
}

/**
 * Reads keys, again and again while the store fails: ten at once, each ten as they are at one moment.
 *
 * @throws {OutboxUnavailableError} when it gives no answer in time, or what `unavailable` makes then
 */
export async function readKeys(
  store: Store,
  keys: readonly StoreKey[],
  env: Env,
  patience: number,
  unavailable = (cause: unknown): Error => new OutboxUnavailableError("unknown", cause),
): Promise<readonly StoreEntry[]> {
  const entries: StoreEntry[] = [];
  for (let from = 0; from < keys.length; from += READS) {
    const some = keys.slice(from, from + READS);
    entries.push(...await patiently(() => store.getMany(some), env, patience, unavailable));
  }
  return entries;
}

/**
 * Reads, again and again while the store fails.
 *
 * @throws what the store refuses, such as all when it is closed
 * @throws what `unavailable` makes when it gives no answer in time
 */
export async function patiently<T>(
  read: () => Promise<T>,
  env: Env,
  patience: number,
  unavailable: (cause: unknown) => Error,
): Promise<T> {
  const deadline = env.now() + patience;
  for (let wait = 20;; wait = Math.min(wait * 2, LONGEST_PAUSE)) {
    let cause: unknown;
    try {
      const answer = await inTime(read(), deadline, env);
      if (answer !== undefined) return answer;
    } catch (error) {
      if (isRefusal(error)) throw error;
      cause = error;
    }
    const pauseFor = wait * (0.5 + env.random());
    if (env.now() + pauseFor >= deadline) throw unavailable(cause);
    await pause(env, pauseFor);
  }
}

/** Whether the store sent nothing: because of a fault of ours, of a limit, or because it is closed. */
function isRefusal(error: unknown): boolean {
  return error instanceof TypeError || error instanceof StoreLimitError;
}

/** Numbers to add: one mutation for each key, however often it is added to. */
export class Sums {
  readonly #sums = new Map<string, [StoreKey, bigint]>();

  /** Adds `by`; a negative number takes away, as sums wrap around. */
  add(key: StoreKey, by = 1n): void {
    const name = JSON.stringify(key);
    const [, before] = this.#sums.get(name) ?? [key, 0n];
    this.#sums.set(name, [key, BigInt.asUintN(64, before + by)]);
  }

  entries(): readonly (readonly [StoreKey, bigint])[] {
    return [...this.#sums.values()];
  }
}

/** Sums, deletes, sets, in this order: a sum that fails leaves applied what went before it. */
function send(store: Store, change: Change): Promise<StoreCommit> {
  const atomic = store.atomic().check(...change.checks);
  for (const [key, by] of change.sums) atomic.sum(key, by);
  for (const key of change.deletes) atomic.delete(key);
  for (const [key, value, expireIn] of change.sets) {
    atomic.set(key, value, expireIn === undefined ? {} : { expireIn });
  }
  return atomic.commit();
}

/** What a call gives; undefined when it takes too long. */
function inTime<T>(call: Promise<T>, deadline: number, env: Env): Promise<T | undefined> {
  const longest = Math.min(Math.max(0, deadline - env.now()), LONGEST_CALL);
  return new Promise((resolve, reject) => {
    const cancel = env.after(longest, () => resolve(undefined));
    // First the timer: whoever waits goes on at once.
    call.then((value) => (cancel(), resolve(value)), (error) => (cancel(), reject(error)));
  });
}
