import type { Store, StoreEntry, StoreKey } from "../store/mod.ts";

/** A message that is the caller's to handle, who says how that ended. */
type Claim = {
  /** It was handled: it is recorded, and not handled again. */
  handled(): Promise<void>;
  /** It was not: it may come again. */
  failed(): Promise<void>;
};

/** What becomes of a message that came in: it was handled, somebody is at it, or it is the caller's. */
export type Begun = "handled" | "running" | Claim;

/** Remembers which messages were handled, so that each is handled once. */
export type ReceivedIds = {
  /**
   * Claims a message. Its id is unique within each of the scopes: recorded in one of them, it is known.
   */
  begin(scopes: readonly string[], id: string): Promise<Begun>;
};

/** The most ids that are kept without a store; the oldest go. */
const KEPT = 10_000;

/** Ids of this process alone. */
export function memoryIds(): ReceivedIds {
  const running = new Set<string>();
  const handled = new Set<string>();
  function begin(keys: readonly string[]): Begun {
    if (keys.some((key) => handled.has(key))) return "handled";
    if (keys.some((key) => running.has(key))) return "running";
    for (const key of keys) running.add(key);
    const failed = (): Promise<void> => {
      for (const key of keys) running.delete(key);
      return Promise.resolve();
    };
    return {
      handled() {
        for (const key of keys) {
          handled.add(key);
          const [oldest] = handled;
          if (handled.size > KEPT) handled.delete(oldest!);
        }
        return failed();
      },
      failed,
    };
  }
  return { begin: (scopes, id) => Promise.resolve(begin(scopes.map((scope) => `${scope} ${id}`))) };
}

/** The value stored under an id: a claim and its deadline, or that it was handled. */
type Mark = { readonly handled: true } | { readonly by: string; readonly until: number };

/** Ids that all instances share, and that survive a restart. Durations are in milliseconds. */
export function storedIds(store: Store, remember: number, handlingTime: number): ReceivedIds {
  /** Whether the mark under a key is that of a claim: after its time, another may have taken over. */
  async function isMine(key: StoreKey, by: string): Promise<string | undefined> {
    const { value, versionstamp } = await store.get<Mark>(key);
    return value !== null && "by" in value && value.by === by ? versionstamp : undefined;
  }

  function claim(keys: readonly StoreKey[], by: string): Claim {
    return {
      async handled() {
        await Promise.all(keys.map(async (key) => {
          const record = async (): Promise<void> =>
            await store.set(key, { handled: true }, { expireIn: remember });
          await record().catch(record); // once more: until it is recorded, the message may be handled again
        }));
      },
      async failed() {
        for (const key of keys) {
          const versionstamp = await isMine(key, by);
          if (versionstamp === undefined) continue;
          await store.atomic().check({ key, versionstamp }).delete(key).commit();
        }
      },
    };
  }

  return {
    async begin(scopes, id) {
      const keys = scopes.map((scope): StoreKey => ["received", scope, id]);
      const by = crypto.randomUUID();
      const entries = await Promise.all(keys.map((key) => store.get<Mark>(key)));
      const isHandled = ({ value }: StoreEntry<Mark>) => value !== null && "handled" in value;
      const isRunning = ({ value }: StoreEntry<Mark>) =>
        value !== null && "until" in value && value.until > Date.now();
      if (entries.some(isHandled)) return "handled";
      if (entries.some(isRunning)) return "running";
      const mark: Mark = { by, until: Date.now() + handlingTime };
      const atomic = store.atomic();
      for (const [i, key] of keys.entries()) {
        atomic.check({ key, versionstamp: entries[i]!.versionstamp })
          .set(key, mark, { expireIn: handlingTime * 2 });
      }
      const commit = await atomic.commit();
      // A check that failed: somebody was faster; or it was applied, and only the answer was lost.
      if (commit.ok || await isMine(keys[0]!, by)) return claim(keys, by);
      return "running";
    },
  };
}
