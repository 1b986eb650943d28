import { DAY } from "../../internal/clock.ts";
import { sha256Hex } from "../../internal/crypto.ts";
import { createEventId } from "../../internal/uuid.ts";
import type { QueueRecord, RecordWrite } from "../delivery.ts";
import type { HookEvent } from "../events.ts";
import { RECORD_VERSION } from "./ask_records.ts";
import type { Asking } from "./asking.ts";
import type { Decision } from "./decision.ts";
import type { GateTable } from "./gate.ts";
import { recordedGates } from "./gate_events.ts";
import type { GateHost } from "./gate_host.ts";
import type { RepeatableCall } from "./repeatable_call.ts";
import { withData } from "./rewrite.ts";

/**
 * How long a decision is kept in the store for a call that is repeated, in milliseconds: a day. Agents that
 * resume after a restart do so within minutes, and decisions must not outlive the policy for long.
 */
const LIFETIME = DAY;

/** The longest text for the model that is kept, in characters: a record is read before each decision. */
const MAX_CONTEXT = 4_000;

/** A decision in the store. The rest of it is in its events, which obey `redact`. */
type DecisionRecord = {
  readonly v: number;
  readonly decision: Decision["decision"];
  readonly id: string;
  readonly digest: string;
  /** When the gates that made it were read, in milliseconds. */
  readonly at: number;
  /** The registry that made it, and which of its registrations. Absent in records of earlier versions. */
  readonly registry?: string | undefined;
  readonly judges?: string | undefined;
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
  readonly call: RepeatableCall;
  readonly key: readonly string[];
  readonly record: DecisionRecord | undefined;
  readonly versionstamp: string | null;
};

/** Decisions in the store, which the same call gets again: after a restart, or in another process. */
export class StoredDecisions {
  readonly #host: GateHost;
  readonly #table: GateTable;
  /** Identifies this registry in records. */
  readonly #registry: string = createEventId();

  constructor(host: GateHost, table: GateTable) {
    this.#host = host;
    this.#table = table;
  }

  /** Reads a decision from the store, unless other gates made it. */
  async read(call: RepeatableCall): Promise<Slot> {
    const name = await storeKey(call.key);
    const [entry] = await this.#host.records!.get([name]);
    const { value, versionstamp } = entry!;
    const record = value as DecisionRecord | null;
    const isKnown = record?.v === RECORD_VERSION && this.#isMadeBy(call, record);
    return { call, key: name, versionstamp, record: isKnown ? record : undefined };
  }

  /**
   * Returns whether the gates of a call made a decision. Those of another registry are known by their names alone: their
   * decisions count unless a gate was removed here since.
   */
  #isMadeBy({ judges }: RepeatableCall, record: DecisionRecord): boolean {
    return record.registry === this.#registry
      ? record.judges === judges
      : record.at > this.#table.removedAt;
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
    { call, key, versionstamp }: Slot,
    made: Decision,
    more: Pick<DecisionRecord, "decided" | "event" | "ask">,
  ): RecordWrite {
    const { decision, id, digest, context = "", interrupt } = made;
    const now = this.#host.clock.now();
    // An ask is found for as long as someone can respond.
    const left = made.decision === "ask" ? made.expiresAt.getTime() - now : 0;
    const hasContext = context !== "" && context.length <= MAX_CONTEXT &&
      !this.#host.digester.isSalted;
    const value: DecisionRecord = {
      v: RECORD_VERSION,
      decision,
      id,
      digest: digest!,
      at: call.at,
      registry: this.#registry,
      judges: call.judges,
      ...more,
      ...(hasContext && { context }),
      ...(interrupt && { interrupt }),
    };
    return { key, value, versionstamp, lifetime: Math.max(LIFETIME, left) };
  }

  /** Removes a decision from the store. Returns whether this call did. */
  async remove(key: string, id: string): Promise<boolean> {
    const name = await storeKey(key);
    const [{ value, versionstamp }] = await this.#host.records!.get([name]) as [QueueRecord];
    const isSame = (value as DecisionRecord | null)?.id === id;
    return isSame && await this.#host.records!.put({ key: name, value: null, versionstamp });
  }
}

async function storeKey(key: string): Promise<readonly string[]> {
  return ["decision", await sha256Hex(key)];
}
