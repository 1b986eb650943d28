import type { DeliveryTarget } from "../../../src/core/mod.ts";
import type {
  Store,
  StoreAtomic,
  StoreCheck,
  StoreCommit,
  StoreEntry,
  StoreKey,
  StoreListOptions,
  StoreSelector,
} from "../../../src/store/mod.ts";
import { createOutboxIn } from "../../../src/outbox/outbox.ts";
import type { OutboxOptions } from "../../../src/outbox/types.ts";
import type { MakeOutbox } from "../cluster.ts";
import { type Mutation, purposeOf } from "../faulty_store.ts";
import type { Purpose } from "../faults.ts";
import { loadMarked, type MarkerEdits } from "./markers.ts";

/**
 * A bug that is planted in the outbox. Most are planted from outside, in a store that changes what passes
 * through it: keys and records are a stored format, so no renaming breaks them. The rest edit the
 * statements below marker comments in copies of the sources.
 */
export type Mutant = {
  readonly bug: string;
  /** The rule or invariant that it breaks. */
  readonly breaks: string;
  /** Changes what one process sends to its store, or gets from it. Called once per process. */
  readonly store?: () => StoreBug;
  /** Changes a target as the outbox sees it. */
  readonly target?: (target: DeliveryTarget) => DeliveryTarget;
  /** Overrides options of the outbox. */
  readonly options?: Partial<OutboxOptions>;
  /** What is done to the statements below marker comments. */
  readonly markers?: MarkerEdits;
};

/** A commit as the outbox built it. */
export type Commit = {
  readonly checks: readonly StoreCheck[];
  readonly mutations: readonly Mutation[];
};

/** Sends a commit to the store. */
export type Send = (commit: Commit) => Promise<StoreCommit>;

/** Reads a range of the store. */
type List = (
  selector: StoreSelector,
  options?: StoreListOptions,
) => Promise<readonly StoreEntry[]>;

/** What a store with a bug does otherwise. */
export type StoreBug = {
  commit?(commit: Commit, send: Send, store: Store): Promise<StoreCommit>;
  getMany?(
    keys: readonly StoreKey[],
    read: () => Promise<readonly StoreEntry[]>,
    list: List,
  ): Promise<readonly StoreEntry[]>;
  list?(
    list: List,
    selector: StoreSelector,
    options?: StoreListOptions,
  ): Promise<readonly StoreEntry[]>;
};

/** Returns an outbox with a bug in it. */
export async function loadMutant(mutant: Mutant): Promise<MakeOutbox> {
  const { store: bug, target, options, markers } = mutant;
  if (!bug && !target && !options && !markers) throw new Error(`'${mutant.bug}' plants nothing`);
  const make = markers ? await loadMarked(markers) : createOutboxIn;
  return (env, store, given) => {
    const outbox = make(env, bug ? mutantStore(store, bug()) : store, { ...given, ...options });
    if (!target) return outbox;
    return { ...outbox, register: (one) => outbox.register(target(one)) };
  };
}

/** Returns a store with a bug in it. */
export function mutantStore(store: Store, bug: StoreBug): Store {
  const send: Send = ({ checks, mutations }) => {
    const atomic = store.atomic().check(...checks);
    for (const mutation of mutations) {
      if (mutation.what === "sum") atomic.sum(mutation.key, mutation.by);
      else if (mutation.what === "delete") atomic.delete(mutation.key);
      else {
        const { key, value, expireIn } = mutation;
        atomic.set(key, value, expireIn === undefined ? {} : { expireIn });
      }
    }
    return atomic.commit();
  };
  const list: List = async (selector, options) => {
    const entries: StoreEntry[] = [];
    for await (const entry of store.list(selector, options)) entries.push(entry);
    return entries;
  };
  const atomic = (): StoreAtomic => {
    const checks: StoreCheck[] = [];
    const mutations: Mutation[] = [];
    const self: StoreAtomic = {
      check(...more) {
        checks.push(...more);
        return self;
      },
      set(key, value, { expireIn } = {}) {
        mutations.push({ what: "set", key, value, expireIn });
        return self;
      },
      sum(key, by) {
        mutations.push({ what: "sum", key, by });
        return self;
      },
      delete(key) {
        mutations.push({ what: "delete", key });
        return self;
      },
      commit: () => bug.commit?.({ checks, mutations }, send, store) ?? send({ checks, mutations }),
    };
    return self;
  };
  return {
    limits: store.limits,
    get: (key) => store.get(key),
    getMany: (keys) => bug.getMany?.(keys, () => store.getMany(keys), list) ?? store.getMany(keys),
    async *list<Value>(selector: StoreSelector, options?: StoreListOptions) {
      const entries = await (bug.list?.(list, selector, options) ?? list(selector, options));
      yield* entries as readonly StoreEntry<Value>[];
    },
    set: (key, value, options) => store.set(key, value, options),
    delete: (key) => store.delete(key),
    atomic,
    close: () => store.close(),
  };
}

/** A versionstamp that no commit ever had. */
export const NO_VERSIONSTAMP = "00000000000000000000";

/** A store that changes the commits for a purpose. */
export function inCommits(
  purpose: Purpose | readonly Purpose[],
  edit: (commit: Commit) => Commit,
): () => StoreBug {
  return () => ({
    commit: (commit, send) => send(isFor(commit, purpose) ? edit(commit) : commit),
  });
}

/** A store that sends the commits for a purpose in its own way. */
export function sending(
  purpose: Purpose | readonly Purpose[],
  how: (commit: Commit, send: Send, store: Store) => Promise<StoreCommit>,
): () => StoreBug {
  return () => ({
    commit: (commit, send, store) =>
      isFor(commit, purpose) ? how(commit, send, store) : send(commit),
  });
}

/** A store without the checks of some keys in the commits for a purpose. */
export function withoutChecks(
  purpose: Purpose | readonly Purpose[],
  isDropped: (key: StoreKey, index: number) => boolean = () => true,
): () => StoreBug {
  return inCommits(purpose, ({ checks, mutations }) => ({
    checks: checks.filter(({ key }, index) => !isDropped(key, index)),
    mutations,
  }));
}

/** A store without some mutations in the commits for a purpose. */
export function without(
  purpose: Purpose | readonly Purpose[],
  isDropped: (mutation: Mutation, commit: Commit) => boolean,
): () => StoreBug {
  return inCommits(purpose, (commit) => ({
    checks: commit.checks,
    mutations: commit.mutations.filter((mutation) => !isDropped(mutation, commit)),
  }));
}

/** A store that writes some records otherwise in the commits for a purpose. */
export function altered(
  purpose: Purpose | readonly Purpose[],
  isAltered: (mutation: Mutation) => boolean,
  change: (set: SetMutation) => Partial<SetMutation>,
): () => StoreBug {
  return inCommits(purpose, ({ checks, mutations }) => ({
    checks,
    mutations: mutations.map((one) =>
      one.what === "set" && isAltered(one) ? { ...one, ...change(one as SetMutation) } : one
    ),
  }));
}

/** A store that gives other values under some keys. */
export function reading(
  isAltered: (key: StoreKey) => boolean,
  // deno-lint-ignore no-explicit-any
  change: (value: any, key: StoreKey) => unknown,
): () => StoreBug {
  const alter = (entries: readonly StoreEntry[]): readonly StoreEntry[] =>
    entries.map((entry) =>
      entry.versionstamp !== null && isAltered(entry.key)
        ? { ...entry, value: change(entry.value, entry.key) } as StoreEntry
        : entry
    );
  return () => ({
    getMany: async (_, read) => alter(await read()),
    list: async (list, selector, options) => alter(await list(selector, options)),
  });
}

/** A mutation that sets a record: its members depend on the kind of key. */
// deno-lint-ignore no-explicit-any
export type SetMutation = Extract<Mutation, { what: "set" }> & { value: any };

/** Whether a mutation, or a key, is of a kind. */
export function isKind(kind: string, what?: Mutation["what"]) {
  return (mutation: Mutation): boolean =>
    mutation.key[1] === kind && (what === undefined || mutation.what === what);
}

/** Whether a key is the due key of a session. */
export function isSessionDue(key: StoreKey): boolean {
  return key[1] === "due" && key[4] === "lane" && key.length === 6;
}

/** Whether a key is the record of a session. */
export function isSession(key: StoreKey): boolean {
  return key[1] === "lane" && key.length === 4;
}

/** Whether a key is an entry of a session. */
export function isSessionEntry(key: StoreKey): boolean {
  return key[1] === "lane" && key.length === 5;
}

/** The values that a commit sets under keys of a kind. */
export function valuesOf(commit: Commit, kind: string): readonly SetMutation[] {
  return commit.mutations.filter(isKind(kind, "set")) as SetMutation[];
}

function isFor(commit: Commit, purpose: Purpose | readonly Purpose[]): boolean {
  return [purpose].flat().includes(purposeOf(commit));
}
