import type { StoreEntry, StoreKey } from "../../src/store/mod.ts";
import type { DueRecord } from "../../src/outbox/records.ts";
import type { Cluster, Node } from "./cluster.ts";
import type { Random } from "./random.ts";

/** A year: longer than any record is stored. */
const LONG = 365 * 24 * 60 * 60 * 1000;

/** What operators do, and what befalls the store besides, at random. */
export class RandomOperations {
  readonly #cluster: Cluster;
  readonly #random: Random;
  /** DueRecord keys that a newer version is said to have written. */
  readonly #newer: StoreKey[] = [];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#random = cluster.simulation.random.fork();
  }

  /** An operator does something in a process; now and then two do the same at once. */
  operate(node: Node, other: Node): void {
    const { operator, targets, model } = this.#cluster;
    const target = this.#random.pick(targets);
    const nodes = this.#random.chance(0.3) ? [node, other] : [node];
    const draw = this.#random.next();
    const [id] = this.#random.pick([...model.heads].filter(([, { to }]) => to.includes(target))) ??
      [];
    const state = this.#random.pick(["dead", "dead", "delivered"] as const);
    const timeout = this.#random.pick([50, 5_000]);
    for (const one of nodes) {
      if (draw < 0.3) void operator.ask("enable", target, one);
      else if (draw < 0.42) void operator.ask("disable", target, one);
      else if (draw < 0.44) void operator.ask("remove", target, one);
      else if (draw < 0.7) id !== undefined && void operator.retry(target, id, one);
      else if (draw < 0.9) void operator.replay({ target, state, timeout }, one);
      else void operator.walk(this.#random.pick(["dead", "attempted"] as const), one);
    }
  }

  /** Something is written, or goes away, that no process of this version did. */
  async intrude(): Promise<void> {
    const { store, model, simulation } = this.#cluster;
    const kind = this.#random.pick(["seen", "due"]);
    const entries: StoreEntry[] = [];
    for await (const entry of store.list({ prefix: ["hooks", kind] })) entries.push(entry);
    // A lease is an agreement with those who run already: no newer version takes it away.
    const free = kind === "seen"
      ? entries
      : entries.filter(({ value }) => (value as DueRecord).by === "");
    const entry = this.#random.pick(free);
    if (entry === undefined) return;
    simulation.log(() => `intrusion: ${entry.key.slice(1).join(" ")}`);
    if (kind === "seen") {
      await store.delete(entry.key);
      model.seen.delete(String(entry.key[3]));
      model.forgotten.add(String(entry.key[3]));
      return;
    }
    if (model.newer.has(entry.key.join(" "))) return;
    await store.set(entry.key, { v: 2, until: 0, by: "", claims: 0 }, { expireIn: LONG });
    model.intrude(entry.key);
    this.#newer.push(entry.key);
  }

  /** The newer version is taken back: what it left alone can be worked with again. */
  async restore(): Promise<void> {
    const { store, model } = this.#cluster;
    for (const key of this.#newer) {
      const { value } = await store.get(key);
      model.newer.delete(key.join(" "));
      if (value !== null) {
        await store.set(key, { v: 1, until: 0, by: "", claims: 0 }, { expireIn: LONG });
      }
    }
  }
}
