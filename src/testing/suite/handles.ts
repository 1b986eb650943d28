import { delay } from "../../internal/async.ts";
import type { Store, StoreKey } from "../../store/mod.ts";
import { equal, ok } from "./support.ts";

/** Behaviors of two handles on one database. The keys below `prefix` are unused. */
type HandlesBehaviors = Readonly<
  Record<string, (handles: readonly [Store, Store], prefix: StoreKey) => Promise<void>>
>;

/** Rounds of a race: enough that a store without isolation loses at least one. */
const ROUNDS = 25;
/** Commits that one round may need: each one that fails means that another succeeded. */
const MAX_ATTEMPTS = 10 * ROUNDS;
/** How often a signal is sent, and how long it may take, in milliseconds. */
const WAKE_ROUNDS = 50;
const WAKE_PAUSE = 100;

/** Isolation between two handles, such as those of two processes. */
export const handlesBehaviors: HandlesBehaviors = {
  "a commit of one handle is visible to the other": async ([one, two], prefix) => {
    for (let i = 0; i < ROUNDS; i++) {
      const [writer, reader] = i % 2 === 0 ? [one, two] : [two, one];
      await writer.set([...prefix, "a"], i);
      equal((await reader.get([...prefix, "a"])).value, i);
    }
  },

  "two handles that update one value lose no update": async (handles, prefix) => {
    const key = [...prefix, "count"];
    await Promise.all(handles.map(async (store) => {
      for (let i = 0; i < ROUNDS; i++) await increment(store, key);
    }));
    equal((await handles[0].get(key)).value, 2 * ROUNDS);
  },

  "of two commits that require an absent key, one is applied": async (handles, prefix) => {
    for (let i = 0; i < ROUNDS; i++) {
      const key = [...prefix, i];
      const results = await Promise.all(
        handles.map((store, number) =>
          store.atomic().check({ key, versionstamp: null }).set(key, number).commit()
        ),
      );
      const applied = results.map((result) => result.ok);
      equal(applied.filter((isApplied) => isApplied).length, 1, `applied commits of round ${i}`);
      equal((await handles[1].get(key)).value, applied.indexOf(true));
    }
  },

  "sums of two handles add up": async (handles, prefix) => {
    const key = [...prefix, "sum"];
    await Promise.all(handles.map(async (store) => {
      for (let i = 0; i < ROUNDS; i++) await store.atomic().sum(key, 1n).commit();
    }));
    equal((await handles[1].get(key)).value, BigInt(2 * ROUNDS));
  },

  "a reader sees all of a commit or nothing": async ([writer, reader], prefix) => {
    const keys = ["a", "b", "c"].map((part) => [...prefix, part]);
    let isWriting = true;
    const written = (async () => {
      for (let i = 0; i < ROUNDS; i++) {
        const atomic = writer.atomic();
        for (const key of keys) atomic.set(key, i);
        await atomic.commit();
      }
    })().finally(() => isWriting = false);
    while (isWriting) {
      const entries = await reader.getMany(keys);
      const [first, ...others] = entries.map(({ versionstamp }) => versionstamp);
      for (const other of others) equal(other, first, "versionstamps of one commit");
      await delay(0); // a store may need a turn of the event loop to commit
    }
    await written;
    const values = (await reader.getMany(keys)).map(({ value }) => value);
    equal(values, keys.map(() => ROUNDS - 1));
  },

  "wake, where a store has it, reaches the other handle": async ([one, two], prefix) => {
    if (one.wake === undefined || two.wake === undefined) return;
    let calls = 0;
    const stop = two.wake.listen(() => calls++);
    try {
      // A hint may be lost, at first because the other handle is still connecting.
      for (let i = 0; calls === 0 && i < WAKE_ROUNDS; i++) {
        await one.set([...prefix, "due"], i);
        one.wake.signal();
        await delay(WAKE_PAUSE);
      }
      ok(calls > 0, `a listener is called within ${WAKE_ROUNDS * WAKE_PAUSE} ms`);
    } finally {
      stop();
    }
    stop(); // again, which changes nothing
    const before = calls;
    await one.set([...prefix, "due"], "later");
    one.wake.signal();
    await delay(WAKE_PAUSE);
    equal(calls, before, "calls of a listener that was removed");
  },
};

/** Adds 1 to a JSON number, again until its check passes. */
async function increment(store: Store, key: StoreKey): Promise<void> {
  for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts++) {
    const { value, versionstamp } = await store.get<number>(key);
    const atomic = store.atomic().check({ key, versionstamp }).set(key, (value ?? 0) + 1);
    if ((await atomic.commit()).ok) return;
  }
  ok(false, `one of ${MAX_ATTEMPTS} commits is applied`);
}
