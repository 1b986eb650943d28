import { abortable, linkSignals } from "../../internal/async.ts";
import { DAY } from "../../internal/clock.ts";
import { sha256Hex } from "../../internal/crypto.ts";
import type { QueueRecord, RecordWrite } from "../delivery.ts";
import { RECORD_VERSION } from "./ask_records.ts";
import type { HookEvent } from "../events.ts";
import type { Asking } from "./asking.ts";
import type { Decision } from "./decision.ts";
import { abortedEvent, recordedGates } from "./gate_events.ts";
import type { GateHost } from "./gate_host.ts";
import type { GateTable } from "./gate.ts";
import { withData } from "./rewrite.ts";

/** The most decisions in memory: enough for a call that an SDK repeats, and its neighbors. */
const MAX_REMEMBERED = 1_000;

/** Their total size, in characters of JSON: enough for calls with whole files. */
const MAX_SIZE = 16 * 1024 * 1024;

/**
 * How long a decision is kept in the store for a call that is repeated, in milliseconds: a day. Agents that
 * resume after a restart do so within minutes, and decisions must not outlive the policy for long.
 */
const LIFETIME = DAY;

/** The longest text for the model that is kept, in characters: a record is read before each decision. */
const MAX_CONTEXT = 4_000;

/** A decision, and whether the same call gets it again: in this process or, if it is stored, in another one. */
export type Recorded = {
  readonly decision: Decision;
  readonly isKept: boolean;
  readonly isStored?: boolean;
};

/** A decision that is made or being made, and its size. */
type Remembered = {
  readonly decision: Promise<Recorded>;
  size: number;
  /** How many other callers share it. */
  shares: number;
};

/** A decision that the same call may get again, in this process or, if it is stored, in another one. */
type Shared = {
  readonly key: string;
  readonly isStored: boolean;
  readonly entry: Remembered;
};

/** A decision in the store. The rest of it is in its events, which obey `redact`. */
type DecisionRecord = {
  readonly v: number;
  readonly decision: Decision["decision"];
  readonly id: string;
  readonly digest: string;
  /** When it was made, in milliseconds. */
  readonly at: number;
  /** The event `gate.decided`. */
  readonly decided: string;
  /** The event that happened. */
  readonly event?: string | undefined;
  readonly ask?: string | undefined;
  readonly context?: string | undefined;
  readonly interrupt?: boolean | undefined;
};

/** The key and the record of a decision about a call. */
export type Slot = {
  readonly key: readonly string[];
  readonly record: DecisionRecord | undefined;
  readonly versionstamp: string | null;
};

/** Remembers decisions: SDKs call again when they retry or resume, and the same call is not judged twice. */
export class DecisionLog {
  readonly #host: GateHost;
  readonly #table: GateTable;
  readonly #remembered = new Map<string, Remembered>();
  /** Decisions that are or were remembered. */
  readonly #shared = new WeakMap<Decision, Shared>();
  readonly #used = new WeakSet<Decision>();
  #size = 0;
  /** The version of the table whose gates made these decisions. */
  #version: number;

  constructor(host: GateHost, table: GateTable) {
    this.#host = host;
    this.#table = table;
    this.#version = table.version;
  }

  /** Returns the identity of a call: its session or, without one, its run, its data, and the gates that judge it. */
  keyOf({ type, sessionId, runId }: HookEvent, callId: string, digest: string): string {
    const scope = sessionId ? ["session", sessionId] : ["run", runId ?? ""];
    return JSON.stringify([type, ...scope, callId, digest, this.#table.nameOf(type)]);
  }

  /** Returns a decision of this process, unless the gates have changed since. */
  get(key: string): Remembered | undefined {
    const { version } = this.#table;
    if (version !== this.#version) {
      this.#remembered.clear();
      this.#size = 0;
    }
    this.#version = version;
    return this.#remembered.get(key);
  }

  /**
   * Waits for the decision of another caller. Returns undefined if it was cut short because that one aborted: then it
   * is forgotten, and has to be made again.
   *
   * @throws the reason of a signal
   */
  async share(
    known: Remembered,
    signals: readonly (AbortSignal | undefined)[],
  ): Promise<Decision | undefined> {
    const { decision, isKept } = await this.#sharedIn(known, signals);
    const isCut = !isKept && decision.gates.some(({ failure }) => failure === "aborted");
    return isCut && !this.#host.ending.aborted ? undefined : decision;
  }

  async #sharedIn(
    known: Remembered,
    signals: readonly (AbortSignal | undefined)[],
  ): Promise<Recorded> {
    const { decision } = known;
    const given = signals.filter((signal) => signal !== undefined);
    const limit = given.length > 0 ? linkSignals(...given) : undefined;
    known.shares++;
    try {
      return await (limit ? abortable(decision, limit.signal) : decision);
    } catch (error) {
      known.shares--;
      throw error;
    } finally {
      limit?.release();
    }
  }

  /** Uses up an allow that its caller didn't wait for, unless others got it, too, and records the end of the call. */
  async discard(decision: Decision, event: HookEvent, why: Error | undefined): Promise<void> {
    const { entry } = this.#shared.get(decision) ?? {};
    const { abandoned, publish } = this.#host;
    if (decision.decision !== "allow" || entry?.shares || abandoned.aborted) return;
    const ended = await this.use(decision) && abortedEvent(event, decision, why?.message);
    if (ended) await publish([ended]);
  }

  /** Keeps a decision, unless it has to be made again. `size` is that of the data, in characters. */
  remember(key: string, decision: Promise<Recorded>, { data }: HookEvent, size: number): void {
    const entry = { decision, size: key.length + size, shares: 0 };
    const earlier = this.#remembered.get(key);
    if (earlier !== undefined) this.#forget(key, earlier);
    this.#remembered.set(key, entry);
    this.#size += entry.size;
    this.#trim();
    // Cut short or not recorded: the next call tries again.
    const forget = (): void => this.#forget(key, entry);
    decision.then(({ isKept, isStored = false, decision: made }) => {
      this.#shared.set(made, { key, isStored, entry });
      if (!isKept) return forget();
      if (this.#remembered.get(key) !== entry) return;
      const more = textSize(made) + (made.data === data ? 0 : sizeOf(made.data));
      entry.size += more;
      this.#size += more;
      this.#trim();
    }, forget);
  }

  /**
   * Uses up a decision before the allowed execution begins: the same call is judged again after that. Returns
   * whether it was not stored before, in this process or another.
   */
  async use(decision: Decision): Promise<boolean> {
    const isFirst = !this.#used.has(decision);
    this.#used.add(decision);
    const shared = this.#shared.get(decision);
    if (shared !== undefined) this.#forget(shared.key, shared.entry);
    if (!isFirst || !shared?.isStored) return isFirst;
    return await this.#remove(shared.key, decision.id);
  }

  /**
   * Returns a function that uses up a decision later, such as when its tool has run. It doesn't keep the data of the
   * decision. Returns undefined if no call gets the decision again.
   */
  useLater(decision: Decision): (() => Promise<unknown>) | undefined {
    const { id } = decision;
    const { key, isStored } = this.#shared.get(decision) ?? {};
    if (key === undefined) return undefined;
    return async () => {
      const entry = this.#remembered.get(key);
      if (entry !== undefined) this.#forget(key, entry);
      if (isStored) await this.#remove(key, id);
    };
  }

  /** Removes a decision from the store. Returns whether this call did. */
  async #remove(key: string, id: string): Promise<boolean> {
    const name = await storeKey(key);
    const [{ value, versionstamp }] = await this.#host.records!.get([name]) as [QueueRecord];
    const isSame = (value as DecisionRecord | null)?.id === id;
    return isSame && await this.#host.records!.put({ key: name, value: null, versionstamp });
  }

  #forget(key: string, entry: Remembered): void {
    if (this.#remembered.get(key) !== entry) return;
    this.#remembered.delete(key);
    this.#size -= entry.size;
  }

  /** Forgets the oldest decisions, until the others fit. */
  #trim(): void {
    for (const [key, entry] of this.#remembered) {
      if (this.#remembered.size <= MAX_REMEMBERED && this.#size <= MAX_SIZE) return;
      this.#forget(key, entry);
    }
  }

  /** Reads a decision from the store, unless a gate was removed since. */
  async read(key: string): Promise<Slot> {
    const name = await storeKey(key);
    const [entry] = await this.#host.records!.get([name]);
    const { value, versionstamp } = entry!;
    const record = value as DecisionRecord | null;
    const isKnown = record?.v === RECORD_VERSION && record.at > this.#table.removedAt;
    return { key: name, versionstamp, record: isKnown ? record : undefined };
  }

  /** Returns a stored decision; undefined when it has to be made again. */
  async recall(
    { record }: Slot,
    event: HookEvent,
    digestIn: string,
    asking: Asking,
  ): Promise<Decision | undefined> {
    const records = this.#host.records!;
    if (record === undefined) return undefined;
    const { id, decision, digest, context, interrupt } = record;
    const [decided, stored] = await Promise.all(
      [record.decided, record.event].map((id) => id === undefined ? undefined : records.event(id)),
    );
    if (decided === undefined) return undefined;
    const { reason } = decided.data as Partial<Pick<Decision, "reason">>;
    const base = {
      id,
      digest,
      ...(reason !== undefined && { reason }),
      ...(context !== undefined && { context }),
      gates: recordedGates(decided),
      ...(interrupt && { interrupt }),
    };
    if (decision === "ask") {
      const same = digest === digestIn ? event : undefined;
      return await asking.resume(record.ask!, base, same);
    }
    if (decision === "deny") return { ...base, decision, data: event.data, digest: digestIn };
    if (digest === digestIn) return { ...base, decision, data: event.data };
    // The data of a rewrite, unless `redact` kept it out of the store.
    const { decision_id: _, ...data } = (stored?.data ?? {}) as Readonly<Record<string, unknown>>;
    const judged = withData(event, data);
    const isSame = await this.#host.digester.digestOf(judged.data) === digest;
    return isSame ? { ...base, decision, data: judged.data } : undefined;
  }

  /** Returns the write that stores no decision, if no other process has decided about the call meanwhile. */
  writeNone({ key, versionstamp }: Slot): RecordWrite {
    return { key, value: null, versionstamp };
  }

  /** Returns the record of a decision. If there is a `redact`, it omits texts that `redact` can't see. */
  write(
    { key, versionstamp }: Slot,
    made: Decision,
    more: Pick<DecisionRecord, "decided" | "event" | "ask">,
  ): RecordWrite {
    const { decision, id, digest, context = "", interrupt } = made;
    const at = this.#host.clock.now();
    // An ask is found for as long as someone can respond.
    const left = made.decision === "ask" ? made.expiresAt.getTime() - at : 0;
    const hasContext = context !== "" && context.length <= MAX_CONTEXT &&
      !this.#host.digester.isSalted;
    const value: DecisionRecord = {
      v: RECORD_VERSION,
      decision,
      id,
      digest: digest!,
      at,
      ...more,
      ...(hasContext && { context }),
      ...(interrupt && { interrupt }),
    };
    return { key, value, versionstamp, lifetime: Math.max(LIFETIME, left) };
  }
}

async function storeKey(key: string): Promise<readonly string[]> {
  return ["decision", await sha256Hex(key)];
}

function textSize({ gates, reason = "", context = "" }: Decision): number {
  const texts = gates.map((gate) => (gate.reason ?? "").length);
  return texts.reduce((sum, length) => sum + length, reason.length + context.length);
}

function sizeOf(data: unknown): number {
  return JSON.stringify(data)?.length ?? 0;
}
