import type { InFlight } from "./background_queue.ts";
import type { HandlerOutcome } from "./emitter.ts";
import type { HookLifecycle } from "./lifecycle.ts";
import type { Reporter } from "./reporter.ts";
import type { Entry, Invoke } from "./entry.ts";
import { isEventType, isExact, patternsFor } from "./event_rules.ts";
import { HookInitError } from "./errors.ts";
import type { HandlerContext } from "./hook.ts";
import type { Store } from "../store/mod.ts";

/** How many lists are cached. Event types also come from outside, so their number has no limit. */
const MAX_LISTS = 1000;

/** The dependencies that all dispatches of a registry share. */
type HandlerHost = {
  readonly reporter: Reporter;
  readonly inFlight: InFlight;
  readonly lifecycle: HookLifecycle;
  /** Returns the context of calls that no signal of a caller aborts and that no event caused. */
  contextOf(entry: Entry, type: string): HandlerContext;
};

/** The handlers, hooks and webhooks that receive a type. A list never changes: registrations make new ones. */
export type HandlerList = {
  readonly host: HandlerHost;
  /** In the order in which they are called. */
  readonly calls: readonly Entry[];
  /** By index, the functions that a plain dispatch calls. In separate arrays, because that loop is the hottest one. */
  readonly invokes: readonly Invoke[];
  /** By index, the context of calls that no signal of a caller aborts and that no event caused. */
  readonly contexts: readonly HandlerContext[];
  /** The outcomes when all calls succeed. */
  readonly successes: readonly HandlerOutcome[];
  /** The targets that the outbox delivers to. */
  readonly targets: readonly Entry[];
  /** Whether there are inline webhooks. */
  readonly hasSenders: boolean;
};

/** Registrations by pattern, and a cached list of handlers per event type. */
export class HandlerTable {
  readonly #byPattern = new Map<string, Set<Entry>>();
  readonly #order = new Map<Entry, number>();
  readonly #lists = new Map<string, HandlerList>();
  readonly #host: HandlerHost;
  #added = 0;
  #store: Store | undefined;

  constructor(host: HandlerHost, store: Store | undefined) {
    this.#host = host;
    this.#store = store;
  }

  /** All registrations, in order. */
  get entries(): Iterable<Entry> {
    return this.#order.keys();
  }

  /** Adds an entry, and passes it its slice of the store. @throws {HookInitError} when that fails */
  add(entry: Entry): void {
    if (this.#store) setStorage(entry, this.#store);
    this.#order.set(entry, this.#added++);
    for (const pattern of entry.info.events) {
      const entries = this.#byPattern.get(pattern);
      if (entries) entries.add(entry);
      else this.#byPattern.set(pattern, new Set([entry]));
      this.#invalidate(pattern);
    }
  }

  delete(entry: Entry): void {
    this.#order.delete(entry);
    for (const pattern of entry.info.events) {
      const entries = this.#byPattern.get(pattern);
      entries?.delete(entry);
      if (entries?.size === 0) this.#byPattern.delete(pattern);
      this.#invalidate(pattern);
    }
  }

  /**
   * Passes each entry its slice of a store, including entries added later.
   *
   * @throws {HookInitError} the first one, when some fail
   */
  setStorage(store: Store): void {
    this.#store = store;
    this.#lists.clear(); // the cached contexts have no store, or the previous one
    const errors: unknown[] = [];
    for (const entry of this.entries) {
      try {
        setStorage(entry, store);
      } catch (error) {
        errors.push(error);
      }
    }
    this.#lists.clear(); // a hook may have emitted meanwhile
    if (errors.length > 0) throw errors[0];
  }

  /** Returns the list of a valid event type. */
  listFor(type: string): HandlerList {
    return this.#lists.get(type) ?? this.#createList(type);
  }

  /** Returns the registrations that match a type, each once. */
  matching(type: string): Set<Entry> {
    const found = new Set<Entry>();
    for (const pattern of patternsFor(type)) {
      for (const entry of this.#byPattern.get(pattern) ?? []) found.add(entry);
    }
    return found;
  }

  #createList(type: string): HandlerList {
    const order = this.#order;
    const entries = [...this.matching(type)].sort((a, b) =>
      b.priority - a.priority || order.get(a)! - order.get(b)!
    );
    const calls = entries.filter((entry) => !entry.target);
    const list: HandlerList = {
      host: this.#host,
      calls,
      invokes: calls.map((entry) => entry.invoke),
      contexts: calls.map((entry) => this.#host.contextOf(entry, type)),
      successes: Object.freeze(
        calls.map((entry) => Object.freeze({ name: entry.info.name, ok: true })),
      ),
      targets: entries.filter((entry) => entry.target),
      hasSenders: calls.some((entry) => entry.isSender),
    };
    if (this.#lists.size >= MAX_LISTS) this.#lists.clear();
    if (isEventType(type)) this.#lists.set(type, list);
    return list;
  }

  #invalidate(pattern: string): void {
    if (isExact(pattern)) this.#lists.delete(pattern);
    else this.#lists.clear();
  }
}

function setStorage(entry: Entry, store: Store): void {
  try {
    entry.setStorage(store);
  } catch (error) {
    throw new HookInitError(entry.info.name, error);
  }
}
