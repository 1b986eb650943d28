import {
  type Attempt,
  type DeliveryTarget,
  type HookEvent,
  scheduleRetry,
} from "../../src/core/mod.ts";
import type { Model } from "./model.ts";
import type { SimProcess } from "./process.ts";
import type { Simulation } from "./simulation.ts";

/**
 * How a receiver behaves. `timeout`: it accepts the request, and responds too late; `stuck`: so late that
 * the attempt outlives its lease, which a target must not do.
 */
export type Mood =
  | "ok"
  | "flaky"
  | "slow"
  | "timeout"
  | "stuck"
  | "down"
  | "final"
  | "disable"
  | "later"
  | "too late";

/** Retries of every simulated target: so many, then it is dead. */
export const RETRIES = 4;
/** Limits of an attempt, in milliseconds: one ends before `stop` aborts, one does not. */
const TIMEOUTS = { short: 3_000, long: 9_000 };

/** What receivers got, and what they were to get. */
export class Receivers {
  /** Attempts that began, by target and event id. */
  readonly sends = new Map<string, number>();
  /** Targets whose deliveries keep the order of their session. */
  readonly ordered: ReadonlySet<string>;
  /** Decides how a target responds at any moment. */
  mood: (target: string, id: string, attempt: number) => Mood = () => "ok";
  /** Attempts that failed, and those that were aborted. */
  readonly totals = { sends: 0, failed: 0, aborted: 0 };
  readonly #simulation: Simulation;
  readonly #model: Model;

  /** Requests in flight, by ordered target and session. */
  readonly #inFlight = new Map<string, Set<{ readonly id: string }>>();

  constructor(simulation: Simulation, model: Model, ordered: readonly string[]) {
    this.#simulation = simulation;
    this.#model = model;
    this.ordered = new Set(ordered);
  }

  /** A target as a process sees it. */
  target(process: SimProcess, name: string, concurrency = 4): DeliveryTarget {
    return {
      name,
      timeout: timeoutOf(name),
      concurrency,
      retry: scheduleRetry([500, 2_000, 8_000, 20_000].slice(0, RETRIES)),
      ...(this.ordered.has(name) ? { ordering: "session" as const } : {}),
      address: () => Promise.resolve(process.addressOf(name)),
      attempt: (event, context) => this.#attempt(process, name, event, context),
    };
  }

  async #attempt(
    process: SimProcess,
    name: string,
    event: HookEvent,
    context: { readonly attempt: number; readonly signal: AbortSignal },
  ): Promise<Attempt> {
    const { random } = this.#simulation;
    this.#note(process, name, event);
    const began = this.#simulation.now;
    const mood = this.mood(name, event.id, context.attempt);
    const end = (attempt: Omit<Attempt, "duration">): Attempt => {
      this.#simulation.log(() => `${process.name} sent ${name} ${event.id}: ${attempt.verdict}`);
      if (attempt.verdict !== "delivered") this.totals.failed++;
      this.#model.endpoints.ended(process, name, attempt);
      return { ...attempt, duration: this.#simulation.now - began };
    };
    const timeout = timeoutOf(name);
    const takes = mood === "slow"
      ? random.between(500, timeout - 100)
      : mood === "stuck"
      ? random.between(timeout, 45_000)
      : mood === "timeout"
      ? timeout
      : random.between(1, 80);
    const leave = this.#enter(name, event);
    this.#simulation.after(takes, leave);
    const aborted = await this.#wait(process, takes, context.signal);
    if (aborted) {
      leave();
      this.totals.aborted++;
      return end({ verdict: "retry", error: "aborted" });
    }
    switch (mood) {
      case "flaky":
        if (random.chance(0.5)) return end({ verdict: "retry", status: 500, error: "500" });
        break;
      case "timeout":
        return end({ verdict: "retry", error: "timed out" });
      case "down":
        return end({ verdict: "retry", error: "connection refused" });
      case "final":
        return end({ verdict: "final", status: 400, error: "400" });
      case "disable":
        return end({ verdict: "disable", status: 410, error: "410" });
      case "later":
        return end({ verdict: "retry", status: 429, error: "429", retryAfter: 5_000 });
      case "too late":
        return end({ verdict: "retry", status: 429, error: "429", retryAfter: 25 * 60_000 });
    }
    return end({ verdict: "delivered", status: 200 });
  }

  /** I4: one id, one content; and whether it may be sent now. */
  #note(process: SimProcess, name: string, event: HookEvent): void {
    const delivery = `${name} ${event.id}`;
    this.totals.sends++;
    this.sends.set(delivery, (this.sends.get(delivery) ?? 0) + 1);
    const expected = this.#model.published.get(event.id);
    if (expected !== textOf(event)) {
      this.#model.violate(`I4: ${delivery} is not what was published`);
    }
    this.#checkLease(process, delivery, timeoutOf(name));
    this.#model.endpoints.checkAttempt(process, name);
    const known = this.#model.known.get(delivery);
    if (known) this.#model.sessions.checkAttempt(known);
  }

  /** I7: a request of an ordered target begins; gives what ends it. */
  #enter(name: string, { id, sessionId }: HookEvent): () => void {
    if (!this.ordered.has(name) || sessionId === undefined) return () => {};
    const session = `${name} ${sessionId}`;
    const inFlight = this.#inFlight.get(session) ?? new Set();
    this.#inFlight.set(session, inFlight);
    const isPurged = (one: { readonly id: string }) =>
      this.#model.known.get(`${name} ${one.id}`)?.purged === true;
    const others = [...inFlight].filter((one) => !isPurged(one));
    const request = { id };
    if (others.length > 0 && !isPurged(request) && this.#simulation.clocksAgree) {
      this.#model.violate(`I7: ${session}: ${id} is sent while ${others[0]!.id} is`);
    }
    inFlight.add(request);
    return () => void inFlight.delete(request);
  }

  /** An attempt begins only when its lease lasts until it has ended, by the clock of who holds it. */
  #checkLease(process: SimProcess, delivery: string, timeout: number): void {
    for (const { due, by } of this.#model.placeOf(delivery)?.due.values() ?? []) {
      const ends = process.clock.now() + timeout;
      if (by === process && due.by !== "" && due.until < ends) {
        this.#model.violate(`claim: an attempt of ${delivery} can outlive its lease`);
      }
    }
  }

  /** Waits in a process; whether it was aborted before. */
  #wait(process: SimProcess, milliseconds: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = process.after(milliseconds, () => resolve(false));
      signal.addEventListener("abort", () => {
        cancel();
        resolve(true);
      }, { once: true });
    });
  }
}

function timeoutOf(name: string): number {
  return name === "c" || name === "slow" ? TIMEOUTS.long : TIMEOUTS.short;
}

/** What a receiver can know about an event. */
export function textOf({ id, type, timestamp, sessionId, data }: HookEvent): string {
  return JSON.stringify([id, type, timestamp.toISOString(), sessionId, data]);
}
