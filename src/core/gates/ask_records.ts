import { abortable } from "../../internal/async.ts";
import { type Clock, HOUR } from "../../internal/clock.ts";
import { createEventId } from "../../internal/uuid.ts";
import type { Reporter } from "../reporter.ts";
import type { QueueRecord, QueueRecords, RecordWrite } from "../delivery.ts";
import type { GateHost } from "./gate_host.ts";
import type { AskChoice } from "./verdict.ts";

/** The version of records. Those of a newer version are left alone. */
export const RECORD_VERSION = 1;

/** How often the store is polled for responses, in milliseconds: people take longer. */
const POLL_INTERVAL = 1_000;

/** How much each ask adds to that, in milliseconds: a thousand asks are read in ten seconds. */
const POLL_SHARE = 10;

/**
 * How long an ask that has expired remains in the list of those that wait, hidden: an hour. The clock of this process
 * may be ahead, and what it removed would be missing from the list of all others.
 */
const LIST_MARGIN = HOUR;

/** The result of an ask, once its decision was recorded. */
export type FinalRecord = {
  readonly decision: "allow" | "deny";
  /** The decision about the ask or, after an edit, about the edited data. */
  readonly id: string;
  readonly digest: string;
  readonly reason?: string | undefined;
  /** The event that was stored with it. */
  readonly event?: string | undefined;
};

/** An ask as it is stored. What was asked is in its event, `gate.asked`. */
export type AskRecord = {
  readonly v: number;
  /** The event that asks. */
  readonly event: string;
  /** The record of the decision to ask. Absent in records of earlier versions. */
  readonly decided?: string | undefined;
  readonly decision: string;
  readonly digest: string;
  /** Identifies the gates that judged: an edit is checked where all of them are registered. */
  readonly gates: string;
  /** When it expires, in milliseconds. */
  readonly expires: number;
  readonly allow: readonly AskChoice[];
  /** The gates that ask. Absent in records of earlier versions. */
  readonly askers?: readonly string[] | undefined;
  /** Whether `redact` changed the data: if so, the stored data isn't what would run. */
  readonly masked: boolean;
  /** How it was resolved. */
  readonly state: "pending" | AskChoice | "expired";
  readonly by?: string | undefined;
  /** When it was resolved, in milliseconds. */
  readonly at?: number | undefined;
  /** The event that resolved it, with the note and the edited data. */
  readonly resolved?: string | undefined;
  /** The digest of the edited data. */
  readonly edited?: string | undefined;
  readonly final?: FinalRecord | undefined;
  /** The execution that used the approval: there is at most one. */
  readonly used?: string | undefined;
};

/** An ask, and its versionstamp. */
export type ReadAsk = {
  readonly id: string;
  readonly record: AskRecord;
  readonly versionstamp: string;
};

type AskHost = Pick<GateHost, "clock" | "records" | "reporter" | "run">;

/** Reads asks, and watches them until they are resolved. */
export class AskRecords {
  readonly #host: AskHost;
  readonly #records: QueueRecords;
  readonly #clock: Clock;
  readonly #reporter: Reporter;
  readonly #watched = new Map<string, Set<() => void>>();
  #cancelPoll: (() => void) | undefined;

  constructor(host: AskHost) {
    this.#host = host;
    this.#records = host.records!;
    this.#clock = host.clock;
    this.#reporter = host.reporter;
  }

  /** Returns the record of a new ask. */
  create(id: string, record: AskRecord): readonly RecordWrite[] {
    return [
      { key: ["ask", id], value: record, versionstamp: null },
      { key: ["asking", id], value: { v: RECORD_VERSION } },
    ];
  }

  /** Returns the record that changes an ask that was read. */
  change({ id, versionstamp }: ReadAsk, record: AskRecord): readonly RecordWrite[] {
    const change = { key: ["ask", id], value: record, versionstamp };
    return record.state === "pending" ? [change] : [change, { key: ["asking", id], value: null }];
  }

  /** Reads an ask; undefined when there is none that this version can read. */
  async read(id: string): Promise<ReadAsk | undefined> {
    const [entry] = await this.#records.get([["ask", id]]);
    return readAsk(entry!);
  }

  /** Uses up an approval. Returns whether this call did so: false if it was used before. */
  async use(id: string): Promise<boolean> {
    const used = createEventId();
    for (;;) {
      const ask = await this.read(id);
      if (ask === undefined) return false;
      // A write whose response was lost has failed the second time, because it had been applied the first time.
      if (ask.record.used !== undefined) return ask.record.used === used;
      const [change] = this.change(ask, { ...ask.record, used });
      if (await this.#records.put(change!)) return true;
    }
  }

  /** Lists asks, newest first: those that wait for a response, or all. */
  async list(
    isPending: boolean,
    options: { readonly limit: number; readonly before: string | undefined },
  ): Promise<{ readonly asks: readonly ReadAsk[]; readonly last: string | undefined }> {
    const index = await this.#records.list([isPending ? "asking" : "ask"], options);
    const last = index.length < options.limit ? undefined : index.at(-1)!.key.at(-1)!;
    const ids = index.map(({ key }) => key.at(-1)!);
    const entries = isPending ? await this.#records.get(ids.map((id) => ["ask", id])) : index;
    const asks = entries.flatMap((entry) => readAsk(entry) ?? []);
    if (!isPending) return { asks, last };
    const over = this.#clock.now() - LIST_MARGIN;
    for (const { id, record: { state, expires } } of asks) {
      if (state === "pending" && expires > over) continue;
      await this.#records.put({ key: ["asking", id], value: null });
    }
    return { asks: asks.filter(this.isPending), last };
  }

  /** Whether someone can still respond. */
  readonly isPending = ({ record: { state, expires } }: ReadAsk): boolean =>
    state === "pending" && this.#clock.now() < expires;

  /**
   * Resolves when an ask is resolved, here or in another process, when it expires, or when it is gone. While
   * the store doesn't respond, it may be resolved for all that is known.
   */
  async ended(id: string, expires: number, signal: AbortSignal): Promise<void> {
    try {
      const ask = await this.read(id);
      if (ask === undefined || !this.isPending(ask)) return;
    } catch (error) {
      this.#reporter.failed("Cannot read asks", error);
    }
    const left = expires - this.#clock.now();
    let end!: () => void;
    const ended = new Promise<void>((resolve) => end = resolve);
    const unwatch = this.#watch(id, end);
    const cancel = this.#clock.setTimer(left, end);
    try {
      await abortable(ended, signal);
    } finally {
      unwatch();
      cancel();
    }
  }

  /** Waits as long as between two reads of the store. */
  pause(signal: AbortSignal): Promise<void> {
    let cancel!: () => void;
    const passed = new Promise<void>((resolve) => {
      cancel = this.#clock.setTimer(POLL_INTERVAL, resolve);
    });
    return abortable(passed, signal).finally(cancel);
  }

  /** Notifies those who wait in this process that an ask was resolved. */
  notify(id: string): void {
    for (const callback of [...this.#watched.get(id) ?? []]) callback();
  }

  #watch(id: string, callback: () => void): () => void {
    const callbacks = this.#watched.get(id) ?? new Set();
    this.#watched.set(id, callbacks.add(callback));
    this.#cancelPoll ??= this.#schedule();
    return () => {
      callbacks.delete(callback);
      if (callbacks.size > 0) return;
      this.#watched.delete(id);
      if (this.#watched.size > 0) return;
      this.#cancelPoll?.();
      this.#cancelPoll = undefined;
    };
  }

  #schedule(): () => void {
    const wait = Math.max(POLL_INTERVAL, this.#watched.size * POLL_SHARE);
    return this.#clock.setTimer(wait, () => void this.#host.run(() => this.#poll()));
  }

  /** Reads all asks that someone waits for. Never rejects: they wait until the store responds. */
  async #poll(): Promise<void> {
    this.#cancelPoll = undefined;
    const ids = [...this.#watched.keys()];
    try {
      const entries = await this.#records.get(ids.map((id) => ["ask", id]));
      for (const [index, entry] of entries.entries()) {
        const ask = readAsk(entry);
        if (ask === undefined || !this.isPending(ask)) this.notify(ids[index]!);
      }
    } catch (error) {
      this.#reporter.failed("Cannot read asks", error);
    }
    if (this.#watched.size > 0) this.#cancelPoll ??= this.#schedule();
  }
}

function readAsk({ key, value, versionstamp }: QueueRecord): ReadAsk | undefined {
  const record = value as AskRecord | null;
  if (record === null || versionstamp === null || record.v !== RECORD_VERSION) return undefined;
  return { id: key.at(-1)!, record, versionstamp };
}
