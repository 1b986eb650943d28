/**
 * Retry and replay with every fault at every operation of whoever asks for them, and asked again when they
 * failed: no delivery is ever in two places or in none, and each is delivered in the end.
 * @module
 */
import assert from "node:assert/strict";
import {
  type Attempt,
  fixedRetry,
  type HookEvent,
  type Store,
  type StoreCommit,
} from "../../../src/core/mod.ts";
import type { DeliveryLog } from "../../../src/outbox/_records.ts";
import { createOutboxIn, type Outbox } from "../../../src/outbox/outbox.ts";
import { memoryStore } from "../../../src/testing/memory_store.ts";
import { test } from "../../harness.ts";
import {
  COMMIT_FAULTS,
  type Fault,
  FaultAt,
  type Faults,
  noFaults,
  READ_FAULTS,
} from "./faults.ts";
import { FaultyStore, type Sent } from "./faulty_store.ts";
import type { Ledger } from "./ledger.ts";
import { SimProcess } from "./sim_process.ts";
import { deterministically, World } from "./world.ts";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const MINUTE = 60_000;
const EVENTS = 12;
const TARGETS = ["a", "b"];
/** Every third is dead, every third delivered, every third waits. */
const FATES = ["final", "delivered", "retry"] as const;
/** Faults after which it is known what became of a commit, once it was sent again. */
const CLEAR: readonly Fault[] = ["throw before", "throw after", "false after", "twice", "echo"];

/** Where each delivery stands after each commit. */
class Places {
  readonly faults: string[] = [];
  readonly logs = new Map<string, DeliveryLog>();
  readonly #dead = new Set<string>();
  readonly #due = new Map<string, Set<string>>();

  record({ mutations }: Sent, { ok }: StoreCommit): void {
    const touched = new Set<string>();
    for (const mutation of ok ? mutations : []) {
      const [, kind, w, a, b] = mutation.key;
      if (kind !== "due" && kind !== "dead" && kind !== "delivery") continue;
      const name = `${w} ${kind === "due" ? b : a}`;
      touched.add(name);
      const is = mutation.what === "set";
      if (kind === "delivery" && mutation.what === "set") {
        this.logs.set(name, mutation.value as DeliveryLog);
      } else if (kind === "dead") is ? this.#dead.add(name) : this.#dead.delete(name);
      else is ? this.#keysOf(name).add(`${a}`) : this.#keysOf(name).delete(`${a}`);
    }
    for (const name of touched) this.#check(name);
  }

  #keysOf(name: string): Set<string> {
    if (!this.#due.has(name)) this.#due.set(name, new Set());
    return this.#due.get(name)!;
  }

  #check(name: string): void {
    const [due, log] = [this.#keysOf(name), this.logs.get(name)];
    const places = due.size + (this.#dead.has(name) ? 1 : 0) + (log?.state === "delivered" ? 1 : 0);
    if (places !== 1) this.faults.push(`${name} is in ${places} places, its log is ${log?.state}`);
    if (log?.state === "pending" && !due.has(`${log.at}`)) {
      this.faults.push(`${name} is not where its log says`);
    }
  }
}

/** A story: what is replayed stands in every state; then whoever replays meets the fault. */
class Story {
  readonly world: World;
  readonly store: Store;
  readonly places = new Places();
  readonly sends = new Map<string, number>();
  #well = false;

  constructor(seed: number) {
    this.world = new World(seed);
    this.store = memoryStore({ now: () => this.world.now, limits: { checks: 5 } });
  }

  spawn(name: string, faults: Faults): { readonly process: SimProcess; readonly outbox: Outbox } {
    const process = new SimProcess(name, this.world, 0);
    const ledger = this.places as unknown as Ledger;
    const store = new FaultyStore(this.store, process, faults, ledger);
    const outbox = createOutboxIn(process.env, store, { logger: quiet });
    for (const name of TARGETS) {
      outbox.register({
        name,
        timeout: 3_000,
        concurrency: 4,
        retry: fixedRetry({ delay: 10 * MINUTE, retries: 3, jitter: 0 }),
        attempt: (event) => Promise.resolve(this.#attempt(name, event)),
      });
    }
    return { process, outbox };
  }

  #attempt(target: string, { id, data }: HookEvent): Attempt {
    const name = `${target} ${id}`;
    this.sends.set(name, (this.sends.get(name) ?? 0) + 1);
    const verdict = this.#well ? "delivered" : FATES[(data as number) % FATES.length]!;
    return { verdict, duration: 1, ...verdict === "delivered" ? {} : { error: verdict } };
  }

  /** Publishes, lets everything be attempted once, and ends that process. */
  async begin(): Promise<void> {
    const { world } = this;
    const { process, outbox } = this.spawn("first", noFaults);
    const time = world.now.toString(16).padStart(12, "0");
    const batch = Array.from({ length: EVENTS }, (_, n) => {
      const id = `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${String(n).padStart(12, "0")}`;
      const event = { id, type: "tool.called", timestamp: new Date(world.now), data: n };
      return { event, to: TARGETS };
    });
    void outbox.publish(batch);
    outbox.start();
    await world.run(world.now + 5_000);
    assert.equal(this.sends.size, EVENTS * TARGETS.length);
    process.kill();
    this.#well = true;
  }

  /** Asks for everything until nothing fails any more; how many were said to be replayed. */
  async operate(faults: Faults): Promise<{ readonly replayed: number; readonly asked: number }> {
    const { world } = this;
    let replayed = 0;
    for (let asked = 1;; asked++) {
      const { process, outbox } = this.spawn(`operator ${asked}`, asked === 1 ? faults : noFaults);
      let end: unknown;
      operate(outbox, (n) => replayed += n).then(() => end = "done", (error) => end = error);
      await world.run(world.now + 5 * MINUTE, () => end !== undefined || !process.alive);
      const error = end as { readonly code?: string } | string | undefined;
      if (error === "done") return { replayed, asked };
      if (process.alive) {
        assert.equal((error as { code?: string }).code, "outbox_unavailable", `${error}`);
      }
      process.kill();
    }
  }

  /** What was sent comes, everything is delivered, and adds up. */
  async end(): Promise<void> {
    const { world, places } = this;
    await world.run(world.now + 2 * MINUTE);
    this.spawn("last", noFaults).outbox.start();
    const all = [...places.logs.values()];
    await world.run(world.now + 60 * MINUTE);
    assert.deepEqual(places.faults, []);
    assert.equal(all.length, EVENTS * TARGETS.length);
    let made = 0;
    for (const [name, log] of places.logs) {
      assert.deepEqual([name, log.state, log.made], [name, "delivered", this.sends.get(name)]);
      made += log.made;
    }
    const counts: Record<string, number> = {};
    for await (const { key, value } of this.store.list({ prefix: ["hooks", "count"] })) {
      const what = String(key[4]);
      counts[what] = (counts[what] ?? 0) + Number(value);
    }
    const delivered = EVENTS * TARGETS.length;
    // A delivery is sent again after it was delivered: then more were made than failed and are delivered.
    const failed = 2 * delivered / 3;
    assert.deepEqual(counts, { accepted: delivered, dead: 0, delivered, failed });
    assert.ok(made >= delivered + failed);
  }
}

async function operate(outbox: Outbox, count: (replayed: number) => void): Promise<void> {
  let cursor: string | undefined;
  do {
    const result = await outbox.replay({ budgetMs: MINUTE, cursor });
    count(result.replayed);
    cursor = result.cursor;
  } while (cursor !== undefined);
  const { items } = await outbox.listDeliveries({ state: "pending" });
  for (const { target, eventId } of items) await outbox.retry(target, eventId);
}

async function run(seed: number, faults: Faults, worker: boolean) {
  const story = new Story(seed);
  const result = await deterministically(story.world.random.fork(), async () => {
    await story.begin();
    if (worker) story.spawn("worker", noFaults).outbox.start();
    const result = await story.operate(faults);
    await story.end();
    return result;
  });
  return { ...result, sends: [...story.sends.values()].reduce((a, b) => a + b) };
}

for (const fault of COMMIT_FAULTS) {
  test(`a fault at any one operation of retry() and replay() loses nothing: ${fault}`, async () => {
    let [operations, again] = [0, 0];
    for (const worker of [false, true]) {
      const baseline = new FaultAt();
      const expected = await run(1, baseline, worker);
      assert.deepEqual([expected.replayed, expected.asked], [EVENTS * TARGETS.length / 3, 1]);
      for (const [n, purpose] of baseline.seen.entries()) {
        const kinds: readonly Fault[] = purpose === "read" ? READ_FAULTS : COMMIT_FAULTS;
        if (!kinds.includes(fault)) continue;
        const { replayed, asked, sends } = await run(1, new FaultAt(n, fault), worker);
        const where = `${fault} at operation ${n}, a ${purpose}, ${
          worker ? "with" : "without"
        } a worker`;
        operations++;
        again += asked - 1;
        if (worker) continue;
        assert.equal(sends, expected.sends, where);
        if (CLEAR.includes(fault)) assert.equal(replayed, expected.replayed, where);
      }
    }
    console.log(`${fault}: ${operations} operations, asked again ${again} times`);
  });
}
