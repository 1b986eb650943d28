import type { StoreKey } from "../store/mod.ts";
import { CommitBuilder } from "./commit.ts";
import { FirstDueKeys } from "./first_due_keys.ts";
import type { DeliveryAlerts, ThrottledLogger } from "./logging.ts";
import { type DueRecord, readDue } from "./records.ts";
import type { StoreClient } from "./store_client.ts";
import type { TargetStates } from "./target_state.ts";
import type { FlowControl } from "./flow_control.ts";
import {
  type Lease,
  newLease,
  type Pass,
  type PassOptions,
  type RegisteredTarget,
  type Targets,
} from "./targets.ts";
import { BACKGROUND_TIMEOUT } from "./timeouts.ts";

/** Due keys of a target that are read at once. */
const PAGE = 128;
/** Dependencies of `Claimer`. */
type ClaimerOptions = {
  readonly client: StoreClient;
  readonly targets: Targets;
  readonly states: TargetStates;
  readonly flowControl: FlowControl;
  readonly alerts: DeliveryAlerts;
  readonly log: ThrottledLogger;
  /** Deletes what was stored for a target after it was removed. */
  readonly purge: (target: string) => Promise<void>;
};

type DueEntry = { readonly key: StoreKey; readonly versionstamp: string; readonly due: DueRecord };

/**
 * The due keys of a target, as they were read. Keys that aren't leased are kept, because a commit checks them
 * anyway.
 */
type Window = {
  readonly claimable: readonly DueEntry[];
  readonly next: number | undefined;
  readonly retry: number | undefined;
  /** Whether nothing else was due. */
  readonly isLast: boolean;
};

/** The result of one pass for one target. */
type Part = Partial<Omit<Pass, "left"> & { readonly left: boolean }>;

/** Finds due deliveries, target after target, and leases them. */
export class Claimer {
  readonly #options: ClaimerOptions;
  readonly #windows = new Map<string, Window>();
  readonly #firsts: FirstDueKeys;

  constructor(options: ClaimerOptions) {
    this.#options = options;
    this.#firsts = new FirstDueKeys({ ...options, windows: this.#windows });
  }

  /** A transaction that stored deliveries at a time is committed: no pass could see them before. */
  committed(at: number): void {
    this.#firsts.committed(at);
  }

  /** Makes one pass over all targets. */
  async pass(options: PassOptions): Promise<Pass> {
    const found: string[] = [];
    const left: string[] = [];
    let [claimed, owed] = [0, false];
    let next: number | undefined;
    let retry: number | undefined;
    // A drain reports that nothing is due: it looks at everything.
    const isDrain = options.longest !== Infinity;
    for await (const first of this.#firsts.find({ isWhole: isDrain })) {
      const name = String(first[2]);
      found.push(name);
      const part = await this.#claimFor(name, first, options);
      claimed += part.claimed ?? 0;
      owed ||= part.owed ?? false;
      if (part.left) left.push(name);
      next = earlier(next, part.next);
      retry = earlier(retry, part.retry);
    }
    for (const name of this.#windows.keys()) if (!found.includes(name)) this.#windows.delete(name);
    return { claimed, next, retry, left, owed };
  }

  /** Leases a target's due deliveries, if it receives any now. */
  async #claimFor(name: string, first: StoreKey, options: PassOptions): Promise<Part> {
    const earliest = Number(first[3]);
    const { client, client: { clock, retention }, targets, states, flowControl, alerts, purge } =
      this.#options;
    const registered = targets.get(name);
    if (registered === undefined) {
      this.#windows.delete(name);
      // A process that didn't know of its removal yet may have stored more for it.
      if (await client.isRemoved(name)) {
        await purge(name);
        return {};
      }
      alerts.unregistered(name, earliest);
      alerts.overdue(name, earliest, retention.head);
      return {};
    }
    if (registered.target.held !== undefined) {
      this.#windows.delete(name);
      flowControl.caughtUp(registered);
      alerts.overdue(name, earliest, retention.head);
      return {};
    }
    const soonest = Math.max(earliest, states.breaker.until(name));
    if (soonest > clock.now()) {
      flowControl.caughtUp(registered);
      return { next: soonest, retry: soonest, owed: earliest <= clock.now() };
    }
    const { state, record: { pausedUntil } } = await states.status(registered);
    if (state !== "on") {
      this.#windows.delete(name);
      flowControl.caughtUp(registered);
    }
    if (state === "paused") return { next: pausedUntil, retry: pausedUntil };
    if (state === "deleted") await purge(name);
    if (state === "off") alerts.overdue(name, earliest, retention.head);
    if (state !== "on") return {};
    if (registered.target.timeout > options.longest) return { left: true };
    return await this.#claimDue(registered, first, options);
  }

  /** Leases due deliveries of a target, as many as it takes at once: then it is another target's turn. */
  async #claimDue(
    registered: RegisteredTarget,
    first: StoreKey,
    { take, isWanted }: PassOptions,
  ): Promise<Part> {
    const { client: { clock, store }, flowControl } = this.#options;
    const { name, concurrency } = registered.target;
    // Once a window is used up, the next read starts over: something may be due before it by now.
    const start = this.#windows.has(name) ? undefined : first;
    let claimed = 0;
    while (isWanted()) {
      const kept = this.#windows.get(name);
      this.#windows.delete(name);
      const window = kept ?? await this.#read(name, start);
      const { claimable, next, retry, isLast } = window;
      if (claimable.length === 0) {
        flowControl.caughtUp(registered);
        return { claimed, next, retry };
      }
      const free = Math.min(
        flowControl.free(registered),
        store.limits.checks,
        concurrency - claimed,
      );
      if (free <= 0) {
        this.#windows.set(name, window);
        registered.hasDue = true;
        return { claimed, next, retry, left: true };
      }
      const leases = await this.#claim(registered, claimable.slice(0, free));
      leases.forEach(take);
      claimed += leases.length;
      // Another process leased them first: the window is out of date, and is read again later.
      if (leases.length === 0) {
        return { claimed, next: clock.now(), retry: clock.now(), owed: true };
      }
      const rest = claimable.slice(free);
      if (rest.length > 0) this.#windows.set(name, { ...window, claimable: rest });
      else if (isLast && kept === undefined) {
        flowControl.caughtUp(registered);
        return { claimed, next, retry };
      }
    }
    return { claimed, left: true };
  }

  /** Reads a target's due keys, from `start` if given, until some can be leased. */
  async #read(name: string, start?: StoreKey): Promise<Window> {
    const { client } = this.#options;
    let next: number | undefined;
    let retry: number | undefined;
    start ??= this.#firsts.startOf(name);
    for (;;) {
      const page = await client.list(client.keys.dueFrom(name, start), { limit: PAGE });
      const now = client.clock.now();
      const claimable: DueEntry[] = [];
      for (const { key, value, versionstamp } of page) {
        const due = readDue(value);
        if (key[2] !== name || partsOf(key) === undefined || due === "newer") continue;
        const at = Math.max(Number(key[3]), due.until);
        if (at <= now) claimable.push({ key, versionstamp: versionstamp!, due });
        else next = earlier(next, at);
        if (at > now && due.until <= now) retry = earlier(retry, at);
      }
      const last = page.at(-1);
      const isLast = page.length < PAGE || last!.key[2] !== name || Number(last!.key[3]) > now;
      if (claimable.length > 0 || isLast) return { claimable, next, retry, isLast };
      start = [...last!.key.slice(0, -1), `${last!.key.at(-1)}\0`];
    }
  }

  /** Leases due keys in one commit: all of them or none. */
  async #claim(
    registered: RegisteredTarget,
    entries: readonly DueEntry[],
  ): Promise<readonly Lease[]> {
    const { client, flowControl, log } = this.#options;
    const { name: target, timeout } = registered.target;
    const builder = new CommitBuilder();
    const leased = entries.map(({ key, versionstamp, due: { claims } }) => {
      const due = newLease(client.clock, timeout, claims + 1);
      const parts = partsOf(key)!;
      builder.check(key, versionstamp);
      // The due key of a session has no lifetime.
      builder.set(key, due, parts.session === undefined ? client.retention.rest : undefined);
      return { target, registered, key, at: Number(key[3]), due, ...parts };
    });
    flowControl.enter(registered, leased.length);
    const outcome = await client.commit(builder.commit, BACKGROUND_TIMEOUT).catch((error) => {
      flowControl.cancel(registered, leased.length);
      throw error;
    });
    if (outcome.ok !== true) {
      // A lease that only looks like this process's own is never adopted. If it is its own, it ends by
      // itself.
      flowControl.cancel(registered, leased.length);
      if (outcome.ok === "unknown") {
        log.warn("The outbox could not lease deliveries", outcome.cause);
      }
      return [];
    }
    flowControl.claimed(registered, leased.length);
    const { versionstamp } = outcome;
    return leased.map((lease) => ({ ...lease, versionstamp }));
  }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? a ?? b : Math.min(a, b);
}

/** Returns what a due key is about: prefix, "due", target, at, and an id, or "lane" and a session. */
function partsOf(key: StoreKey): Pick<Lease, "id" | "session"> | undefined {
  const [, , , , id, session, ...rest] = key;
  if (typeof id !== "string" || rest.length > 0) return undefined;
  if (session === undefined) return { id, session };
  return id === "lane" && typeof session === "string" ? { id: undefined, session } : undefined;
}
