import { isEventId } from "../core/event_rules.ts";
import { deadline } from "../internal/async.ts";
import { MINUTE } from "../internal/clock.ts";
import { checkKnown, readCount } from "../internal/options.ts";
import { createEventId } from "../internal/uuid.ts";
import type { StoreEntry } from "../store/mod.ts";
import { CommitBuilder } from "./commit.ts";
import { putRecord } from "./put_publication.ts";
import { OutboxUnavailableError, ReplayLimitError } from "./errors.ts";
import { MAX_REPLAY_PAGE_SIZE, MAX_REPLAYS, REPLAY_LIFETIME, REPLAY_PAGE_SIZE } from "./limits.ts";
import type { ThrottledLogger } from "./logging.ts";
import type {
  BackgroundReplay,
  BackgroundReplays,
  ReplayFilter,
  ReplayOptions,
  ReplayResult,
} from "./operation_types.ts";
import { VERSION } from "./records.ts";
import { rangeBelow, type ReadOptions, type StoreClient } from "./store_client.ts";

/** How long a slice replays, in milliseconds: progress is stored after each, and cancellation seen. */
const SLICE = 500;
/** How long counting may take, in milliseconds, within a lease. Beyond that, no total is known. */
const COUNT_TIME = 15_000;
/** How long a process owns a replay without a sign of life, in milliseconds: longer than a slice and its commits. */
const LEASE = 45_000;
/** How often a process that saw no replay running checks again, in milliseconds: each check reads the store. */
const IDLE = 5 * MINUTE;
/** How long stopping waits for the store, in milliseconds. After that, the lease has to end. */
const STOP_TIME = 5_000;

/** A replay as it is stored. Times are in milliseconds since 1970. */
type ReplayRecord = {
  readonly v: number;
  readonly status: BackgroundReplay["status"];
  readonly filter: {
    readonly target?: string | undefined;
    readonly state: "dead" | "delivered";
    readonly type?: string | undefined;
    readonly since?: number | undefined;
    readonly until?: number | undefined;
  };
  readonly cursor?: string | undefined;
  readonly total?: number | undefined;
  readonly seen: number;
  readonly replayed: number;
  readonly refused: number;
  readonly at: number;
  readonly ended?: number | undefined;
  /** Which process owns it, and until when; 0: none. */
  readonly by: string;
  readonly lease: number;
};

/** A replay that was read. */
type Found = { readonly id: string; readonly record: ReplayRecord; readonly versionstamp: string };

/** Dependencies of `BackgroundReplayer`. */
type BackgroundOptions = {
  readonly client: StoreClient;
  readonly log: ThrottledLogger;
  /** Checks a filter of deliveries to replay. @throws {TypeError | RangeError} */
  readonly createReplay: (options: ReplayOptions) => {
    count(): Promise<number | undefined>;
    run(): Promise<ReplayResult & { readonly seen: number }>;
  };
};

/** The replays of an outbox in the background: those that run in this process, and those of the store. */
export class BackgroundReplayer implements BackgroundReplays {
  readonly #client: StoreClient;
  readonly #log: ThrottledLogger;
  readonly #createReplay: BackgroundOptions["createReplay"];
  readonly #running = new Map<string, Promise<void>>();
  #resuming: Promise<void> = Promise.resolve();
  #isStopped = false;
  #cancelTimer = (): void => {};

  constructor({ client, log, createReplay }: BackgroundOptions) {
    this.#client = client;
    this.#log = log;
    this.#createReplay = createReplay;
  }

  async start(filter: ReplayFilter = {}): Promise<BackgroundReplay> {
    const subject = "Cannot start replay";
    checkKnown(subject, filter, ["target", "state", "type", "since", "until"]);
    const { target, state = "dead", type, since, until } = filter;
    this.#createReplay({ ...filter, timeout: Infinity }); // checks the filter
    const { keys, clock } = this.#client;
    const running = rangeBelow(keys.record("replaying"));
    if ((await this.#client.list(running, { limit: MAX_REPLAYS })).length >= MAX_REPLAYS) {
      throw new ReplayLimitError(MAX_REPLAYS);
    }
    const id = createEventId();
    const at = clock.now();
    const record: ReplayRecord = {
      v: VERSION,
      status: "running",
      filter: { target, state, type, since: since?.getTime(), until: until?.getTime() },
      seen: 0,
      replayed: 0,
      refused: 0,
      at,
      by: crypto.randomUUID(),
      lease: at + LEASE,
    };
    if (!await this.#claim(id, record, null)) {
      throw new OutboxUnavailableError("unknown", undefined, "replay");
    }
    this.#run(id, record);
    return toReplay(id, record);
  }

  async get(id: string): Promise<BackgroundReplay | undefined> {
    const found = await this.#read(id);
    if (found === undefined) return undefined;
    await this.#adopt(found);
    return toReplay(id, found.record);
  }

  async list(options: { readonly limit?: number | undefined } = {}) {
    const subject = "Cannot list replays";
    checkKnown(subject, options, ["limit"]);
    const { limit = REPLAY_PAGE_SIZE } = options;
    readCount(subject, "limit", limit, { max: MAX_REPLAY_PAGE_SIZE });
    const range = rangeBelow(this.#client.keys.record("replay"));
    const entries = await this.#client.list(range, { limit, reverse: true });
    const found = entries.flatMap((entry) => readRecord(entry) ?? []);
    for (const one of found) await this.#adopt(one);
    return found.map(({ id, record }) => toReplay(id, record));
  }

  async cancel(id: string): Promise<BackgroundReplay | undefined> {
    for (;;) {
      const found = await this.#read(id);
      if (found === undefined) return undefined;
      if (found.record.status !== "running") return toReplay(id, found.record);
      const ended = this.#client.clock.now();
      const record: ReplayRecord = { ...found.record, status: "canceled", ended };
      if (await this.#write(id, record, found.versionstamp)) return toReplay(id, record);
    }
  }

  /** Continues replays whose process is gone: now, when leases end, and when others may have started one. */
  resume(): void {
    this.#isStopped = false;
    this.#resuming = this.#resume();
  }

  /** Continues a replay. Never rejects. */
  async #resume(): Promise<void> {
    this.#cancelTimer();
    let wait = LEASE;
    try {
      const range = rangeBelow(this.#client.keys.record("replaying"));
      const running = await this.#client.list(range, { limit: MAX_REPLAYS });
      for (const { key } of running) {
        const found = await this.#read(String(key.at(-1)));
        if (found !== undefined) await this.#adopt(found);
      }
      if (running.length === 0) wait = IDLE;
    } catch (error) {
      if (!this.#isStopped) this.#log.warn("The outbox could not read its replays", error);
    }
    if (!this.#isStopped) this.#resumeAfter(wait);
  }

  /** Checks again after some milliseconds. Uses one timer at most, so that checks don't run in parallel. */
  #resumeAfter(milliseconds: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#client.clock.setTimer(milliseconds, () => this.resume(), true);
  }

  /** Stops the replays of this process, for another one to continue. Doesn't wait long for the store. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer();
    const stopped = Promise.all([this.#resuming, ...this.#running.values()]);
    const { clock } = this.#client;
    await deadline(stopped, STOP_TIME, { clock, error: () => undefined }).catch(() => {});
  }

  /** Takes a replay whose process is gone. */
  async #adopt({ id, record, versionstamp }: Found): Promise<void> {
    const now = this.#client.clock.now();
    if (record.status !== "running" || record.lease > now || this.#running.has(id)) return;
    if (this.#isStopped) return;
    const mine = { ...record, by: crypto.randomUUID(), lease: now + LEASE };
    if (await this.#claim(id, mine, versionstamp)) this.#run(id, mine);
  }

  #run(id: string, record: ReplayRecord): void {
    if (this.#isStopped || this.#running.has(id)) return;
    const run = this.#replay(id, record).catch((error) => {
      if (this.#isStopped) return;
      this.#log.warn("A replay was interrupted, and continues when the store responds", error);
      this.#resumeAfter(LEASE);
    }).finally(() => this.#running.delete(id));
    this.#running.set(id, run);
  }

  /** Replays slice after slice until the end, until it is canceled, or until this process stops. */
  async #replay(id: string, own: ReplayRecord): Promise<void> {
    let record = own;
    const filter = filterOf(record);
    if (record.total === undefined) {
      const total = await this.#createReplay({ ...filter, timeout: COUNT_TIME }).count();
      record = { ...record, total: total ?? -1 };
      if (!await this.#save(id, record)) return;
    }
    while (!this.#isStopped) {
      const { cursor } = record;
      const slice = this.#createReplay({ ...filter, timeout: SLICE, cursor });
      const { replayed, refused, seen, cursor: next } = await slice.run();
      record = {
        ...record,
        cursor: next,
        seen: record.seen + seen,
        replayed: record.replayed + replayed,
        refused: record.refused + refused,
        ...(next === undefined && { status: "done", ended: this.#client.clock.now() }),
      };
      if (!await this.#save(id, record) || next === undefined) return;
    }
    await this.#save(id, record, 0);
  }

  /**
   * Stores the progress of a replay, and extends its lease. Resolves to false when this process no longer
   * owns it. A canceled one still gets the counts of the slice during which it was canceled.
   */
  async #save(id: string, record: ReplayRecord, lease = LEASE): Promise<boolean> {
    for (;;) {
      const found = await this.#read(id);
      if (found === undefined || found.record.by !== record.by) return false;
      const { status, ended } = found.record;
      const isOver = status !== "running";
      const next: ReplayRecord = {
        ...record,
        lease: this.#client.clock.now() + lease,
        ...(isOver && { status, ended }),
      };
      if (await this.#write(id, next, found.versionstamp)) return !isOver;
    }
  }

  async #read(id: string, options?: ReadOptions): Promise<Found | undefined> {
    if (!isEventId(id)) return undefined;
    const [entry] = await this.#client.get([this.#client.keys.record("replay", id)], options);
    return readRecord(entry!);
  }

  /**
   * Writes a replay with a new owner. Resolves to whether that owns it: also when the response was lost, and
   * the same commit, sent again, finds what it has written.
   */
  async #claim(id: string, record: ReplayRecord, versionstamp: string | null): Promise<boolean> {
    if (await this.#write(id, record, versionstamp)) return true;
    return (await this.#read(id, { stored: "unknown" }))?.record.by === record.by;
  }

  /** Writes a replay that was read, and whether it runs. Resolves to false if it was changed meanwhile. */
  async #write(id: string, record: ReplayRecord, versionstamp: string | null): Promise<boolean> {
    const isRunning = record.status === "running";
    const builder = new CommitBuilder();
    const replay = {
      key: ["replay", id],
      value: record,
      versionstamp,
      lifetime: REPLAY_LIFETIME,
    } as const;
    putRecord(builder, replay, this.#client);
    const value = isRunning ? { v: VERSION } : null;
    putRecord(builder, { key: ["replaying", id], value, lifetime: REPLAY_LIFETIME }, this.#client);
    return await this.#client.write(builder, "replay");
  }
}

/** Reads a record; undefined when this version can't. */
function readRecord({ key, value, versionstamp }: StoreEntry): Found | undefined {
  const record = value as ReplayRecord | null;
  if (record === null || versionstamp === null || record.v !== VERSION) return undefined;
  return { id: String(key.at(-1)), record, versionstamp };
}

function toReplay(id: string, record: ReplayRecord): BackgroundReplay {
  const { status, total, seen, replayed, refused, at, ended } = record;
  return {
    id,
    filter: filterOf(record),
    status,
    // What fails again while a replay runs is looked at once more.
    ...(total !== undefined && total >= 0 && { total: Math.max(total, seen) }),
    seen,
    replayed,
    refused,
    startedAt: new Date(at),
    ...(ended !== undefined && { endedAt: new Date(ended) }),
  };
}

function filterOf({ filter }: ReplayRecord): BackgroundReplay["filter"] {
  const { state, target, type, since, until } = filter;
  return {
    state,
    ...(target !== undefined && { target }),
    ...(type !== undefined && { type }),
    ...(since !== undefined && { since: new Date(since) }),
    ...(until !== undefined && { until: new Date(until) }),
  };
}
