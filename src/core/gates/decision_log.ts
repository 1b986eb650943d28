import { abortable, linkSignals } from "../../internal/async.ts";
import type { HookEvent } from "../events.ts";
import type { Decision } from "./decision.ts";
import type { GateTable } from "./gate.ts";
import { abortedEvent } from "./gate_events.ts";
import type { GateHost } from "./gate_host.ts";
import type { StoredDecisions } from "./stored_decisions.ts";

/** The most decisions in memory: enough for a call that an SDK repeats, and its neighbors. */
const MAX_REMEMBERED = 1_000;

/** Their total size, in characters of JSON: enough for calls with whole files. */
const MAX_SIZE = 16 * 1024 * 1024;

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

/** Remembers decisions: SDKs call again when they retry or resume, and the same call is not judged twice. */
export class DecisionLog {
  readonly #host: GateHost;
  readonly #table: GateTable;
  readonly #stored: StoredDecisions;
  readonly #remembered = new Map<string, Remembered>();
  /** Decisions that are or were remembered. */
  readonly #shared = new WeakMap<Decision, Shared>();
  readonly #used = new WeakSet<Decision>();
  #size = 0;
  /** The version of the table whose gates made these decisions. */
  #version: number;

  constructor(host: GateHost, table: GateTable, stored: StoredDecisions) {
    this.#host = host;
    this.#table = table;
    this.#stored = stored;
    this.#version = table.version;
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
    return await this.#stored.remove(shared.key, decision.id);
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
      if (isStored) await this.#stored.remove(key, id);
    };
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
}

function textSize({ gates, reason = "", context = "" }: Decision): number {
  const texts = gates.map((gate) => (gate.reason ?? "").length);
  return texts.reduce((sum, length) => sum + length, reason.length + context.length);
}

function sizeOf(data: unknown): number {
  return JSON.stringify(data)?.length ?? 0;
}
