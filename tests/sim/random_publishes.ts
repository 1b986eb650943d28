import type { Publication } from "../../src/core/mod.ts";
import type { Cluster, Node } from "./cluster.ts";
import type { Random } from "./random.ts";

/** RandomPublishes of `publish`, at random. */
export class RandomPublishes {
  /** Whether they go on asking. */
  on = true;
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #pick: () => Node | undefined;
  #keys = 0;

  constructor(cluster: Cluster, pick: () => Node | undefined) {
    this.#cluster = cluster;
    this.#random = cluster.simulation.random.fork();
    this.#pick = pick;
  }

  /** Publishes from a process: one event or a batch, once or several at one moment. */
  publish(node: Node): void {
    const few = this.#random.chance(0.1) ? this.#random.between(2, 9) : 1;
    const count = this.#random.chance(0.001) ? 150 : few; // more than one page of due keys
    // Several calls at one moment share commits.
    const calls = this.#random.chance(0.3) ? this.#random.between(2, 4) : 1;
    for (let call = 0; call < calls; call++) {
      const keyed = this.#random.chance(0.2);
      const size = keyed ? Math.min(count, 4) : count;
      const batch = Array.from({ length: size }, () => this.#publication(node, keyed));
      void this.#send(node, batch);
      if (!keyed && this.#random.chance(0.1)) void this.#sendAsOne(node, batch.slice(0, 4));
      if (!keyed && this.#random.chance(0.1)) void this.#relay(node, batch.slice(0, 2));
    }
  }

  async #send(node: Node, batch: readonly Publication[]): Promise<void> {
    const { client, simulation } = this.#cluster;
    const timeout = this.#random.chance(0.05) ? this.#random.between(0, 200) : undefined;
    const told = await client.publish(node.process, node.outbox, batch, { timeout });
    const [{ idempotencyKey, event, to }] = batch as [Publication];
    const alone = idempotencyKey !== undefined && batch.length === 1;
    if (told.kind !== "unknown" || !alone || !this.on) return;
    // The caller makes sure: another event, under the same key.
    await simulation.sleep(this.#random.between(10, 5_000));
    const other = this.#pick();
    const again = { event: client.event(event.data), to, idempotencyKey };
    if (other && to.every((target) => other.targets.includes(target))) {
      await this.#send(other, [again]);
    }
  }

  /** A batch under one key, twice: the second is a duplicate of the first, or all that there is of it. */
  async #sendAsOne(node: Node, like: readonly Publication[]): Promise<void> {
    const { client, simulation } = this.#cluster;
    const key = `batch-${this.#keys++}`;
    for (const one of [node, this.#pick()]) {
      const batch = like.map(({ event: { data, sessionId = "" }, to }) => ({
        event: client.event(data, sessionId),
        to: to.filter((target) => one?.targets.includes(target)),
      }));
      if (one) void client.publish(one.process, one.outbox, batch, { key });
      await simulation.sleep(this.#random.between(0, 500));
    }
  }

  /** Events that come from elsewhere, and more than once: the same ones, to several processes. */
  async #relay(node: Node, like: readonly Publication[]): Promise<void> {
    const { client, simulation } = this.#cluster;
    const other = this.#pick() ?? node;
    const batch = like.map(({ event: { data, sessionId = "" }, to }) => ({
      event: client.event(data, sessionId),
      to: to.filter((target) => other.targets.includes(target)),
      fresh: false,
    }));
    for (const { process, outbox } of [node, other, node]) {
      void client.publish(process, outbox, batch);
      await simulation.sleep(this.#random.between(0, 500));
    }
  }

  #publication({ targets }: Node, keyed: boolean): Publication {
    const { client } = this.#cluster;
    const to = targets.filter(() => this.#random.chance(0.5));
    const session = this.#random.pick(["s-1", "s-1", "s-2", "s-3", ""]);
    if (!keyed) {
      const large = this.#random.chance(0.02);
      const text = large ? "é€".repeat(this.#random.between(10_000, 40_000)) : "";
      return { event: client.event({ text, n: this.#random.between(0, 9) }, session), to };
    }
    if (this.#random.chance(0.6)) this.#keys++;
    const key = `key-${this.#keys}`;
    // Now and then a key is used for another event.
    const content = this.#random.chance(0.05) ? "other" : "same";
    return { event: client.event({ key, content }), to, idempotencyKey: key };
  }
}
