import { sha256Hex } from "../internal/crypto.ts";
import type { Store, StoreEntry, StoreKey } from "../store/mod.ts";
import { MAX_IDS } from "./limits.ts";

/** A message that the caller may handle. The caller reports the outcome. */
export type Claim = {
  /** Records that the message was handled, so that it is not handled again. */
  complete(): Promise<void>;
  /** Gives the claim up: the message can be handled when it is sent again. */
  release(): Promise<void>;
};

/** Handles each message once. */
type Deduplicator = {
  /**
   * Claims a message, unless it was handled or someone else is handling it. Its id is unique within each of
   * the scopes: if it is recorded in one of them, it is known.
   */
  claim(scopes: readonly string[], id: string): Promise<Claim | "handled" | "running">;
};

/** A commit of a store can have ten checks. Senders sign with two secrets while one replaces another. */
const MAX_SCOPES = 8;

/**
 * Returns the scopes of an id: one per sender, known by the secret, at one receiver. Two senders may use the
 * same id, and two receivers may get one message. Digests, so that no secret can be read from them.
 */
export async function scopesOf(
  receiver: string,
  secrets: readonly string[],
): Promise<readonly string[]> {
  return await Promise.all(
    secrets.slice(0, MAX_SCOPES).map((secret) =>
      sha256Hex(JSON.stringify(["webhookReceiver", receiver, secret]))
    ),
  );
}

/** Creates a deduplicator for this process only. */
export function memoryDeduplicator(): Deduplicator {
  const running = new Set<string>();
  const handled = new Set<string>();

  function claim(keys: readonly string[]): Claim | "handled" | "running" {
    if (keys.some((key) => handled.has(key))) return "handled";
    if (keys.some((key) => running.has(key))) return "running";
    for (const key of keys) running.add(key);
    const release = (): Promise<void> => {
      for (const key of keys) running.delete(key);
      return Promise.resolve();
    };
    const complete = (): Promise<void> => {
      for (const key of keys) {
        handled.add(key);
        const [oldest] = handled;
        if (handled.size > MAX_IDS) handled.delete(oldest!);
      }
      return release();
    };
    return { complete, release };
  }

  return { claim: (scopes, id) => Promise.resolve(claim(scopes.map((scope) => `${scope} ${id}`))) };
}

/** The value of an id: a claim and its deadline, or a note that the message was handled. */
type Mark = { readonly handled: true } | { readonly by: string; readonly until: number };

/** A deduplicator that all instances on a store share, and that survives a restart. */
export class StoreDeduplicator implements Deduplicator {
  readonly #store: Store;
  readonly #remember: number;
  readonly #handlingTime: number;

  /**
   * @param remember How long the ids of handled messages are kept, in milliseconds
   * @param handlingTime How long a claim is valid, in milliseconds
   */
  constructor(store: Store, remember: number, handlingTime: number) {
    this.#store = store;
    this.#remember = remember;
    this.#handlingTime = handlingTime;
  }

  async claim(scopes: readonly string[], id: string): Promise<Claim | "handled" | "running"> {
    const keys = scopes.map((scope): StoreKey => ["received", scope, id]);
    const entries = await Promise.all(keys.map((key) => this.#store.get<Mark>(key)));
    if (entries.some(isHandled)) return "handled";
    if (entries.some(isRunning)) return "running";
    const by = crypto.randomUUID();
    const mark: Mark = { by, until: Date.now() + this.#handlingTime };
    const atomic = this.#store.atomic();
    for (const [i, key] of keys.entries()) {
      atomic.check({ key, versionstamp: entries[i]!.versionstamp })
        .set(key, mark, { expireIn: this.#handlingTime * 2 });
    }
    const commit = await atomic.commit();
    // If a check failed, someone else committed first; or it was applied, and only the reply was lost.
    if (!commit.ok && !await this.#versionOf(keys[0]!, by)) return "running";
    return { complete: () => this.#complete(keys), release: () => this.#release(keys, by) };
  }

  async #complete(keys: readonly StoreKey[]): Promise<void> {
    await Promise.all(keys.map(async (key) => {
      const record = async (): Promise<void> =>
        await this.#store.set(key, { handled: true }, { expireIn: this.#remember });
      await record().catch(record); // once more: without the record, it may be handled again
    }));
  }

  async #release(keys: readonly StoreKey[], by: string): Promise<void> {
    for (const key of keys) {
      const versionstamp = await this.#versionOf(key, by);
      if (versionstamp === undefined) continue;
      await this.#store.atomic().check({ key, versionstamp }).delete(key).commit();
    }
  }

  /** Returns the versionstamp of a claim; undefined if it expired and someone else has it now. */
  async #versionOf(key: StoreKey, by: string): Promise<string | undefined> {
    const { value, versionstamp } = await this.#store.get<Mark>(key);
    return value !== null && "by" in value && value.by === by ? versionstamp : undefined;
  }
}

function isHandled({ value }: StoreEntry<Mark>): boolean {
  return value !== null && "handled" in value;
}

function isRunning({ value }: StoreEntry<Mark>): boolean {
  return value !== null && "until" in value && value.until > Date.now();
}
