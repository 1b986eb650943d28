/**
 * What the tests of `hooks store copy` share.
 * @module
 */
import assert from "node:assert/strict";
import { processIO } from "@omniagent/hooks/cli";
import type { Store } from "@omniagent/hooks/store";
import { Terminal } from "../support/terminal.ts";

/** Why the runtime can't open SQLite; undefined if it can. */
export const NO_SQLITE = await processIO().openStore("sqlite::memory:").then(
  (store) => store.close(),
  (error: Error) => error.message,
);

/** Milliseconds. */
export const HOUR = 3_600_000;

/** Fills a store with what a copy must keep. */
export async function fill(store: Store): Promise<void> {
  const atomic = store.atomic().sum(["n"], 2n ** 63n + 5n).sum(["ü\0", -1.5], 7n);
  atomic.set(["text"], "Grüße, 世界 😀").set(["big", 1], "x".repeat(60_000));
  atomic.set(["later"], { a: [1, null] }, { expireIn: HOUR }).set(["soon"], 1, { expireIn: 1 });
  await atomic.commit();
  for (let n = 0; n < 6; n++) {
    const many = store.atomic();
    for (let i = 0; i < 200; i++) many.set(["many", "k".repeat(i), n], i);
    await many.commit();
  }
  await new Promise((resolve) => setTimeout(resolve, 5)); // "soon" has expired
}

/** Entries of a store that was filled. */
export const COPIED = 1_205;

/** Asserts that a store holds what `fill` stored. */
export async function assertCopied(store: Store): Promise<void> {
  assert.equal((await store.get(["n"])).value, 2n ** 63n + 5n);
  assert.equal((await store.get(["ü\0", -1.5])).value, 7n);
  assert.equal((await store.get(["text"])).value, "Grüße, 世界 😀");
  assert.equal((await store.get(["big", 1])).value, "x".repeat(60_000));
  assert.deepEqual((await store.get(["later"])).value, { a: [1, null] });
  assert.equal((await store.get(["soon"])).value, null);
  let count = 0;
  for await (const _ of store.list({ prefix: [] })) count++;
  assert.equal(count, COPIED);
}

/** Opens a store, and closes it after use. */
export async function using(location: string, use: (store: Store) => Promise<void>): Promise<void> {
  const store = await processIO().openStore(location);
  try {
    await use(store);
  } finally {
    store.close();
  }
}

/** Runs the command in a terminal. */
export async function run(
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const terminal = new Terminal({ terminal: true });
  const code = await terminal.run(...args);
  return { code, stdout: terminal.stdout, stderr: terminal.stderr };
}
