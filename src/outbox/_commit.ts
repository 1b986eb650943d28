import {
  type Store,
  type StoreCheck,
  type StoreCommit,
  type StoreEntry,
  type StoreKey,
  StoreLimitError,
} from "../core/mod.ts";
import { type Env, pause } from "./_env.ts";
import { OutboxUnavailableError } from "./errors.ts";

/** Longest pause before a commit is sent again, in milliseconds. */
const LONGEST_PAUSE = 1000;

/** A commit as data, so that the very same one can be sent again. */
export type Change = {
  readonly checks: readonly StoreCheck[];
  readonly sums: readonly (readonly [key: StoreKey, by: bigint])[];
  readonly deletes: readonly StoreKey[];
  /** `expireIn` in milliseconds; undefined: never. */
  readonly sets:
    readonly (readonly [key: StoreKey, value: unknown, expireIn: number | undefined])[];
};

/** How a commit ended; `unknown`: there was no answer in time, and it may yet be applied. */
export type Outcome = StoreCommit | { readonly ok: "unknown"; readonly cause: unknown };

/**
 * Commits, and sends the same commit again when it is not known what became of it: every commit checks
 * a key that it changes, so that it is applied once at most. `ok: false` means lost, or already mine.
 *
 * @throws what the store refuses to send: a fault of ours, or a limit
 */
export async function commitChange(
  store: Store,
  change: Change,
  env: Env,
  patience: number,
): Promise<Outcome> {
  const deadline = env.now() + patience;
  for (let wait = 20;; wait = Math.min(wait * 2, LONGEST_PAUSE)) {
    let cause: unknown;
    try {
      const answer = await inTime(send(store, change), deadline - env.now(), env);
      if (answer !== undefined) return answer;
      cause = new Error("the store did not answer in time");
    } catch (error) {
      if (error instanceof TypeError || error instanceof StoreLimitError) throw error;
      cause = error;
    }
    const pauseFor = wait * (0.5 + env.random());
    if (env.now() + pauseFor >= deadline) return { ok: "unknown", cause };
    await pause(env, pauseFor);
  }
}

/**
 * Reads keys, again and again while the store fails.
 *
 * @throws {OutboxUnavailableError} when it gives no answer in time
 */
export async function readKeys(
  store: Store,
  keys: readonly StoreKey[],
  env: Env,
  patience: number,
): Promise<readonly StoreEntry[]> {
  const deadline = env.now() + patience;
  for (let wait = 20;; wait = Math.min(wait * 2, LONGEST_PAUSE)) {
    let cause: unknown;
    try {
      const entries = await inTime(store.getMany(keys), deadline - env.now(), env);
      if (entries !== undefined) return entries;
    } catch (error) {
      cause = error;
    }
    const pauseFor = wait * (0.5 + env.random());
    if (env.now() + pauseFor >= deadline) throw new OutboxUnavailableError("unknown", cause);
    await pause(env, pauseFor);
  }
}

/** Numbers to add: one mutation for each key, however often it is added to. */
export class Sums {
  readonly #sums = new Map<string, [StoreKey, bigint]>();

  add(key: StoreKey): void {
    const name = JSON.stringify(key);
    const sum = this.#sums.get(name);
    if (sum) sum[1]++;
    else this.#sums.set(name, [key, 1n]);
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

/** What a promise gives; undefined when it takes too long. */
function inTime<T>(promise: Promise<T>, milliseconds: number, env: Env): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const cancel = env.after(Math.max(0, milliseconds), () => resolve(undefined));
    promise.then(resolve, reject).finally(cancel);
  });
}
