import { hooksFromConfig } from "../../config/mod.ts";
import { createHooks, HookInitError, type Hooks, type Registration } from "../../core/mod.ts";
import { targetSource } from "../../core/define_hook.ts";
import { createHooksApp, type HooksApp } from "../../hono/mod.ts";
import { deadline } from "../../internal/async.ts";
import { canonicalJson } from "../../internal/json_text.ts";
import { createOutbox, type Outbox, type TargetStats } from "../../outbox/mod.ts";
import type { Store } from "../../store/mod.ts";
import {
  hasWebhooks,
  type WebhookConnection,
  type WebhookStore,
  webhookStore,
} from "../../webhook_store/mod.ts";
import { createAddressGuard } from "../../webhook/mod.ts";
import { createStoreHookName } from "../../webhook_store/store_hook.ts";
import { CommandError } from "../errors.ts";
import type { CommandIO } from "../io.ts";
import type { Settings } from "../settings.ts";
import type { Log } from "./log.ts";

/** Deno Deploy and most supervisors kill a process 5 s after they asked it to end. In milliseconds. */
const CLOSE_TIMEOUT = 4_500;
/** How long the start waits to find leased deliveries, in milliseconds. */
const LEASES_TIMEOUT = 2_000;
/**
 * The first and the longest pause before hooks that didn't open are tried again, in milliseconds. A server
 * without an encryption key looks for webhooks after the longest.
 */
const OPEN_PAUSES = { first: 1_000, longest: 30_000 };
/** How long `close` waits for the check of the store, in milliseconds. */
const CHECK_TIMEOUT = 4_000;

/** Settings that a reload keeps. */
const FIXED = [
  "host",
  "port",
  "store",
  "retention",
  "gateOptions",
  "encryptionKeys",
  "allowAddresses",
] as const;

/** Events of any type: clients decide. */
type AnyEvents = Record<string, unknown>;

/** What `hooks serve` serves: the store, the outbox, the webhooks, the gates and the HTTP app. */
export class Service {
  readonly #store: Store;
  readonly #outbox: Outbox;
  readonly #hooks: Hooks<AnyEvents>;
  readonly #log: Log;
  /** Undefined without an encryption key. */
  readonly #webhooks: WebhookStore | undefined;
  readonly #connection: WebhookConnection | undefined;
  #settings: Settings;
  readonly #closing = new AbortController();
  /** Why events are rejected, as it was logged. */
  #problem: string | undefined;
  #checking: Promise<void> = Promise.resolve();
  #leasing: Promise<unknown> = Promise.resolve();
  #guards: readonly Registration[] = [];
  /** The targets with deliveries that other processes had leased at the start. */
  leased: readonly TargetStats[] = [];
  #app!: HooksApp;
  #registrations: readonly Registration[] = [];
  /** Ends the event streams that the current tokens opened. */
  #streams = new AbortController();

  /** Creates a service over an open store, which `close` closes. */
  constructor(store: Store, settings: Settings, log: Log) {
    const { events: retention, eventLog, disableAfter } = settings.retention;
    const { logger } = log;
    this.#store = store;
    this.#settings = settings;
    this.#log = log;
    this.#outbox = createOutbox(store, {
      retention,
      eventLog,
      disableAfter,
      logger,
      onAttempt: (report) => log.attempt(report),
    });
    this.#hooks = createHooks<AnyEvents>({
      outbox: this.#outbox,
      store,
      logger,
      closeTimeout: CLOSE_TIMEOUT,
      gates: settings.gateOptions,
    });
    this.#guard();
    const { encryptionKeys: encryptionKey, allowAddresses } = settings;
    if (encryptionKey.length > 0) {
      const guard = createAddressGuard({ allowAddresses });
      this.#webhooks = webhookStore(store, { encryptionKey, guard });
      this.#connection = this.#webhooks.connect(this.#hooks);
    }
    this.#apply(settings);
  }

  /** Creates a service and starts delivering. */
  static async open(store: Store, settings: Settings, log: Log, io: CommandIO): Promise<Service> {
    const service = new Service(store, settings, log);
    const leasing = service.#findLeased();
    service.#leasing = leasing;
    const isOpen = await service.#init(true);
    service.leased = await leasing;
    void service.#keepOpen(isOpen, io);
    service.#checking = service.#checkStore();
    return service;
  }

  /** Handles a request. */
  async fetch(request: Request): Promise<Response> {
    const response = await this.#app.fetch(request);
    const isStream = response.headers.get("content-type") === "text/event-stream";
    if (!isStream || !response.body) return response;
    const { signal } = this.#streams;
    return new Response(response.body.pipeThrough(new TransformStream(), { signal }), response);
  }

  /** Switches to other webhooks, gates and tokens. Logs settings that need a restart, and keeps them. */
  async reload(settings: Settings): Promise<void> {
    const before = this.#settings;
    const names = settings.webhooks.map(({ name }) => name);
    // Webhooks that are already served need no store: a token can be revoked while the store is down.
    const served = new Set(before.webhooks.map(({ name }) => name));
    await this.#checkNames(names.filter((name) => !served.has(name)));
    const fixed = FIXED.filter((name) => !isEqual(settings[name], before[name]));
    if (fixed.length > 0) this.#log.warn(`restart to apply changes to ${fixed.join(", ")}`);
    for (const registration of this.#registrations) registration.unregister();
    this.#connection?.yieldTo(names);
    try {
      this.#apply(settings);
      this.#settings = settings;
    } catch (error) {
      this.#apply(before);
      throw error;
    } finally {
      this.#connection?.reclaim(); // names that the file no longer has
    }
    if (isEqual(settings.tokens, before.tokens)) return;
    this.#streams.abort();
    this.#streams = new AbortController();
  }

  /** Stops accepting events, waits for attempts in flight, and closes the store. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#streams.abort(); // streams don't end by themselves
    try {
      const checked = deadline(this.#checking, CHECK_TIMEOUT).catch(() => {});
      await Promise.all([this.#hooks.close(), checked]);
    } finally {
      this.#store.close();
    }
  }

  /** Rejects events and decisions until the store is read, and while they would miss webhooks. */
  #guard(): void {
    for (const registration of this.#guards) registration.unregister();
    this.#guards = this.#hooks.use(targetSource({
      name: createStoreHookName(),
      events: ["webhook.store"], // no such event is emitted
      handle: () => {},
      init: async () => void await Promise.all([this.#check(), this.#leasing]),
    }));
  }

  /** Checks that no event would miss a webhook. @throws {CommandError} */
  async #check(): Promise<void> {
    await this.#checkNames(this.#settings.webhooks.map(({ name }) => name));
    if (this.#webhooks !== undefined || !await hasWebhooks(this.#store)) return;
    throw new CommandError("Cannot serve without HOOKS_ENCRYPTION_KEY: the store has webhooks", [
      "They would miss events. Set it to the key with which they were created, and start again",
    ]);
  }

  /** Deliveries to a deleted name would be deleted. @throws {CommandError} */
  async #checkNames(names: readonly string[]): Promise<void> {
    const targets = await Promise.all(names.map((name) => this.#outbox.endpoint(name)));
    const deleted = targets.find(({ state }) => state === "deleted");
    if (deleted === undefined) return;
    throw new CommandError(
      `Cannot serve webhook '${deleted.target}': a webhook with this name was deleted. Use another name`,
    );
  }

  /** Opens the hooks, and starts delivering. Resolves to whether they are open. */
  async #init(isStart = false): Promise<boolean> {
    try {
      await this.#hooks.init();
    } catch (error) {
      if (!(error instanceof HookInitError)) throw error;
      const { cause } = error;
      if (cause instanceof CommandError && isStart) throw cause;
      this.#reject(cause);
      return false;
    }
    if (this.#problem !== undefined) this.#log.info("events are accepted now");
    this.#problem = undefined;
    return true;
  }

  /** Logs why events are rejected, once. */
  #reject(cause: unknown): void {
    const isKnown = cause instanceof CommandError;
    const message = isKnown
      ? `Events are rejected: ${[cause.message, ...cause.details].join(". ")}`
      : "Stored webhooks can't be read; events are rejected until they can";
    if (this.#problem !== message) this.#log.logger.error(message, isKnown ? undefined : cause);
    this.#problem = message;
  }

  /**
   * Opens the hooks when the store can be read, to deliver what is already due: the next event may be far
   * off. Without an encryption key, it keeps looking for webhooks, which another process may create.
   */
  async #keepOpen(isOpen: boolean, io: CommandIO): Promise<void> {
    const { first, longest } = OPEN_PAUSES;
    const { signal } = this.#closing;
    const isWatching = this.#webhooks === undefined;
    for (let pause = first; !isOpen || isWatching; pause = Math.min(pause * 2, longest)) {
      if (isOpen) pause = longest;
      await io.sleep(pause, signal);
      if (signal.aborted) return;
      if (isOpen && await hasWebhooks(this.#store).catch(() => false)) this.#guard();
      isOpen = await this.#init().catch(() => false); // closed
    }
  }

  /** Runs before the first claim, so that every lease belongs to another process. */
  async #findLeased(): Promise<readonly TargetStats[]> {
    // Failures are ignored: `#checkStore` reports them. A slow store does not delay the start.
    const stats = await deadline(this.#outbox.stats(), LEASES_TIMEOUT).catch(() => []);
    return stats.filter(({ leased }) => leased > 0);
  }

  /** Logs an error if the store accepts no commits, before the first event arrives. */
  async #checkStore(): Promise<void> {
    try {
      await this.#outbox.checkStore();
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      const message = "The store rejects events; /ready responds with 503 until it accepts them";
      this.#log.logger.error(message, error);
    }
  }

  #apply(settings: Settings): void {
    const { tokens, webhooks, gates, webhookOrigins, webhookRate, approvalKey, ask, validate } =
      settings;
    const { logger } = this.#log;
    this.#app = createHooksApp(this.#hooks, {
      tokens,
      console: true,
      webhooks: this.#webhooks,
      webhookOrigins,
      webhookRate,
      approvalKey,
      ask,
      validate,
      logger,
    });
    const config = {
      webhooks,
      gates,
      gateOptions: {},
      storage: {},
      retention: {},
      server: { tokens: [] },
    };
    this.#registrations = this.#hooks.use(...hooksFromConfig(config));
  }
}

/** Returns whether two settings are equal, whatever the order of their fields. */
function isEqual(a: unknown, b: unknown): boolean {
  const [one, other] = JSON.parse(JSON.stringify([a ?? null, b ?? null])); // dates become text
  return canonicalJson(one) === canonicalJson(other);
}
