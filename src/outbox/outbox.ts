import { checkFunctions, checkObject, inspect } from "../internal/validate.ts";
import { checkKnown, OR_INFINITE, readDuration } from "../internal/options.ts";
import { snapshotOf } from "../core/snapshot.ts";
import type { DeliveryQueue, Logger, Publication, PublishOptions, Receipt } from "../core/mod.ts";
import type { Store } from "../store/mod.ts";
import { commitChange, patiently } from "./_commit.ts";
import { endpointOperations } from "./_endpoint_operations.ts";
import { DeliveryAlerts } from "./_delivery_alerts.ts";
import { Endpoints } from "./_endpoints.ts";
import { type Env, platform } from "./_env.ts";
import { readFigures } from "./_figures.ts";
import { noteKeeper } from "./_keep_alive.ts";
import { DAY, Keys } from "./_keys.ts";
import { getDelivery, listDeliveries } from "./_list_deliveries.ts";
import { getEvent, listEvents } from "./_list_events.ts";
import { OwnEvents } from "./_own_events.ts";
import { Publisher } from "./_publisher.ts";
import { VERSION } from "./_records.ts";
import { replayDeliveries } from "./_replay.ts";
import { retryDelivery } from "./_retry.ts";
import { SharedLogger } from "./_shared_logger.ts";
import { StoreHealth } from "./_store_health.ts";
import { Targets } from "./_targets.ts";
import { TroubleLog } from "./_trouble_log.ts";
import { Worker } from "./_worker.ts";
import { OutboxUnavailableError } from "./errors.ts";
import { noteOutbox } from "./is_outbox.ts";
import type { OutboxOperations } from "./operations.ts";

/** How long the first call waits for the store, in milliseconds. */
const PATIENCE = 10_000;

/** Options of an outbox. Durations are in milliseconds. */
export interface OutboxOptions {
  /** The first part of every key. @default {"hooks"} */
  readonly prefix?: string | undefined;
  /**
   * How long an event is kept: what is not delivered by then is gone. At least twice the longest retry
   * schedule, ten years at most. @default {2592000000} 30 days
   */
  readonly retention?: number | undefined;
  /** Whether events that no target hears are stored too. @default {true} */
  readonly eventLog?: boolean | undefined;
  /**
   * A webhook or durable hook is turned off after so long, if all that time every attempt failed, 20 of
   * them at least; `Infinity`: never. @default {432000000} 5 days
   */
  readonly disableAfter?: number | undefined;
  /**
   * Logs store failures, disabled targets, and deliveries that are dead, expired, or retried more than
   * a minute later. Throttled to a few lines per target.
   * @default the logger of the hooks that have the outbox; the console without any
   */
  readonly logger?: Logger | undefined;
}

/** Durable delivery over a store. */
export type Outbox =
  & DeliveryQueue
  & OutboxOperations
  & {
    /**
     * Delivers what is due now and can be done within a budget, in milliseconds: for a cron job, where no
     * process lives. `settled`: deliveries that this call attempted; `remaining`: something due was left, or
     * there was no time to look. A target whose `timeout` is longer than the budget gets nothing, which is
     * logged: webhooks have 10 s, durable hooks 30 s, unless they say otherwise.
     *
     * @throws {TypeError | RangeError} when the budget is wrong
     */
    drainOnce(options: { readonly timeout: number }): Promise<{
      readonly settled: number;
      readonly remaining: boolean;
    }>;
  };

/** An outbox over a store, which it does not close. */
export function createOutbox(store: Store, options: OutboxOptions = {}): Outbox {
  return createOutboxIn(platform, store, options);
}

/** The same in other surroundings, for tests. */
export function createOutboxIn(env: Env, store: Store, options: OutboxOptions = {}): Outbox {
  const { prefix, head, eventLog, disableAfter } = checkOptions(store, options);
  const shared = new SharedLogger(options.logger);
  const { logger } = shared;
  const keys = new Keys(prefix);
  const retention = { head, rest: head + DAY, seen: 2 * DAY };
  const targets = new Targets(head);
  const wake = (): void => worker.wake();
  const log = new TroubleLog(logger, env);
  const events = new OwnEvents({ keys, env, retention, eventLog, log, wake });
  const alerts = new DeliveryAlerts(logger, env);
  const base = { store, keys, env, retention, targets, events, logger, alerts };
  const endpoints = new Endpoints({ ...base, disableAfter });
  const worker = new Worker({ ...base, endpoints });
  const health = new StoreHealth(base);
  const publisher = new Publisher({ ...base, eventLog, lessor: worker, health });
  const operations = endpointOperations({ ...base, endpoints, wake });
  const compatible = once(() => checkVersion(store, keys, env));

  const outbox: Outbox = {
    async publish(
      batch: readonly Publication[],
      options?: PublishOptions,
    ): Promise<readonly Receipt[]> {
      // Whoever publishes without hooks may change an event while it is on its way.
      const taken = batch.map((one) => ({
        ...one,
        event: snapshotOf(one.event, "Cannot publish"),
      }));
      const taking = { ...options };
      await compatible();
      return await publisher.publish(taken, taking);
    },
    register(target) {
      const registration = targets.register(target);
      wake(); // something may be held for it
      return registration;
    },
    connect(host) {
      const connection = events.connect(host);
      shared.host = host.logger;
      worker.renew();
      return connection;
    },
    start: () => worker.start(),
    stop: () => worker.stop(),
    async drainOnce(options) {
      checkKnown("Cannot drain", options, ["timeout"], { budgetMs: "timeout" });
      const timeout = readDuration("Cannot drain", "timeout", options.timeout, OR_INFINITE);
      if (timeout === undefined) throw new TypeError("Cannot drain: 'timeout' is missing");
      await compatible();
      return await worker.drainOnce(timeout);
    },
    ...operations,
    async checkStore() {
      await compatible();
      await health.check();
    },
    getEvent: (id) => getEvent(base, id),
    listEvents: (options) => listEvents(base, options),
    get: (target, eventId) => getDelivery(base, target, eventId),
    listDeliveries: (options) => listDeliveries(base, options),
    stats: () => readFigures({ ...base, endpoint: (target) => operations.endpoint(target) }),
    async retry(target, eventId) {
      await compatible();
      return await retryDelivery({ ...base, wake }, target, eventId);
    },
    async replay(options) {
      await compatible();
      return await replayDeliveries({ ...base, wake }, options);
    },
  };
  noteOutbox(outbox);
  noteKeeper(outbox, () => worker.keepAlive());
  return outbox;
}

function checkOptions(store: Store, options: OutboxOptions) {
  const subject = "Cannot create an outbox";
  checkKnown(subject, options, ["prefix", "retention", "eventLog", "disableAfter", "logger"]);
  const { prefix = "hooks", eventLog = true, logger } = options;
  const head = readDuration(subject, "retention", options.retention) ?? 30 * DAY;
  const disableAfter = readDuration(subject, "disableAfter", options.disableAfter, OR_INFINITE) ??
    5 * DAY;
  checkObject(subject, "a store", store);
  checkFunctions(`${subject} with this store`, store, ["get", "getMany", "list", "atomic"]);
  if (typeof eventLog !== "boolean") {
    throw new TypeError(`${subject}: 'eventLog' must be true or false, got ${inspect(eventLog)}`);
  }
  if (logger !== undefined) checkFunctions(subject, logger, ["debug", "info", "warn", "error"]);
  if (typeof prefix !== "string" || !/^.{1,64}$/s.test(prefix) || !prefix.isWellFormed()) {
    throw new TypeError(
      `${subject} as 'prefix' must be text of 1 to 64 characters: current value is ${
        inspect(prefix)
      }`,
    );
  }
  return { prefix, head, eventLog, disableAfter };
}

/** Writes the version of the layout, or refuses a newer one. */
async function checkVersion(store: Store, keys: Keys, env: Env): Promise<void> {
  const unavailable = (cause: unknown): Error => new OutboxUnavailableError(false, cause);
  const entry = await patiently(() => store.get(keys.meta), env, PATIENCE, unavailable);
  const { v } = (entry.value ?? { v: 0 }) as { v: number };
  if (v > VERSION) {
    throw new Error(
      `Cannot use the store as its outbox has format ${v}: this version knows ${VERSION}`,
    );
  }
  if (entry.value !== null) return;
  const checks = [{ key: keys.meta, versionstamp: null }];
  const sets = [[keys.meta, { v: VERSION }, undefined]] as const;
  const change = { checks, sums: [], deletes: [], sets };
  const outcome = await commitChange(store, change, env, PATIENCE, { failFast: true });
  if (outcome.ok === "unknown") throw new OutboxUnavailableError(false, outcome.cause);
}

/** Calls until it succeeds, then never again. */
function once(action: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () =>
    done ??= action().catch((error) => {
      done = undefined;
      throw error;
    });
}
