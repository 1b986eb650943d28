import type {
  Store,
  StoreAtomic,
  StoreCheck,
  StoreCommit,
  StoreEntry,
  StoreKey,
  StoreLimits,
  StoreListOptions,
  StoreSelector,
  StoreSetOptions,
} from "../../src/store/mod.ts";
import type { DeliveryRecord } from "../../src/outbox/records.ts";
import type { Fault, Faults, Purpose } from "./faults.ts";
import type { Random } from "./random.ts";
import { never, type SimProcess } from "./process.ts";

/** A change, as it was asked for. */
export type Mutation =
  | { readonly what: "set"; readonly key: StoreKey; value: unknown; expireIn?: number | undefined }
  | { readonly what: "sum"; readonly key: StoreKey; by: bigint }
  | { readonly what: "delete"; readonly key: StoreKey };

/** A commit on its way. */
export type Sent = {
  readonly process: SimProcess;
  readonly atomic: StoreAtomic;
  readonly checks: StoreCheck[];
  readonly mutations: Mutation[];
};

/** Watches every commit as it takes effect, or is refused. */
export type Ledger = { record(sent: Sent, result: StoreCommit): void };

/** One process's handle of the shared store: its calls take time, and can go wrong. */
export class FaultyStore implements Store {
  readonly limits: StoreLimits;
  readonly #store: Store;
  readonly #process: SimProcess;
  readonly #faults: Faults;
  readonly #ledger: Ledger;
  readonly #random: Random;

  constructor(store: Store, process: SimProcess, faults: Faults, ledger: Ledger) {
    this.#store = store;
    this.limits = store.limits;
    this.#process = process;
    this.#faults = faults;
    this.#ledger = ledger;
    this.#random = process.simulation.random.fork();
  }

  async get<Value>(key: StoreKey): Promise<StoreEntry<Value>> {
    return await this.#read(readPurpose(key), () => this.#store.get<Value>(key));
  }

  async getMany(keys: readonly StoreKey[]): Promise<readonly StoreEntry[]> {
    return await this.#read(readPurpose(keys[0]), () => this.#store.getMany(keys));
  }

  async *list<Value>(
    selector: StoreSelector,
    options?: StoreListOptions,
  ): AsyncIterable<StoreEntry<Value>> {
    const key = "prefix" in selector ? selector.prefix : selector.start;
    yield* await this.#read(readPurpose(key), async () => {
      const entries: StoreEntry<Value>[] = [];
      for await (const entry of this.#store.list<Value>(selector, options)) entries.push(entry);
      return entries;
    });
  }

  async set(key: StoreKey, value: unknown, options?: StoreSetOptions): Promise<void> {
    await this.atomic().set(key, value, options).commit();
  }

  async delete(key: StoreKey): Promise<void> {
    await this.atomic().delete(key).commit();
  }

  atomic(): StoreAtomic {
    const { skew } = this.#process;
    const atomic = this.#store.atomic();
    const sent: Sent = { process: this.#process, atomic, checks: [], mutations: [] };
    // What expires does so by the clock of who wrote it.
    const shifted = (expireIn: number | undefined): StoreSetOptions =>
      expireIn === undefined ? {} : { expireIn: Math.max(0, expireIn + skew) };
    const self: StoreAtomic = {
      check(...checks) {
        atomic.check(...checks);
        sent.checks.push(...checks);
        return self;
      },
      set(key, value, { expireIn } = {}) {
        atomic.set(key, value, shifted(expireIn));
        sent.mutations.push({ what: "set", key, value, expireIn });
        return self;
      },
      sum(key, by) {
        atomic.sum(key, by);
        sent.mutations.push({ what: "sum", key, by });
        return self;
      },
      delete(key) {
        atomic.delete(key);
        sent.mutations.push({ what: "delete", key });
        return self;
      },
      commit: () => this.#commit(sent),
    };
    return self;
  }

  close(): void {}

  /** A read sees the store as it is half-way. */
  async #read<T>(purpose: Purpose, read: () => Promise<T>): Promise<T> {
    const process = this.#process;
    if (!process.alive) return await never;
    const fault = this.#faults.next(purpose);
    if (fault !== "none") process.simulation.log(() => `${process.name} ${purpose}: ${fault}`);
    if (fault === "die before") return process.kill(), await never;
    await this.#latency(fault);
    if (fault === "throw before") return await this.#failed();
    const result = await read();
    await this.#latency();
    if (fault === "die after") process.kill();
    if (fault === "stall") this.#stall();
    await process.resumed();
    return result;
  }

  async #commit(sent: Sent): Promise<StoreCommit> {
    const process = this.#process;
    if (!process.alive) return await never;
    const fault = this.#faults.next(purposeOf(sent));
    this.#log(sent, fault);
    if (fault === "die before") return process.kill(), await never;
    const result = await this.#sendWith(sent, fault);
    await process.resumed();
    return result;
  }

  async #sendWith(sent: Sent, fault: Fault): Promise<StoreCommit> {
    const { simulation } = this.#process;
    await this.#latency(fault);
    switch (fault) {
      case "throw before":
        return await this.#failed();
      case "half":
        await this.#applyHalf(sent);
        return await this.#failed();
      case "late": {
        const arrives = this.#later(sent, this.#random.between(100, 45_000));
        // No response, or a connection that breaks.
        return this.#random.chance(0.3) ? await arrives.then(() => never) : await this.#failed();
      }
      case "late response":
        return await this.#later(sent, this.#random.between(1_000, 15_000));
    }
    const result = await this.#apply(sent);
    await this.#latency();
    switch (fault) {
      case "die after":
        this.#process.kill();
        return await never;
      case "throw after":
        return await this.#failed();
      case "false after": // a resend of the client met its own commit; what has no check meets nothing
        return sent.checks.length > 0 ? { ok: false } : result;
      case "stall":
        this.#stall();
        break;
      case "twice":
        await simulation.sleep(this.#random.between(10, 3_000));
        return await this.#apply(sent);
      case "echo":
        void this.#later(sent, this.#random.between(50, 60_000));
    }
    return result;
  }

  /** The process pauses before it gets the result, for about as long as a lease. */
  #stall(): void {
    this.#process.freeze(this.#random.between(15_000, 30_000));
  }

  async #later(sent: Sent, milliseconds: number): Promise<StoreCommit> {
    await this.#process.simulation.sleep(milliseconds);
    return await this.#apply(sent);
  }

  /** The moment at which a commit takes effect. No other does until this has been recorded. */
  async #apply(sent: Sent): Promise<StoreCommit> {
    const result = await sent.atomic.commit();
    this.#ledger.record(sent, result);
    return result;
  }

  /** What Deno KV does when a sum fails: what was asked for before it is applied. */
  async #applyHalf({ mutations, ...sent }: Sent): Promise<void> {
    const at = mutations.findIndex(({ what }) => what === "sum");
    if (at <= 0) return;
    const atomic = this.#store.atomic().check(...sent.checks);
    const half = mutations.slice(0, at);
    for (const mutation of half) {
      if (mutation.what === "set") atomic.set(mutation.key, mutation.value);
      else atomic.delete(mutation.key);
    }
    await this.#apply({ ...sent, atomic, mutations: half });
  }

  async #failed(): Promise<never> {
    await this.#process.resumed();
    throw new Error("connection lost");
  }

  #latency(fault: Fault = "none"): Promise<void> {
    const [from, to] = fault === "slow" ? [1_000, this.#random.pick([9_000, 45_000])] : [0, 4];
    return this.#process.simulation.sleep(this.#random.between(from, to));
  }

  #log(sent: Sent, fault: Fault): void {
    this.#process.simulation.log(() => {
      const lines = sent.mutations.map((mutation) => {
        const value = mutation.what === "set" ? JSON.stringify(mutation.value).slice(0, 110) : "";
        return `\n      ${mutation.what} ${mutation.key.slice(1).join(" ")} ${value}`;
      });
      const fate = fault === "none" ? "" : ` [${fault}]`;
      return `${this.#process.name} ${purposeOf(sent)}${fate}${lines.join("")}`;
    });
  }
}

/** What a read is for, by the first key that it reads. */
function readPurpose(key: StoreKey | undefined): Purpose {
  return key?.[1] === "lane" ? "session read" : key?.[1] === "endpoint" ? "endpoint read" : "read";
}

/** What a commit is for, by what it writes. */
export function purposeOf(
  { checks, mutations }: {
    readonly checks: readonly StoreCheck[];
    readonly mutations: readonly Mutation[];
  },
): Purpose {
  const has = (kind: string, what?: Mutation["what"]): boolean =>
    mutations.some((mutation) => mutation.key[1] === kind && mutation.what === (what ?? "set"));
  const isRemoval = mutations.every(({ what, key }) => what === "delete" && key[1] !== "record");
  if (checks.length === 0 && isRemoval) return "purge";
  if (has("endpoint")) return "endpoint";
  const logs = mutations.flatMap((one) =>
    one.what === "set" && one.key[1] === "delivery" ? [one.value as DeliveryRecord] : []
  );
  const counts = mutations.some(({ what }) => what === "sum");
  if (logs.some(({ state, base, made }) => state === "pending" && base === made)) {
    if (!has("due", "delete")) return "replay";
  }
  if (logs.length > 0 && !counts) return "retry";
  if (has("due", "delete") || logs.length > 0) return "settle";
  if (has("event")) return "publish";
  if (has("chunk")) return "chunk";
  const due = mutations.find(({ key }) => key[1] === "due");
  if (due === undefined) return "meta";
  const unleased = due.what === "set" && (due.value as { by?: string }).by === "";
  return unleased ? "settle" : "claim";
}
