import { HooksClosedError } from "../core/errors.ts";
import type { Hook, HookRegistry, Logger, Registration } from "../core/mod.ts";
import { consoleLogger, guarded } from "../core/reporter.ts";
import { targetSource } from "../core/define_hook.ts";
import { type Clock, HOUR } from "../internal/clock.ts";
import { errorMessage } from "../internal/issues.ts";
import { maskError } from "../internal/mask_error.ts";
import type { Outbox } from "../outbox/mod.ts";
import type { Store } from "../store/mod.ts";
import { WebhookStoreError } from "./errors.ts";
import { checkFanOut, hasFilter, mayWiden } from "./fan_out.ts";
import {
  createWebhook,
  type PlainWebhook,
  type PreparedWebhook,
  prepareWebhook,
  type SendOptions,
  type WebhookRecord,
} from "./record.ts";
import type { WebhookRecords } from "./record_store.ts";
import type { Sealer } from "./seal.ts";
import { createStoreHookName } from "./store_hook.ts";
import { Watch } from "./watch.ts";

/** How often this process notes again that it shadows a stored webhook, in milliseconds. */
const NOTE_EVERY = HOUR;

/** What keeps stored webhooks registered. */
type LiveOptions = {
  readonly clock: Clock;
  readonly store: Store;
  readonly records: WebhookRecords;
  readonly sealer: Sealer;
  readonly send: SendOptions;
  readonly registry: HookRegistry;
  readonly outbox: Outbox;
  /** Makes the outbox read the state of its targets again. */
  readonly refreshTargets: () => void;
};

/** A stored webhook as this process knows it. */
type Entry = PreparedWebhook & {
  readonly record: WebhookRecord;
  /** Absent if another hook has its name, or it doesn't fit these hooks. */
  registration?: Registration | undefined;
  /** Why nothing is sent to it. */
  problem?: string | undefined;
  /** Whether another hook has its name. */
  isShadowed?: boolean;
};

/** Keeps the webhooks of a store registered with hooks, and up to date. */
export class LiveWebhooks {
  logger: Logger = consoleLogger;
  readonly #options: LiveOptions;
  readonly #entries = new Map<string, Entry>();
  /** Names that this process changed while it was reading the store. */
  readonly #touched = new Set<string>();
  /** When this process noted that a name is used here. */
  readonly #noted = new Map<string, number>();
  /** Running deletions of the outbox's data for deleted webhooks. */
  readonly #purging = new Map<string, Promise<void>>();
  readonly #hook: Registration;
  readonly #watch: Watch;
  /** The webhooks of the store when it was last read. */
  #revision: string | undefined;
  #targetRevision: string | undefined;
  #syncing: Promise<void> | undefined;
  #isStopped = false;
  #isUnregistered = false;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#watch = new Watch(options, () => this.#look(), (error) => {
      this.#warn("Cannot read webhooks from the store; those already loaded stay in use", error);
    });
    // It is opened before the first event, and closed with the others.
    const hook: Hook = {
      name: createStoreHookName(),
      events: ["webhook.store"], // no such event is emitted
      handle: () => {},
      init: (context) => this.#start(context.logger),
      close: () => this.#stop(),
    };
    this.#hook = options.registry.registerHook(targetSource(hook));
  }

  /** Returns why a webhook is not used, or undefined. */
  describeUnused(name: string): string | undefined {
    return this.#entries.get(name)?.problem;
  }

  /** Returns whether another hook has the name of a stored webhook. */
  isShadowed(name: string): boolean {
    return this.#entries.get(name)?.isShadowed === true;
  }

  /** Registers a webhook in place of the one with its name, and undoes that, to find out what doesn't fit. */
  tryRegister(name: string, plain: PlainWebhook, action: string): void {
    const webhook = createWebhook(name, plain, this.#options.send);
    const known = this.#entries.get(name);
    if (this.#isStopped || known?.isShadowed) return;
    if (mayWiden(known?.record.fields, plain.fields)) {
      checkFanOut(action, webhook, this.#options, (other) => {
        const { registration, record } = this.#entries.get(other) ?? {};
        return registration !== undefined && hasFilter(record!.fields);
      });
    }
    known?.registration?.unregister();
    try {
      this.#options.registry.registerWebhook(webhook).unregister();
    } catch (error) {
      if (error instanceof HooksClosedError) return; // processes that stay open decide what fits
      if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
      const subject = `Cannot ${action} webhook '${name}'`;
      if (!this.#isTaken(name)) {
        throw new WebhookStoreError("webhook_invalid", `${subject}: ${error.message}`);
      }
      throw new WebhookStoreError("webhook_exists", `${subject}: ${SHADOWED}`);
    } finally {
      if (known?.registration) this.#register(name, known);
    }
  }

  /** Applies a change that this process has stored. Never rejects. */
  async changed(name: string, record: WebhookRecord): Promise<void> {
    this.#touched.add(name);
    await this.#put(name, record);
  }

  /** Applies a deletion that this process has stored, and may delete its deliveries. Never rejects. */
  async deleted(name: string, isPurged: boolean): Promise<void> {
    this.#touched.add(name);
    this.#remove(name);
    if (isPurged) await this.#purge(name);
  }

  /** Deletes the outbox's data for a deleted webhook, now or at a later read. Never rejects. */
  #purge(name: string): Promise<void> {
    const running = this.#purging.get(name);
    if (running !== undefined) return running;
    const { outbox, records } = this.#options;
    const purging = outbox.remove(name).then(() => records.forget(name)).catch((error) => {
      this.#revision = undefined; // the next poll tries again
      if (!this.#isStopped) this.#warn(`Deliveries to '${name}' could not be deleted yet`, error);
    }).finally(() => this.#purging.delete(name));
    this.#purging.set(name, purging);
    return purging;
  }

  /** Reads the store, and applies what changed. @throws {OutboxUnavailableError} */
  async refresh(): Promise<void> {
    await this.#syncing?.catch(() => {}); // it may have missed what was stored meanwhile
    this.#revision = undefined;
    await this.#sync();
  }

  /** Unregisters the webhooks with some names, for others that are registered next. */
  yieldTo(names: readonly string[]): void {
    for (const name of names) {
      const entry = this.#entries.get(name);
      if (entry === undefined || entry.isShadowed) continue;
      entry.registration?.unregister();
      entry.registration = undefined;
      this.#shadow(name, entry);
    }
  }

  /** Registers the webhooks again whose names no other hook has any longer. */
  reclaim(): void {
    for (const [name, entry] of this.#entries) {
      if (entry.isShadowed && !this.#isTaken(name)) this.#register(name, entry);
    }
  }

  /** Unregisters all webhooks, and stops following changes. */
  unregister(): void {
    this.#isUnregistered = true;
    void this.#stop();
    for (const name of [...this.#entries.keys()]) this.#remove(name);
    this.#hook.unregister();
  }

  /** Starts following changes. It runs again if another hook failed to open at first. */
  async #start(logger: Logger): Promise<void> {
    if (this.#isUnregistered) return;
    this.#isStopped = false;
    this.logger = logger;
    await this.refresh(); // what changed while it was closed was left out
    if (!this.#isStopped) this.#watch.start();
  }

  /** Resolves when this no longer reads the store. Never rejects. */
  async #stop(): Promise<void> {
    this.#isStopped = true;
    this.#watch.stop();
    await Promise.all([this.#syncing?.catch(() => {}), ...this.#purging.values()]);
  }

  /** Reads the store once a read in progress has ended. */
  async #look(): Promise<void> {
    await this.#syncing?.catch(() => {});
    await this.#sync();
  }

  #sync(): Promise<void> {
    return this.#syncing ??= this.#read().finally(() => this.#syncing = undefined);
  }

  /** Applies changes of the store, and of time, such as expired secrets. */
  async #read(): Promise<void> {
    const { records, clock, refreshTargets } = this.#options;
    this.#touched.clear();
    const { webhooks: revision, targets } = await records.revisions();
    if (targets !== this.#targetRevision) refreshTargets();
    this.#targetRevision = targets;
    if (revision !== this.#revision) {
      const names = new Set<string>();
      for await (const { name, record } of records.scan()) {
        if (this.#isStopped) return;
        names.add(name);
        if (record === undefined) {
          this.#warn(`Webhook '${name}' is left out: another version wrote it`);
        } else if (!this.#touched.has(name)) await this.#put(name, record);
      }
      for (const name of [...this.#entries.keys()]) {
        if (!names.has(name) && !this.#touched.has(name)) this.#remove(name);
      }
      for (const name of await records.removed()) void this.#purge(name);
      this.#revision = revision;
    }
    for (const [name, entry] of [...this.#entries]) {
      if (entry.expires <= clock.now()) await this.#put(name, entry.record, true);
      else if (entry.registration === undefined) this.#register(name, entry); // it may fit by now
    }
    await Promise.all([...this.#entries.keys()].map((name) => this.#noteShadowed(name)));
  }

  /** Notes for other processes that the deliveries of a name aren't for the stored webhook. */
  async #noteShadowed(name: string): Promise<void> {
    if (!this.isShadowed(name)) return void this.#noted.delete(name);
    const now = this.#options.clock.now();
    if (Math.abs(now - (this.#noted.get(name) ?? -Infinity)) < NOTE_EVERY) return;
    await this.#options.records.noteShadowed(name);
    this.#noted.set(name, now);
  }

  /** Registers the webhook of a record, unless a later one is known. Never rejects. */
  async #put(name: string, record: WebhookRecord, again = false): Promise<void> {
    const isKnown = (): boolean => {
      const known = this.#entries.get(name)?.record.revision ?? 0;
      return again ? known > record.revision : known >= record.revision;
    };
    if (isKnown()) return;
    const { sealer, send, clock } = this.#options;
    const opened = await prepareWebhook(name, record, { sealer, send, now: clock.now() });
    if (isKnown() || this.#isStopped) return;
    this.#entries.get(name)?.registration?.unregister();
    const entry: Entry = { record, ...opened };
    this.#entries.set(name, entry);
    if (entry.problem !== undefined) this.#warn(entry.problem);
    this.#register(name, entry);
  }

  #register(name: string, entry: Entry): void {
    if (entry.webhook === undefined || this.#isStopped) return;
    try {
      entry.registration = this.#options.registry.registerWebhook(entry.webhook);
      entry.problem = entry.webhook.held;
      entry.isShadowed = false;
    } catch (error) {
      if (error instanceof HooksClosedError) return;
      if (this.#isTaken(name)) return this.#shadow(name, entry);
      entry.isShadowed = false;
      this.#setProblem(entry, `Webhook '${name}' can't be used here: ${errorMessage(error)}`);
    }
  }

  #shadow(name: string, entry: Entry): void {
    entry.isShadowed = true;
    this.#setProblem(entry, `Webhook '${name}' of the store is not used: ${SHADOWED}`);
  }

  #setProblem(entry: Entry, problem: string): void {
    if (entry.problem !== problem) this.#warn(problem);
    entry.problem = problem;
  }

  #remove(name: string): void {
    this.#entries.get(name)?.registration?.unregister();
    this.#entries.delete(name);
    this.#noted.delete(name);
  }

  #isTaken(name: string): boolean {
    return this.#options.registry.list().some((one) => one.kind !== "handler" && one.name === name);
  }

  #warn(message: string, error?: unknown): void {
    const more = error === undefined ? [] : [maskError(error)];
    guarded(() => this.logger.warn(message, ...more));
  }
}

const SHADOWED = "a hook in the configuration file or in code has the same name";
