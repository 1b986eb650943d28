import type { Attempt, Hooks } from "../core/mod.ts";
import { consoleLogger } from "../core/reporter.ts";
import { deadline, Semaphore } from "../internal/async.ts";
import { type Clock, systemClock } from "../internal/clock.ts";
import { MAX_PAGE_SIZE, PAGE_SIZE } from "../internal/page_size.ts";
import { checkKnown, readCount } from "../internal/options.ts";
import { createEventId } from "../internal/uuid.ts";
import { checkName, checkObject } from "../internal/validate.ts";
import type { Outbox, Page, PageOptions } from "../outbox/mod.ts";
import { partsOf } from "../outbox/types.ts";
import { checkStore } from "../store/scoped_store.ts";
import type { Store } from "../store/mod.ts";
import { createAddressGuard } from "../webhook/address_guard.ts";
import { AddressNotAllowedError } from "../webhook/errors.ts";
import { generateSecret } from "../webhook/secrets.ts";
import { changeWebhook, hasSecret, readOverlap, rotateWebhook } from "./edits.ts";
import { WebhookStoreError } from "./errors.ts";
import { GUARD_TIMEOUT, MAX_TESTS, MAX_WEBHOOKS } from "./limits.ts";
import { LiveWebhooks } from "./live.ts";
import { type StoredRecord, WebhookRecords } from "./record_store.ts";
import {
  checkWebhook,
  createWebhook,
  describeRecord,
  newRecord,
  openWebhook,
  type PlainWebhook,
  sealWebhook,
  type SendOptions,
  splitFields,
  type WebhookRecord,
  webhookSchemas,
} from "./record.ts";
import { Sealer } from "./seal.ts";
import type {
  NewWebhook,
  RevisionOptions,
  RotateOptions,
  StoredWebhook,
  WebhookChanges,
  WebhookConnection,
  WebhookStore,
  WebhookStoreOptions,
  WebhookWithSecret,
} from "./types.ts";

/** How often a change is tried again when another one was stored first. */
const MAX_TRIES = 10;

/**
 * Opens the webhooks of a store: `webhookStore(store, { encryptionKey }).connect(hooks)`.
 *
 * @throws {TypeError} when an option is invalid
 */
export function webhookStore(store: Store, options: WebhookStoreOptions): WebhookStore {
  return webhookStoreIn(systemClock, store, options);
}

/** Returns whether a store has webhooks. They miss the events of processes that aren't connected to them. */
export async function hasWebhooks(
  store: Store,
  { prefix = "hooks" }: Pick<WebhookStoreOptions, "prefix"> = {},
): Promise<boolean> {
  const { done } = await new WebhookRecords(systemClock, store, prefix).scan().next(); // of any version
  return done !== true;
}

/** Does the same as `webhookStore` with a clock. */
export function webhookStoreIn(
  clock: Clock,
  store: Store,
  options: WebhookStoreOptions,
): WebhookStore {
  const subject = "Cannot open the webhook store";
  checkStore(subject, store);
  checkKnown(subject, options, ["encryptionKey", "prefix", "guard", "fetch"]);
  const { prefix = "hooks", guard = createAddressGuard(), fetch } = options;
  const webhooks = new StoredWebhooks({
    clock,
    store,
    prefix,
    records: new WebhookRecords(clock, store, prefix),
    sealer: new Sealer(subject, options.encryptionKey),
    send: { guard, fetch },
  });
  return { // whose functions also work on their own
    schemas: webhooks.schemas,
    get isConnected() {
      return webhooks.isConnected;
    },
    create: (webhook) => webhooks.create(webhook),
    get: (name) => webhooks.get(name),
    list: (options) => webhooks.list(options),
    update: (name, changes, options) => webhooks.update(name, changes, options),
    rotateSecret: (name, options) => webhooks.rotateSecret(name, options),
    delete: (name, options) => webhooks.delete(name, options),
    test: (name, options) => webhooks.test(name, options),
    connect: (hooks) => webhooks.connect(hooks),
  };
}

type Options = {
  readonly clock: Clock;
  readonly store: Store;
  readonly prefix: string;
  readonly records: WebhookRecords;
  readonly sealer: Sealer;
  readonly send: SendOptions;
};

/** A changed webhook, and the secret to show. */
type Edited = { readonly plain: PlainWebhook; readonly secret?: string };

class StoredWebhooks implements WebhookStore {
  readonly schemas: WebhookStore["schemas"] = webhookSchemas();
  readonly #options: Options;
  readonly #tests = new Semaphore(MAX_TESTS);
  #live: LiveWebhooks | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#live !== undefined;
  }

  async create(given: NewWebhook): Promise<WebhookWithSecret> {
    checkObject("Cannot create webhook", "the webhook", given);
    const secret = hasSecret(given) ? undefined : generateSecret();
    const fields = secret === undefined ? given : { ...given, secret };
    const { name, url } = checkWebhook(fields);
    const { records, clock, sealer } = this.#options;
    await this.#checkUrl(url);
    const plain = splitFields(fields, clock.now());
    const before = await records.readForCreate(name);
    if (before.count >= MAX_WEBHOOKS) {
      throw new WebhookStoreError(
        "too_many_webhooks",
        `Cannot create webhook '${name}': there are ${MAX_WEBHOOKS}, the most that a store can have`,
      );
    }
    this.#live?.tryRegister(name, plain, "create");
    const record = newRecord(await sealWebhook(name, plain, sealer), clock.now());
    if (!await records.create(name, record, before)) {
      await records.readForCreate(name);
      throw busy("create", name);
    }
    await this.#live?.changed(name, record);
    return { webhook: this.#describe(name, record), ...(secret !== undefined && { secret }) };
  }

  async get(name: string): Promise<StoredWebhook | undefined> {
    checkName("Cannot get webhook", name);
    const stored = await this.#options.records.get(name);
    return stored && this.#describe(name, stored.record);
  }

  async list(
    { limit = PAGE_SIZE, cursor, ...rest }: PageOptions = {},
  ): Promise<Page<StoredWebhook>> {
    const subject = "Cannot list webhooks";
    checkKnown(subject, rest, []);
    readCount(subject, "limit", limit, { max: MAX_PAGE_SIZE });
    if (cursor !== undefined) checkName(`${subject}: 'cursor' comes from another list`, cursor);
    const found = await this.#options.records.list(limit + 1, cursor);
    const items = found.slice(0, limit).map(({ name, record }) => this.#describe(name, record));
    return { items, ...(found.length > limit && { cursor: items.at(-1)!.name }) };
  }

  async update(
    name: string,
    changes: WebhookChanges,
    options: RevisionOptions = {},
  ): Promise<StoredWebhook> {
    checkObject("Cannot change webhook", "the changes", changes);
    const { webhook } = await this.#change("change", name, options, async (before) => {
      const { plain, url } = changeWebhook(name, before, changes, this.#options.clock.now());
      await this.#checkUrl(url);
      return { plain };
    });
    return webhook;
  }

  rotateSecret(name: string, options: RotateOptions = {}): Promise<WebhookWithSecret> {
    checkKnown("Cannot rotate the secret of webhook", options, ["revision", "secret", "overlap"]);
    const overlap = readOverlap(name, options.overlap);
    const generated = options.secret === undefined ? generateSecret() : undefined;
    const secret = options.secret ?? generated!;
    return this.#change("rotate the secret of", name, options, (before) => {
      const plain = rotateWebhook(name, before, { secret, overlap }, this.#options.clock.now());
      return { plain, ...(generated !== undefined && { secret: generated }) };
    });
  }

  async delete(name: string, options: RevisionOptions = {}): Promise<void> {
    checkKnown("Cannot delete webhook", options, ["revision"]);
    const { records } = this.#options;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const stored = await this.#read("delete", name, options);
      // Pending deliveries of this name are not for the stored webhook, but for the one that shadows it.
      const isPurged = !this.#live?.isShadowed(name) && !await records.isShadowed(name);
      if (!await records.delete(name, stored, isPurged)) continue;
      await this.#live?.deleted(name, isPurged);
      return;
    }
    throw busy("delete", name);
  }

  async test(
    name: string,
    { signal, ...rest }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Attempt> {
    checkKnown("Cannot test webhook", rest, []);
    const { sealer, send, clock } = this.#options;
    const { record } = await this.#read("test", name, {});
    const webhook = createWebhook(name, await openWebhook(name, record, sealer, clock.now()), send);
    if (!this.#tests.tryAcquire()) {
      throw new WebhookStoreError(
        "too_many_tests",
        `Cannot test webhook '${name}': ${MAX_TESTS} tests are running. Try again later`,
      );
    }
    const context = {
      attempt: 1,
      logger: this.#live?.logger ?? consoleLogger,
      signal: signal ?? new AbortController().signal,
    };
    const [timestamp, data] = [new Date(clock.now()), { webhook: name }];
    try {
      const event = { id: createEventId(), type: "webhook.test", timestamp, data };
      return await webhook.attempt(event, context);
    } finally {
      this.#tests.release();
    }
  }

  connect<Events extends object>(hooks: Hooks<Events>): WebhookConnection {
    const { registry, outbox } = hooks as unknown as Hooks;
    const subject = "Cannot connect the webhook store";
    const { store, prefix, records, sealer, send, clock } = this.#options;
    const parts = partsOf(outbox);
    if (parts === undefined || parts.store !== store || parts.prefix !== prefix) {
      throw new TypeError(
        `${subject}: the hooks must have an outbox on the same store, with the prefix '${prefix}'. ` +
          "Pass createHooks({ outbox: createOutbox(store) })",
      );
    }
    if (this.#live !== undefined) {
      throw new TypeError(`${subject}: it is connected to hooks. Call unregister() first`);
    }
    const own = { clock, store, records, sealer, send, refreshTargets: parts.refreshTargets };
    const live = new LiveWebhooks({ ...own, registry, outbox: outbox as Outbox });
    this.#live = live;
    return {
      refresh: () => live.refresh(),
      yieldTo: (names) => live.yieldTo(names),
      reclaim: () => live.reclaim(),
      unregister: () => {
        live.unregister();
        if (this.#live === live) this.#live = undefined;
      },
    };
  }

  /** Changes the current webhook. If another change is stored first, applies this one to its result. */
  async #change(
    action: string,
    name: string,
    options: RevisionOptions,
    edit: (before: PlainWebhook) => Edited | Promise<Edited>,
  ): Promise<WebhookWithSecret> {
    const { records, sealer, clock } = this.#options;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const stored = await this.#read(action, name, options);
      const before = await openWebhook(name, stored.record, sealer, clock.now());
      const { plain, ...secret } = await edit(before);
      this.#live?.tryRegister(name, plain, action);
      const record = newRecord(await sealWebhook(name, plain, sealer), clock.now(), stored.record);
      if (!await records.update(name, record, stored)) continue;
      await this.#live?.changed(name, record);
      return { webhook: this.#describe(name, record), ...secret };
    }
    throw busy(action, name);
  }

  async #read(action: string, name: string, options: RevisionOptions): Promise<StoredRecord> {
    const subject = `Cannot ${action} webhook`;
    checkName(subject, name);
    const stored = await this.#options.records.get(name);
    if (stored === undefined) {
      throw new WebhookStoreError("webhook_not_found", `${subject} '${name}': it is not stored`);
    }
    const { revision } = stored.record;
    if (options.revision === undefined || options.revision === revision) return stored;
    throw new WebhookStoreError(
      "webhook_changed",
      `${subject} '${name}': it is at revision ${revision}, not ${options.revision}. Read it again`,
    );
  }

  #describe(name: string, record: WebhookRecord): StoredWebhook {
    const problem = this.#live?.describeUnused(name);
    return { ...describeRecord(name, record), ...(problem !== undefined && { problem }) };
  }

  /** Checks that a URL is allowed. @throws {AddressNotAllowedError} */
  async #checkUrl(url: string): Promise<void> {
    const message = `Cannot use the URL: its name was not resolved within ${GUARD_TIMEOUT} ms`;
    const error = (): Error => new AddressNotAllowedError(message, "address_unresolved");
    await deadline(this.#options.send.guard.check(url), GUARD_TIMEOUT, { error });
  }
}

function busy(action: string, name: string): WebhookStoreError {
  const why = "other changes keep getting in first. Try again";
  return new WebhookStoreError("webhook_changed", `Cannot ${action} webhook '${name}': ${why}`);
}
