import type { Store, StoreKey } from "../core/mod.ts";

/** A message that is the caller's to handle, who says how that ended. */
type Claim = {
  /** It was handled: it is recorded, and not handled again. */
  handled(): Promise<void>;
  /** It was not: it may come again. */
  failed(): Promise<void>;
};

/** What becomes of a message that came in: it was handled, somebody is at it, or it is the caller's. */
type Begun = "handled" | "running" | Claim;

/** Remembers which messages were handled, so that each is handled once. */
export type ReceivedIds = {
  /** A message came in. */
  begin(id: string): Promise<Begun>;
};

/** The most ids that are kept without a store; the oldest go. */
const KEPT = 10_000;

/** Ids of this process alone. */
export function memoryIds(): ReceivedIds {
  const running = new Set<string>();
  const handled = new Set<string>();
  function begin(id: string): Begun {
    if (handled.has(id)) return "handled";
    if (running.has(id)) return "running";
    running.add(id);
    const end = (): Promise<void> => Promise.resolve(void running.delete(id));
    return {
      handled() {
        handled.add(id);
        const [oldest] = handled;
        if (handled.size > KEPT) handled.delete(oldest!);
        return end();
      },
      failed: end,
    };
  }
  return { begin: (id) => Promise.resolve(begin(id)) };
}

/** What stands under an id: who handles it and until when at the latest, or that it was handled. */
type Mark = { readonly handled: true } | { readonly by: string; readonly until: number };

/** Ids that all instances share, and that survive a restart. Durations are in milliseconds. */
export function storedIds(store: Store, remember: number, handlingTime: number): ReceivedIds {
  /** Whether the mark under a key is that of a claim: after its time, another may have taken over. */
  async function isMine(key: StoreKey, by: string): Promise<string | undefined> {
    const { value, versionstamp } = await store.get<Mark>(key);
    return value !== null && "by" in value && value.by === by ? versionstamp : undefined;
  }

  function claim(key: StoreKey, by: string): Claim {
    return {
      async handled() {
        const record = async (): Promise<void> =>
          await store.set(key, { handled: true }, { expireIn: remember });
        await record().catch(record); // once more: until it is recorded, the message may be handled again
      },
      async failed() {
        const versionstamp = await isMine(key, by);
        if (versionstamp === undefined) return;
        await store.atomic().check({ key, versionstamp }).delete(key).commit();
      },
    };
  }

  return {
    async begin(id) {
      const key: StoreKey = ["received", id];
      const by = crypto.randomUUID();
      const { value, versionstamp } = await store.get<Mark>(key);
      if (value !== null && "handled" in value) return "handled";
      if (value !== null && value.until > Date.now()) return "running";
      const mark: Mark = { by, until: Date.now() + handlingTime };
      const commit = await store.atomic().check({ key, versionstamp })
        .set(key, mark, { expireIn: handlingTime * 2 }).commit();
      // A check that failed: somebody was faster; or it was applied, and only the answer was lost.
      if (commit.ok || await isMine(key, by)) return claim(key, by);
      return "running";
    },
  };
}
