import { type Clock, DAY } from "../internal/clock.ts";
import { CommitBuilder } from "../outbox/commit.ts";
import { OutboxUnavailableError } from "../outbox/errors.ts";
import { fitsTargets } from "../outbox/prepare.ts";
import { Keys, readTargetRecord, VERSION } from "../outbox/records.ts";
import { after, endOf, StoreClient } from "../outbox/store_client.ts";
import type { Store, StoreKey } from "../store/mod.ts";
import { WebhookStoreError } from "./errors.ts";
import { readRecord, type WebhookRecord } from "./record.ts";

/** How long the note that a file or code uses a name is kept, in milliseconds. */
const SHADOW_LIFETIME = 2 * DAY;
/** Records that are read at once: up to 64 KiB each. */
const PAGE = 50;
/** The lifetimes of an outbox. Records of webhooks have none. */
const FOREVER = { head: Infinity, rest: Infinity, seen: Infinity };

/** A record as it was read. */
export type StoredRecord = { readonly record: WebhookRecord; readonly versionstamp: string };

/** What creating a webhook depends on. */
type BeforeCreate = {
  /** Of the record of the target: a removal changes it. */
  readonly target: string | null;
  readonly count: number;
};

/**
 * The records of webhooks, next to those of the outbox:
 *
 * - `webhook, name`: a webhook;
 * - `webhooks, revision`: counts changes, so that others needn't read all webhooks to see one;
 * - `webhooks, count`: how many are stored;
 * - `webhooks, used, name`: the deletion of a webhook, whose name is never used again;
 * - `webhooks, removed, name`: a deletion whose deliveries may still be stored;
 * - `webhooks, shadowed, name`: a process has another webhook of this name, so its deliveries stay.
 *
 * With its deliveries, a deleted webhook is a removed target of the outbox, for good.
 */
export class WebhookRecords {
  readonly #client: StoreClient;

  constructor(clock: Clock, store: Store, prefix: string) {
    this.#client = new StoreClient(store, new Keys(prefix), clock, FOREVER);
  }

  /** Reads a record; undefined if there is none. @throws {WebhookStoreError} when this version can't read it */
  async get(name: string): Promise<StoredRecord | undefined> {
    const [entry] = await this.#client.get([this.#webhook(name)]);
    const { value, versionstamp } = entry!;
    if (versionstamp === null) return undefined;
    const record = readRecord(value);
    if (record !== undefined) return { record, versionstamp };
    throw new WebhookStoreError(
      "webhook_locked",
      `Cannot read webhook '${name}': another version of this package wrote it`,
    );
  }

  /** Reads up to a number of records, in the order of their names. Those of other versions are left out. */
  async list(
    limit: number,
    cursor?: string,
  ): Promise<readonly { readonly name: string; readonly record: WebhookRecord }[]> {
    const found: { readonly name: string; readonly record: WebhookRecord }[] = [];
    for await (const { name, record } of this.scan(cursor)) {
      if (record !== undefined) found.push({ name, record });
      if (found.length === limit) break;
    }
    return found;
  }

  /** Reads all records, in the order of their names; undefined for those that this version can't read. */
  async *scan(
    cursor?: string,
  ): AsyncGenerator<{ readonly name: string; readonly record: WebhookRecord | undefined }> {
    const all = this.#client.keys.below("webhook");
    const start = after(cursor === undefined ? all : this.#webhook(cursor));
    for await (
      const { key, value } of this.#client.scan({ start, end: endOf(all) }, { page: PAGE })
    ) {
      yield { name: String(key.at(-1)), record: readRecord(value) };
    }
  }

  /** Returns a value that changes whenever a webhook changes, or someone changes a target. */
  async revisions(): Promise<{ readonly webhooks: string; readonly targets: string }> {
    const { keys } = this.#client;
    const [webhooks, targets] = await this.#client.get([this.#revisionKey, keys.targetChanges]);
    return { webhooks: webhooks!.versionstamp ?? "", targets: targets!.versionstamp ?? "" };
  }

  /** Returns whether an event can be stored with deliveries to these targets: in one commit. */
  fitsTargets(names: readonly string[]): boolean {
    const { keys, retention, store: { limits } } = this.#client;
    return fitsTargets(names, { keys, retention, limits });
  }

  /** Returns what creating a webhook depends on. @throws {WebhookStoreError} when its name is taken */
  async readForCreate(name: string): Promise<BeforeCreate> {
    const { keys } = this.#client;
    const [record, target, used, count] = await this.#client.get([
      this.#webhook(name),
      keys.target(name),
      this.#used(name),
      this.#countKey,
    ]);
    const subject = `Cannot create webhook '${name}'`;
    if (record!.versionstamp !== null) {
      throw new WebhookStoreError(
        "webhook_exists",
        `${subject}: a webhook with this name already exists`,
      );
    }
    if (used!.versionstamp !== null || readTargetRecord(target!.value).state === "deleted") {
      throw new WebhookStoreError(
        "name_used",
        `${subject}: a webhook with this name was deleted. Use another name`,
      );
    }
    return { target: target!.versionstamp, count: Number(count!.value ?? 0) };
  }

  /** Stores a new record. Resolves to false if another process stored one first. */
  async create(name: string, record: WebhookRecord, before: BeforeCreate): Promise<boolean> {
    const builder = new CommitBuilder();
    builder.check(this.#webhook(name), null);
    builder.check(this.#client.keys.target(name), before.target);
    builder.check(this.#used(name), null);
    builder.set(this.#webhook(name), record, undefined);
    builder.sum(this.#countKey);
    return await this.#commit("create", builder, name, this.#webhook(name), record.write);
  }

  /** Replaces a record. Resolves to false if another process changed it first. */
  async update(name: string, record: WebhookRecord, before: StoredRecord): Promise<boolean> {
    const builder = new CommitBuilder();
    builder.check(this.#webhook(name), before.versionstamp);
    builder.set(this.#webhook(name), record, undefined);
    return await this.#commit("change", builder, name, this.#webhook(name), record.write);
  }

  /**
   * Deletes a record, and with `purge` everything that the outbox has for it, which `removed` then lists.
   * Resolves to false if another process changed it first.
   */
  async delete(name: string, before: StoredRecord, purge: boolean): Promise<boolean> {
    const { keys } = this.#client;
    const builder = new CommitBuilder();
    builder.check(this.#webhook(name), before.versionstamp);
    builder.delete(this.#webhook(name));
    const write = crypto.randomUUID();
    builder.set(this.#used(name), { v: VERSION, write }, undefined);
    if (purge) {
      builder.check(this.#shadowed(name), null);
      builder.set(keys.target(name), { v: VERSION, state: "deleted", failures: 0 }, undefined);
      builder.set(this.#removed(name), { v: VERSION }, undefined);
    }
    builder.sum(this.#countKey, -1n);
    return await this.#commit("delete", builder, name, this.#used(name), write);
  }

  /** Notes that a process has another webhook of this name, for two days. @throws {OutboxUnavailableError} */
  async noteShadowed(name: string): Promise<void> {
    const builder = new CommitBuilder();
    builder.set(this.#shadowed(name), { v: VERSION }, SHADOW_LIFETIME);
    const outcome = await this.#client.commit(builder.commit);
    if (outcome.ok !== "unknown") return;
    throw new OutboxUnavailableError(outcome.stored, outcome.cause, `keep the name '${name}'`);
  }

  /** Returns whether a process has, or recently had, another webhook of this name. */
  async isShadowed(name: string): Promise<boolean> {
    const [entry] = await this.#client.get([this.#shadowed(name)]);
    return entry!.versionstamp !== null;
  }

  /** Returns the names of deleted webhooks whose deliveries may still be stored. */
  async removed(): Promise<readonly string[]> {
    const all = this.#client.keys.below("webhooks", "removed");
    const names: string[] = [];
    for await (const { key } of this.#client.scan({ start: after(all), end: endOf(all) })) {
      names.push(String(key.at(-1)));
    }
    return names;
  }

  /** Notes that nothing is stored any longer for a deleted webhook. */
  async forget(name: string): Promise<void> {
    await this.#client.store.delete(this.#removed(name));
  }

  /** Commits a change of a webhook, and counts it. `write` is in the value that it sets under `written`. */
  async #commit(
    action: string,
    builder: CommitBuilder,
    name: string,
    written: StoreKey,
    write: string,
  ): Promise<boolean> {
    const { store } = this.#client;
    builder.sum(this.#revisionKey);
    const outcome = await this.#client.commit(builder.commit);
    if (outcome.ok === "unknown") {
      throw new OutboxUnavailableError(
        outcome.stored,
        outcome.cause,
        `${action} webhook '${name}'`,
      );
    }
    // A check also fails if this very commit was applied before, and its response was lost.
    const isStored = outcome.ok || await this.#isWrittenBy(write, written);
    if (isStored) store.wake?.signal();
    return isStored;
  }

  async #isWrittenBy(write: string, key: StoreKey): Promise<boolean> {
    const [entry] = await this.#client.get([key]);
    return (entry!.value as { readonly write?: string } | null)?.write === write;
  }

  get #revisionKey(): StoreKey {
    return this.#client.keys.below("webhooks", "revision");
  }

  get #countKey(): StoreKey {
    return this.#client.keys.below("webhooks", "count");
  }

  #webhook(name: string): StoreKey {
    return this.#client.keys.below("webhook", name);
  }

  #used(name: string): StoreKey {
    return this.#client.keys.below("webhooks", "used", name);
  }

  #shadowed(name: string): StoreKey {
    return this.#client.keys.below("webhooks", "shadowed", name);
  }

  #removed(name: string): StoreKey {
    return this.#client.keys.below("webhooks", "removed", name);
  }
}
