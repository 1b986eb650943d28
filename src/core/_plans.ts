import type { Entry, Invoke } from "./_entry.ts";
import { isEventType, isExact, patternsFor } from "./event_rules.ts";
import type { HandlerOutcome } from "./emitter.ts";
import type { HandlerContext } from "./hook.ts";

/** Types come from outside too: past this many, the plans are made anew. */
const MAX_PLANS = 1000;

/** One call that a dispatch makes. */
export type Call = {
  readonly entry: Entry;
  readonly invoke: Invoke;
  /** Whether it sends the event away: started in its turn, and waited for at the end. */
  readonly sends: boolean;
  /** The context of a plain dispatch: no signal of the caller's, not caused by another event. */
  readonly context: HandlerContext;
  readonly succeeded: HandlerOutcome;
};

/** Who hears a type: made once, and kept until registrations change. Never changed: it is a snapshot. */
export type Plan = {
  /** In the order in which they are called. */
  readonly calls: readonly Call[];
  /** The same in columns, for the loop that is run most. */
  readonly invokes: readonly Invoke[];
  readonly contexts: readonly HandlerContext[];
  /** The outcomes when nothing failed and nothing was skipped. */
  readonly succeeded: readonly HandlerOutcome[];
  /** Those that a queue delivers to. */
  readonly targets: readonly Entry[];
  /** Whether the process itself sends the event away. */
  readonly sends: boolean;
};

/** The registrations by pattern, and the plans made of them. */
export class Plans {
  readonly #byPattern = new Map<string, Set<Entry>>();
  readonly #order = new Map<Entry, number>();
  readonly #plans = new Map<string, Plan>();
  readonly #contextFor: (entry: Entry, type: string) => HandlerContext;
  #added = 0;

  constructor(contextFor: (entry: Entry, type: string) => HandlerContext) {
    this.#contextFor = contextFor;
  }

  /** All registrations, in order. */
  get entries(): Iterable<Entry> {
    return this.#order.keys();
  }

  add(entry: Entry): void {
    this.#order.set(entry, this.#added++);
    for (const pattern of entry.info.events) {
      const entries = this.#byPattern.get(pattern);
      if (entries) entries.add(entry);
      else this.#byPattern.set(pattern, new Set([entry]));
      this.#forget(pattern);
    }
  }

  delete(entry: Entry): void {
    this.#order.delete(entry);
    for (const pattern of entry.info.events) {
      const entries = this.#byPattern.get(pattern);
      entries?.delete(entry);
      if (entries?.size === 0) this.#byPattern.delete(pattern);
      this.#forget(pattern);
    }
  }

  /** Forgets every plan: the contexts in them are out of date. */
  clear(): void {
    this.#plans.clear();
  }

  /** Who hears a type; undefined when it can't be one. */
  for(type: string): Plan | undefined {
    return this.#plans.get(type) ?? (isEventType(type) ? this.#make(type) : undefined);
  }

  /** Those that hear a type, each once. */
  hearing(type: string): Set<Entry> {
    const found = new Set<Entry>();
    for (const pattern of patternsFor(type)) {
      for (const entry of this.#byPattern.get(pattern) ?? []) found.add(entry);
    }
    return found;
  }

  #make(type: string): Plan {
    const order = this.#order;
    const entries = [...this.hearing(type)].sort((a, b) =>
      b.priority - a.priority || order.get(a)! - order.get(b)!
    );
    const calls = entries.filter((entry) => !entry.target).map((entry): Call => ({
      entry,
      invoke: entry.invoke,
      sends: entry.sends,
      context: this.#contextFor(entry, type),
      succeeded: Object.freeze({ name: entry.info.name, ok: true }),
    }));
    const plan: Plan = {
      calls,
      invokes: calls.map((call) => call.invoke),
      contexts: calls.map((call) => call.context),
      succeeded: Object.freeze(calls.map((call) => call.succeeded)),
      targets: entries.filter((entry) => entry.target),
      sends: calls.some((call) => call.sends),
    };
    if (this.#plans.size >= MAX_PLANS) this.#plans.clear();
    this.#plans.set(type, plan);
    return plan;
  }

  #forget(pattern: string): void {
    if (isExact(pattern)) this.#plans.delete(pattern);
    else this.#plans.clear();
  }
}
