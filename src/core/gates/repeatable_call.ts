import type { Clock } from "../../internal/clock.ts";
import type { HookEvent } from "../events.ts";
import type { GateList, GateTable, RegisteredGate } from "./gate.ts";
import { identityOf } from "./gate_identity.ts";

/** A call that may be repeated, and the gates that judge it, as they were when they were read. */
export type RepeatableCall = {
  /** The identity of the call: its session or, without one, its run, its data, and the gates. */
  readonly key: string;
  readonly gates: GateList;
  /** The registrations of the gates. */
  readonly judges: string;
  /** When they were read, in milliseconds. */
  readonly at: number;
};

/**
 * Reads the gates of calls, once for each: a decision counts for the gates that judged it. Registrations are numbered, so
 * that one isn't taken for a later one of the same name. No clock is involved, which may be set back.
 */
export class RepeatableCalls {
  readonly #table: GateTable;
  readonly #clock: Clock;
  readonly #numbers = new WeakMap<RegisteredGate, number>();
  #count = 0;

  constructor(table: GateTable, clock: Clock) {
    this.#table = table;
    this.#clock = clock;
  }

  /** Returns a call, with the gates that are registered now. */
  read({ type, sessionId, runId }: HookEvent, callId: string, digest: string): RepeatableCall {
    const gates = this.#table.gatesFor(type);
    const scope = sessionId ? ["session", sessionId] : ["run", runId ?? ""];
    return {
      key: JSON.stringify([type, ...scope, callId, digest, identityOf(gates)]),
      gates,
      judges: this.#registrationsOf(gates),
      at: this.#clock.now(),
    };
  }

  /** Returns whether the gates of a call are still registered, and no others. */
  isCurrent({ judges }: RepeatableCall, { type }: HookEvent): boolean {
    return this.#registrationsOf(this.#table.gatesFor(type)) === judges;
  }

  #registrationsOf({ all }: GateList): string {
    return all.map((gate) => this.#numberOf(gate)).join();
  }

  #numberOf(gate: RegisteredGate): number {
    const known = this.#numbers.get(gate);
    if (known !== undefined) return known;
    this.#numbers.set(gate, ++this.#count);
    return this.#count;
  }
}
