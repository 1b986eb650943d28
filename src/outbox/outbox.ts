import type { Publication } from "../core/mod.ts";
import { snapshotOf } from "../core/snapshot.ts";
import { type Clock, systemClock } from "../internal/clock.ts";
import { checkKnown, OR_INFINITE, readDuration } from "../internal/options.ts";
import {
  checkBoolean,
  checkFunctions,
  checkLogger,
  checkObject,
  invalidOption,
} from "../internal/validate.ts";
import type { Store } from "../store/mod.ts";
import { Attempter } from "./attempt.ts";
import { BackgroundReplayer } from "./background_replay.ts";
import { Claimer } from "./claim.ts";
import { CountCleanup } from "./count_cleanup.ts";
import { getEvent, listDecisions, listEvents } from "./list_events.ts";
import { hookRecords } from "./hook_records.ts";
import { DEFAULT_DISABLE_AFTER, DEFAULT_RETENTION, lifetimes } from "./limits.ts";
import { getDelivery, listDeliveries } from "./list_deliveries.ts";
import { DeliveryAlerts, SharedLogger, ThrottledLogger } from "./logging.ts";
import { PublishQueue } from "./publish.ts";
import { publishIn } from "./publish_in.ts";
import { Keys } from "./records.ts";
import type { ReplayOptions } from "./operation_types.ts";
import { Replay } from "./replay.ts";
import { retryDelivery } from "./requeue.ts";
import { Settler } from "./settle.ts";
import { StoreClient } from "./store_client.ts";
import { StoreHealth } from "./store_health.ts";
import { VersionCheck } from "./store_version.ts";
import { SystemEvents } from "./system_events.ts";
import { purge, targetOperations } from "./target_operations.ts";
import { TargetStates } from "./target_state.ts";
import { FlowControl } from "./flow_control.ts";
import { Targets } from "./targets.ts";
import { WakeUp } from "./wake_up.ts";
import { noteOutbox, type Outbox, type OutboxOptions } from "./types.ts";
import { Worker } from "./worker.ts";

/** Creates an outbox over a store, which it does not close. */
export function createOutbox(store: Store, options: OutboxOptions = {}): Outbox {
  return createOutboxIn(systemClock, store, options);
}

/** Creates an outbox with a clock, for tests. */
export function createOutboxIn(clock: Clock, store: Store, options: OutboxOptions = {}): Outbox {
  const { prefix, head, eventLog, disableAfter } = readOptions(store, options);
  const retention = lifetimes(head);
  const client = new StoreClient(store, new Keys(prefix), clock, retention);
  const parts = createParts(client, { ...options, eventLog, disableAfter });
  const { worker, states, wakeUp } = parts;
  const outbox: Outbox = {
    ...publishing(parts, eventLog),
    ...running(parts),
    ...reading(parts),
    ...replaying(parts),
    // A change to a target signals the other processes.
    ...targetOperations({ ...parts, wake: () => wakeUp.call() }),
  };
  noteOutbox(outbox, {
    store,
    prefix,
    clock,
    keepAlive: () => worker.keepAlive(),
    refreshTargets() {
      states.refresh();
      wakeUp.call(); // one that was off may be on
    },
  });
  return outbox;
}

/** The inner parts of an outbox. */
type Parts = ReturnType<typeof createParts>;

/** The state that the steps of a delivery share. */
type Common = ReturnType<typeof createCommon>;

type PartOptions = Pick<OutboxOptions, "logger" | "onAttempt"> & {
  readonly eventLog: boolean;
  readonly disableAfter: number;
};

function createParts(client: StoreClient, options: PartOptions) {
  const common = createCommon(client, options);
  const { log, wakeUp } = common;
  const createReplay = (options: ReplayOptions): Replay =>
    new Replay(client, options, () => wakeUp.callAll());
  return {
    ...common,
    ...createWorker(common),
    createReplay,
    replays: new BackgroundReplayer({ client, log, createReplay }),
    health: new StoreHealth(client),
    version: new VersionCheck(client),
  };
}

function createCommon(client: StoreClient, options: PartOptions) {
  const { clock, retention, store } = client;
  const { logger, onAttempt, eventLog, disableAfter } = options;
  const shared = new SharedLogger(logger);
  const log = new ThrottledLogger(shared.logger, clock);
  const alerts = new DeliveryAlerts(shared.logger, clock, onAttempt);
  const wakeUp = new WakeUp(store.wake);
  const targets = new Targets(retention.head);
  const wake = (): void => wakeUp.callAll();
  const events = new SystemEvents({ clock, layout: client, eventLog, log, wake });
  const states = new TargetStates({
    client,
    targets,
    alerts,
    log,
    disableAfter,
    putDisabled: (builder, data, cause) => events.put(builder, "webhook.disabled", data, cause),
  });
  const flowControl = new FlowControl({
    clock,
    targets,
    checks: store.limits.checks,
    isBlocked: (registered) => states.isBlocked(registered),
  });
  return { client, shared, log, alerts, wakeUp, targets, events, states, flowControl };
}

/** Creates the steps of a delivery, from its lease to its outcome: claim, attempt, settle. */
function createWorker(
  common: Common,
): { readonly worker: Worker; readonly claimer: Claimer } {
  const { client, shared, alerts, events } = common;
  const claimer = new Claimer({
    ...common,
    async purge(target) {
      await purge(client, target);
      alerts.removed(target);
    },
  });
  const attempter = new Attempter({
    ...common,
    logger: shared.logger,
    telemetry: () => events.telemetry,
  });
  const settler = new Settler(common);
  const worker = new Worker({
    ...common,
    cleanup: new CountCleanup(common),
    steps: {
      claim: (options) => claimer.pass(options),
      jobOf: (lease, fresh) => attempter.jobOf(lease, fresh),
      attempt: (job, fresh, signal) => attempter.attempt(job, fresh, signal),
      settle: (job, outcome) => settler.settle(job, outcome),
    },
  });
  return { worker, claimer };
}

/** Stores events, alone or in a transaction of the caller. */
function publishing(
  { claimer, client, flowControl, health, targets, version, wakeUp, worker }: Parts,
  eventLog: boolean,
): Pick<Outbox, "publish" | "publishIn" | "records" | "checkStore"> {
  const { keys, retention, store: { limits } } = client;
  const prepare = { keys, retention, limits, targets, eventLog };
  const publisher = new PublishQueue({
    client,
    prepare,
    flowControl,
    health,
    take: (leases, versionstamp) => worker.takeStored(leases, versionstamp),
    wake: () => wakeUp.callAll(),
  });
  return {
    async publish(batch, options) {
      const snapshots = snapshotsOf(batch);
      await version.run();
      return await publisher.publish(snapshots, options);
    },
    async publishIn(tx, batch, options) {
      const snapshots = snapshotsOf(batch);
      const inside = client.within(tx);
      await version.runWithin(inside);
      return await publishIn(snapshots, options?.idempotencyKey, {
        client: inside,
        outside: client,
        prepare,
        expect: () => worker.expect(),
        committed(at) {
          claimer.committed(at);
          wakeUp.call(); // the commit has called the others
        },
      });
    },
    records: {
      ...hookRecords(client),
      event: async (id) => (await getEvent(client, id))?.event,
    },
    async checkStore() {
      await version.run();
      await health.check();
    },
  };
}

/** Registers targets, and starts and stops delivering to them. */
function running(
  { events, replays, shared, targets, version, wakeUp, worker }: Parts,
): Pick<Outbox, "register" | "connect" | "start" | "stop" | "drainOnce"> {
  return {
    register(target) {
      const registration = targets.register(target);
      wakeUp.call(); // something may be held for it
      return registration;
    },
    connect(host) {
      const connection = events.connect(host);
      shared.host = host.logger;
      worker.renew();
      const unregister = (): void => {
        connection.unregister();
        if (shared.host === host.logger) shared.host = undefined;
      };
      return { unregister };
    },
    start() {
      worker.start();
      replays.resume();
    },
    async stop() {
      await Promise.all([worker.stop(), replays.stop()]);
    },
    async drainOnce(options) {
      const subject = "Cannot drain outbox";
      checkKnown(subject, options, ["timeout"], { budgetMs: "timeout" });
      const timeout = readDuration(subject, "timeout", options.timeout, OR_INFINITE);
      if (timeout === undefined) throw new TypeError(`${subject}: 'timeout' is missing`);
      await version.run();
      return await worker.drainOnce(timeout);
    },
  };
}

/** Reads events and deliveries. */
function reading(
  { client, targets }: Parts,
): Pick<Outbox, "getEvent" | "listEvents" | "listDecisions" | "get" | "listDeliveries"> {
  return {
    getEvent: (id) => getEvent(client, id),
    listEvents: (options) => listEvents(client, options),
    listDecisions: (options) => listDecisions(client, options),
    get: (target, eventId) => getDelivery(client, target, eventId),
    listDeliveries: (options) => listDeliveries(client, targets.names, options),
  };
}

/** Delivers again. */
function replaying(
  { client, createReplay, replays, version, wakeUp }: Parts,
): Pick<Outbox, "retry" | "replay" | "replays"> {
  return {
    async retry(target, eventId) {
      await version.run();
      return await retryDelivery(client, target, eventId, () => wakeUp.callAll());
    },
    async replay(options) {
      await version.run();
      const { seen: _, ...result } = await createReplay(options).run();
      return result;
    },
    replays: {
      async start(filter) {
        await version.run();
        return await replays.start(filter);
      },
      get: (id) => replays.get(id),
      list: (options) => replays.list(options),
      cancel: (id) => replays.cancel(id),
    },
  };
}

/** Copies events, because a caller without hooks may change them while they are stored. */
function snapshotsOf(batch: readonly Publication[]): readonly Publication[] {
  return batch.map((one) => ({ ...one, event: snapshotOf(one.event, "Cannot publish") }));
}

function readOptions(store: Store, options: OutboxOptions) {
  const subject = "Cannot create outbox";
  checkKnown(subject, options, [
    "prefix",
    "retention",
    "eventLog",
    "disableAfter",
    "logger",
    "onAttempt",
  ]);
  checkFunctions(subject, options, [], ["onAttempt"]);
  const { prefix = "hooks", eventLog = true, logger } = options;
  const head = readDuration(subject, "retention", options.retention) ?? DEFAULT_RETENTION;
  const disableAfter = readDuration(subject, "disableAfter", options.disableAfter, OR_INFINITE) ??
    DEFAULT_DISABLE_AFTER;
  checkObject(subject, "a store", store);
  checkFunctions(`${subject} with this store`, store, ["get", "getMany", "list", "atomic"]);
  if (store.wake !== undefined) {
    checkFunctions(`${subject} with the 'wake' of this store`, store.wake, ["signal", "listen"]);
  }
  checkBoolean(subject, "eventLog", eventLog);
  checkLogger(subject, logger);
  if (typeof prefix !== "string" || !/^.{1,64}$/s.test(prefix) || !prefix.isWellFormed()) {
    throw invalidOption(subject, "prefix", prefix, "a string of 1 to 64 characters");
  }
  return { prefix, head, eventLog, disableAfter };
}
