import { hooksFromConfig } from "../../config/mod.ts";
import { setTimer } from "../../internal/async.ts";
import { canonicalJson } from "../../internal/json_text.ts";
import { createHooks, type Hooks, type Registration } from "../../core/mod.ts";
import type { Store } from "../../store/mod.ts";
import { createHooksApp, type HooksApp } from "../../hono/mod.ts";
import { createOutbox, type Outbox, type TargetStats } from "../../outbox/mod.ts";
import type { Log } from "./log.ts";
import type { Settings } from "./settings.ts";
import { watchedWebhook } from "./watched_webhook.ts";

/** Deno Deploy and most supervisors kill 5 s after they asked: everything has ended by then. */
const CLOSE_TIMEOUT = 4_500;

/** How long the start waits to see what is leased, in milliseconds. */
const LEASES_TIMEOUT = 2_000;

/** How long `close` waits for a probe under way, in milliseconds. */
const PROBE_TIMEOUT = 4_000;

/** Events of any type: whoever posts them decides. */
type AnyEvents = Record<string, unknown>;

/** The hooks that are served: store, outbox, webhooks, and the app before them. */
export class Service {
  readonly #store: Store;
  readonly #outbox: Outbox;
  readonly #hooks: Hooks<AnyEvents>;
  readonly #log: Log;
  #settings: Settings;
  #closed = false;
  #probing: Promise<void> = Promise.resolve();
  /** The targets of which another process had leased deliveries when this one began. */
  leased: readonly TargetStats[] = [];
  #app!: HooksApp;
  #webhooks: readonly Registration[] = [];
  /** Ends the event streams of those who were let in by the present tokens. */
  #streams = new AbortController();

  /** Over a store that is open, and that `close` closes. */
  constructor(store: Store, settings: Settings, log: Log) {
    const { events: retention, eventLog, disableAfter } = settings.retention;
    const { logger } = log;
    this.#store = store;
    this.#settings = settings;
    this.#log = log;
    this.#outbox = createOutbox(store, { retention, eventLog, disableAfter, logger });
    this.#hooks = createHooks<AnyEvents>({
      outbox: this.#outbox,
      store,
      logger,
      closeTimeout: CLOSE_TIMEOUT,
    });
    this.#use(settings);
  }

  /** Begins to deliver what is in a store. */
  static async open(store: Store, settings: Settings, log: Log): Promise<Service> {
    const service = new Service(store, settings, log);
    service.leased = await service.#findLeased();
    await service.#hooks.init();
    service.#probing = service.#probe();
    return service;
  }

  /** Answers a request. */
  async fetch(request: Request): Promise<Response> {
    const response = await this.#app.fetch(request);
    if (response.headers.get("content-type") !== "text/event-stream" || !response.body) {
      return response;
    }
    const { signal } = this.#streams;
    return new Response(response.body.pipeThrough(new TransformStream(), { signal }), response);
  }

  /** Goes on with other webhooks and tokens. What needs a restart is named and left as it was. */
  reload(settings: Settings): void {
    const before = this.#settings;
    const names = ["host", "port", "store", "retention"] as const;
    const fixed = names.filter((name) => !isSame(settings[name], before[name]));
    if (fixed.length > 0) this.#log.warn(`only a restart changes ${fixed.join(", ")}`);
    for (const registration of this.#webhooks) registration.unregister();
    try {
      this.#use(settings);
      this.#settings = settings;
    } catch (error) {
      this.#use(before);
      throw error;
    }
    if (isSame(settings.tokens, before.tokens)) return;
    this.#streams.abort();
    this.#streams = new AbortController();
  }

  /** Takes no more events, waits for attempts under way, and closes the store. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#streams.abort(); // a stream has no end of its own
    try {
      await Promise.all([this.#hooks.close(), atMost(PROBE_TIMEOUT, this.#probing)]);
    } finally {
      this.#store.close();
    }
  }

  /**
   * Runs before the first claim, so every lease belongs to another process. Doesn't wait for a slow
   * store.
   */
  async #findLeased(): Promise<readonly TargetStats[]> {
    const found = this.#outbox.stats().then((all) => all.filter(({ leased }) => leased > 0));
    // Failures are ignored here, because the probe reports them.
    return await atMost(LEASES_TIMEOUT, found.catch(() => [])) ?? [];
  }

  /** Logs an error if the store accepts no commits, before the first event arrives. */
  async #probe(): Promise<void> {
    try {
      await this.#outbox.checkStore();
    } catch (error) {
      if (this.#closed) return;
      this.#log.logger.error("The store takes no events, and /ready is 503 until it does", error);
    }
  }

  #use(settings: Settings): void {
    const { tokens, webhooks, webhookOrigins, webhookRate, validate } = settings;
    const { logger } = this.#log;
    this.#app = createHooksApp(this.#hooks, {
      tokens,
      webhookOrigins,
      webhookRate,
      validate,
      logger,
    });
    const made = hooksFromConfig({ webhooks, storage: {}, retention: {}, server: { tokens: [] } });
    this.#webhooks = this.#hooks.use(
      ...made.map((webhook) => watchedWebhook(webhook, (...about) => this.#log.attempt(...about))),
    );
  }
}

/** Whether two settings are the same, in whatever order their fields are written. */
function isSame(a: unknown, b: unknown): boolean {
  const [one, other] = JSON.parse(JSON.stringify([a ?? null, b ?? null])); // times become text
  return canonicalJson(one) === canonicalJson(other);
}

/** Returns what a promise resolves to, or undefined when that takes longer than some milliseconds. */
async function atMost<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined> {
  let cancel = (): void => {};
  const late = new Promise<undefined>((resolve) => {
    cancel = setTimer(milliseconds, () => resolve(undefined));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    cancel();
  }
}
