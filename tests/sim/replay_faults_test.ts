/**
 * Retry and replay with every fault at every operation of their caller, and called again when they
 * failed: no delivery is ever in two places or in none, and each is delivered in the end.
 * @module
 */
import assert from "node:assert/strict";
import { type Attempt, fixedRetry, type HookEvent } from "../../src/core/mod.ts";
import type { Store, StoreCommit } from "../../src/store/mod.ts";
import type { DeliveryRecord } from "../../src/outbox/records.ts";
import { createOutboxIn } from "../../src/outbox/outbox.ts";
import type { Outbox } from "../../src/outbox/types.ts";
import { memoryStore } from "../../src/testing/memory_store.ts";
import { test } from "../support/harness.ts";
import { idAt } from "../support/event_ids.ts";
import { silentLogger } from "../support/silent_logger.ts";
import {
  COMMIT_FAULTS,
  type Fault,
  FaultAt,
  type Faults,
  noFaults,
  READ_FAULTS,
} from "./faults.ts";
import { FaultyStore, type Sent } from "./faulty_store.ts";
import type { Model } from "./model.ts";
import { SimProcess } from "./process.ts";
import { deterministically, Simulation } from "./simulation.ts";

const MINUTE = 60_000;
const EVENTS = 12;
/** The events of two sessions go to `ordered` in their order. */
const TARGETS = ["a", "b", "ordered"];
/** Every third is dead, every third delivered, every third waits. */
const FATES = ["final", "delivered", "retry"] as const;
/** Faults after which it is known what became of a commit, once it was sent again. */
const CLEAR: readonly Fault[] = ["throw before", "throw after", "false after", "twice", "echo"];

/** The keys of a session: waiting deliveries by number, and when it is due. */
class SessionKeys {
  readonly entries = new Map<string, string>();
  readonly due = new Set<string>();
}

/** The place of each delivery after each commit. */
class Places {
  readonly faults: string[] = [];
  readonly logs = new Map<string, DeliveryRecord>();
  readonly dead = new Set<string>();
  /** The keys of a delivery that is live: its due key, or its entry in a session. */
  readonly #live = new Map<string, Set<string>>();
  readonly #sessions = new Map<string, SessionKeys>();

  record({ mutations }: Sent, { ok }: StoreCommit): void {
    const [deliveries, sessions] = [new Set<string>(), new Set<string>()];
    for (const mutation of ok ? mutations : []) {
      const [, kind, w, a, b, s] = mutation.key.map(String);
      const set = mutation.what === "set" ? mutation.value : undefined;
      if (kind === "delivery" || kind === "dead") {
        deliveries.add(`${w} ${a}`);
        if (kind === "delivery") this.logs.set(`${w} ${a}`, set as DeliveryRecord);
        else if (set) this.dead.add(`${w} ${a}`);
        else this.dead.delete(`${w} ${a}`);
      } else if (kind === "due" && s === undefined) {
        deliveries.add(`${w} ${b}`);
        put(at(this.#live, `${w} ${b}`, () => new Set<string>()), a!, set);
      } else if (kind === "due" || (kind === "lane" && b !== undefined)) {
        const name = `${w} ${kind === "due" ? s : a}`;
        const session = at(this.#sessions, name, () => new SessionKeys());
        sessions.add(name);
        if (kind === "due") put(session.due, a!, set);
        else {
          const id = (set as { readonly id: string } | undefined)?.id ?? session.entries.get(b!)!;
          if (set) session.entries.set(b!, id);
          else session.entries.delete(b!);
          deliveries.add(`${w} ${id}`);
          put(at(this.#live, `${w} ${id}`, () => new Set<string>()), `${name} ${b}`, set);
        }
      }
    }
    for (const name of deliveries) this.#check(name);
    for (const name of sessions) this.#checkSession(name);
  }

  #check(name: string): void {
    const live = at(this.#live, name, () => new Set<string>());
    const log = this.logs.get(name);
    const places = live.size + (this.dead.has(name) ? 1 : 0) + (log?.state === "delivered" ? 1 : 0);
    if (places !== 1) this.faults.push(`${name} is in ${places} places, its log is ${log?.state}`);
    const ordered = name.startsWith("ordered");
    if (!ordered && log?.state === "pending" && !live.has(`${log.at}`)) {
      this.faults.push(`${name} is not where its log says`);
    }
  }

  /** A session is due once while it has deliveries. */
  #checkSession(name: string): void {
    const { entries, due } = this.#sessions.get(name)!;
    if (due.size !== Math.min(1, entries.size)) {
      this.faults.push(`session ${name} has ${entries.size} entries, and is due ${due.size} times`);
    }
  }
}

function put(keys: Set<string>, key: string, value: unknown): void {
  if (value === undefined) keys.delete(key);
  else keys.add(key);
}

function at<Value>(map: Map<string, Value>, name: string, make: () => Value): Value {
  if (!map.has(name)) map.set(name, make());
  return map.get(name)!;
}

/** A scenario: deliveries in every state are replayed, with the fault. */
class Scenario {
  readonly simulation: Simulation;
  readonly store: Store;
  readonly places = new Places();
  readonly sends = new Map<string, number>();
  #well = false;

  constructor(seed: number) {
    this.simulation = new Simulation(seed);
    this.store = memoryStore({ now: () => this.simulation.now, limits: { checks: 5 } });
  }

  spawn(name: string, faults: Faults): { readonly process: SimProcess; readonly outbox: Outbox } {
    const process = new SimProcess(name, this.simulation, 0);
    const model = this.places as unknown as Model;
    const store = new FaultyStore(this.store, process, faults, model);
    const outbox = createOutboxIn(process.clock, store, { logger: silentLogger });
    for (const name of TARGETS) {
      outbox.register({
        name,
        timeout: 3_000,
        concurrency: 4,
        ...name === "ordered" ? { ordering: "session" } : {},
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
    const { simulation } = this;
    const { process, outbox } = this.spawn("first", noFaults);
    const batch = Array.from({ length: EVENTS }, (_, n) => {
      const id = idAt(simulation.now, n);
      const sessionId = `s-${n % 2}`;
      const timestamp = new Date(simulation.now);
      const event = { id, type: "tool.called", timestamp, sessionId, data: n };
      return { fresh: true, event, to: TARGETS };
    });
    void outbox.publish(batch);
    outbox.start();
    await simulation.run(simulation.now + 5_000);
    // What is ordered waits behind what waits.
    assert.equal(this.sends.size, EVENTS * 2 + 5);
    process.kill();
    this.#well = true;
  }

  /** Asks for everything until nothing fails any more; how many were said to be replayed. */
  async operate(faults: Faults): Promise<{ readonly replayed: number; readonly asked: number }> {
    const { simulation } = this;
    let replayed = 0;
    for (let asked = 1;; asked++) {
      const { process, outbox } = this.spawn(`operator ${asked}`, asked === 1 ? faults : noFaults);
      let end: unknown;
      operate(outbox, (n) => replayed += n).then(() => end = "done", (error) => end = error);
      await simulation.run(simulation.now + 5 * MINUTE, () => end !== undefined || !process.alive);
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
    const { simulation, places } = this;
    await simulation.run(simulation.now + 2 * MINUTE);
    this.spawn("last", noFaults).outbox.start();
    await simulation.run(simulation.now + 20 * MINUTE);
    assert.deepEqual(places.faults, []);
    let failed = 0;
    for (const [name, log] of places.logs) {
      assert.deepEqual([name, log.state, log.made], [name, "delivered", this.sends.get(name)]);
      failed += log.attempts.filter(({ verdict }) => verdict !== "delivered").length;
    }
    const counts: Record<string, number> = {};
    for await (const { key, value } of this.store.list({ prefix: ["hooks", "count"] })) {
      const what = String(key[4]);
      counts[what] = (counts[what] ?? 0) + Number(value);
    }
    const delivered = EVENTS * TARGETS.length;
    assert.equal(places.logs.size, delivered);
    assert.deepEqual(counts, { accepted: delivered, dead: 0, delivered, failed });
  }
}

async function operate(outbox: Outbox, count: (replayed: number) => void): Promise<void> {
  let cursor: string | undefined;
  do {
    const result = await outbox.replay({ timeout: MINUTE, cursor });
    count(result.replayed);
    cursor = result.cursor;
  } while (cursor !== undefined);
  const { items } = await outbox.listDeliveries({ state: "pending" });
  for (const { target, eventId } of items) await outbox.retry(target, eventId);
}

async function run(seed: number, faults: Faults, worker: boolean) {
  const scenario = new Scenario(seed);
  let dead = 0;
  const result = await deterministically(scenario.simulation, async () => {
    await scenario.begin();
    dead = scenario.places.dead.size;
    if (worker) scenario.spawn("worker", noFaults).outbox.start();
    const result = await scenario.operate(faults);
    await scenario.end();
    return result;
  });
  return { ...result, dead, sends: [...scenario.sends.values()].reduce((a, b) => a + b) };
}

for (const fault of COMMIT_FAULTS) {
  test(`a fault at any one operation of retry() and replay() loses nothing: ${fault}`, async () => {
    let [operations, again] = [0, 0];
    for (const worker of [false, true]) {
      const baseline = new FaultAt();
      const expected = await run(1, baseline, worker);
      assert.deepEqual([expected.replayed, expected.asked], [expected.dead, 1]);
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
