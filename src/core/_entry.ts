import { isThenable, withTimeout } from "../internal/async.ts";
import type { DeliveryTarget, Webhook } from "./delivery.ts";
import { inside } from "./_waits.ts";
import { HookTimeoutError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import type { HandlerContext, Hook, InitContext, StorageAware } from "./hook.ts";
import type { RegistrationInfo } from "./registration.ts";
import type { Store, StoreAtomic, StoreEntry, StoreKey, StoreSelector } from "../store/mod.ts";

/** What an invocation answers when its filter refuses the event, or its only call was made. */
export const SKIPPED: unique symbol = Symbol("skipped");

/** One call of a handler. What a handler may do beside handling is composed around it, once. */
export type Invoke = (event: HookEvent, context: HandlerContext) => unknown;

/** What is registered with a lifecycle. */
export type Subject = (Hook | Webhook) & Partial<StorageAware>;

/** What the registry keeps of a registration. */
export type EntryOptions = {
  readonly info: RegistrationInfo;
  readonly priority?: number;
  readonly invoke: Invoke;
  readonly subject?: Subject;
  readonly target?: DeliveryTarget;
  /** Whether a target wants an event. */
  readonly accepts?: (event: HookEvent) => boolean;
  /** First parts of the keys of its part of the store; none: it has no part. */
  readonly scope?: readonly string[] | undefined;
};

/** One registration. */
export class Entry {
  readonly info: RegistrationInfo;
  readonly priority: number;
  readonly invoke: Invoke;
  readonly target: DeliveryTarget | undefined;
  readonly accepts: (event: HookEvent) => boolean;
  /** Whether the process itself sends, at its turn, and goes on: a webhook without a queue. */
  readonly sends: boolean;
  /** Whether it is still registered. */
  active = true;
  store: Store | undefined;
  readonly #subject: Subject | undefined;
  readonly #scope: readonly string[] | undefined;

  constructor(options: EntryOptions) {
    const { info } = options;
    this.info = Object.freeze({ ...info, events: Object.freeze([...info.events]) });
    this.priority = options.priority ?? 0;
    this.invoke = options.invoke;
    this.target = options.target;
    this.accepts = options.accepts ?? (() => true);
    this.sends = info.kind === "webhook" && options.target === undefined;
    this.#subject = options.subject;
    this.#scope = options.scope;
  }

  /** Whether there is anything to open, to close, or to give a store to. */
  get hasLifecycle(): boolean {
    return this.#subject !== undefined;
  }

  /** Gives it its part of a store. */
  setStorage(store: Store): void {
    if (this.#scope === undefined) return;
    this.store = scopedStore(store, this.#scope);
    const result: unknown = this.#subject?.setStorage?.(this.store);
    refusePromise("setStorage", result);
  }

  /** Opens the hook. */
  async open(context: InitContext, owner: object): Promise<void> {
    const { store } = this;
    const subject = this.#subject;
    if (!subject || !("init" in subject) || subject.init === undefined) return;
    const init = (): unknown => subject.init!(store ? { ...context, store } : context);
    await inside(owner, "init", init);
  }

  /** Closes the hook. */
  async close(owner: object): Promise<void> {
    const subject = this.#subject;
    if (subject?.close !== undefined) await inside(owner, "close", () => subject.close!());
  }
}

/** A handler that skips what a filter refuses. */
export function filtered(invoke: Invoke, filter: (event: HookEvent) => boolean): Invoke {
  return (event, context) => passes(filter, event) ? invoke(event, context) : SKIPPED;
}

/** What a filter says of an event. @throws {TypeError} when it has to be waited for */
export function passes(filter: (event: HookEvent) => boolean, event: HookEvent): boolean {
  const answer = filter(event);
  refusePromise("filter", answer);
  return answer;
}

/** A promise would pass for true, and nobody would hear of its rejection. */
function refusePromise(name: string, result: unknown): void {
  if (!isThenable(result)) return;
  result.then(undefined, () => {});
  throw new TypeError(`Cannot wait for '${name}' as it must not be async`);
}

/** A handler that is called once, though dispatches may overlap; `before` is called just before. */
export function onlyOnce(invoke: Invoke, before: () => void): Invoke {
  let called = false;
  return (event, context) => {
    if (called) return SKIPPED;
    called = true;
    before();
    return invoke(event, context);
  };
}

/** A handler whose call ends in time: its signal aborts, and the call counts as failed. */
export function limited(invoke: Invoke, name: string, timeout: number): Invoke {
  return (event, context) =>
    withTimeout(
      context.signal,
      timeout,
      () => new HookTimeoutError(name, timeout),
      (signal) => invoke(event, { ...context, signal }),
    );
}

/** The part of a store whose keys begin with a scope; inside, keys are without it. */
export function scopedStore(store: Store, scope: StoreKey): Store {
  const outer = (key: StoreKey): StoreKey => [...scope, ...key];
  const full = (key: StoreKey): StoreKey => {
    if (key.length === 0) throw new TypeError("Cannot use a key: it must have at least one part");
    return outer(key);
  };
  const inner = <E extends StoreEntry>(entry: E): E => ({
    ...entry,
    key: entry.key.slice(scope.length),
  });
  return Object.freeze<Store>({
    get: async <Value>(key: StoreKey) => inner(await store.get<Value>(full(key))),
    getMany: async (keys) => (await store.getMany(keys.map(full))).map(inner),
    set: async (key, value, options) => await store.set(full(key), value, options),
    delete: async (key) => await store.delete(full(key)),
    async *list<Value>(selector: StoreSelector, options?: { limit?: number; reverse?: boolean }) {
      for await (const entry of store.list<Value>(scopedSelector(selector, outer), options)) {
        yield inner(entry);
      }
    },
    atomic: () => scopedAtomic(store.atomic(), full),
    close() {}, // whoever opened the store closes it
    limits: store.limits,
  });
}

function scopedSelector(
  selector: StoreSelector,
  outer: (key: StoreKey) => StoreKey,
): StoreSelector {
  const parts = Object.entries(selector).map(([name, key]) => [name, key && outer(key)]);
  return Object.fromEntries(parts) as StoreSelector;
}

function scopedAtomic(atomic: StoreAtomic, full: (key: StoreKey) => StoreKey): StoreAtomic {
  const scoped: StoreAtomic = {
    check(...checks) {
      atomic.check(...checks.map((check) => ({ ...check, key: full(check.key) })));
      return scoped;
    },
    set: (key, value, options) => (atomic.set(full(key), value, options), scoped),
    delete: (key) => (atomic.delete(full(key)), scoped),
    sum: (key, value) => (atomic.sum(full(key), value), scoped),
    commit: () => atomic.commit(),
  };
  return scoped;
}
