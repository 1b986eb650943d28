import type { Publication } from "../../../src/core/mod.ts";
import type { EventHead } from "../../../src/outbox/_records.ts";
import { Cluster, type MakeOutbox, type Node } from "./cluster.ts";
import type { Faults } from "./faults.ts";
import { deterministically } from "./world.ts";

/** Longer than the story takes, and shorter than the wait that one receiver asks for. */
const RETENTION = 20 * 60 * 1000;

/**
 * One fixed story that passes through every state of a delivery, for faults at each of its operations.
 * A process that dies is started again half a second later. The seed decides latencies. Gives the cluster, checked.
 */
export async function runScenario(
  faults: Faults,
  { seed = 1, make }: { readonly seed?: number; readonly make?: MakeOutbox } = {},
): Promise<Cluster> {
  const targets = ["good", "flaky", "final", "stuck", "later", "tomorrow", "slow"];
  const cluster = new Cluster({ seed, targets, make, retention: RETENTION });
  await deterministically(cluster.world.random.fork(), () => new Scenario(cluster, faults).run());
  return cluster;
}

class Scenario {
  readonly #cluster: Cluster;
  readonly #faults: Faults;
  readonly #nodes = new Map<string, Node>();
  readonly #slow = new Set<string>();
  #on = true;
  #spawned = 0;

  constructor(cluster: Cluster, faults: Faults) {
    this.#cluster = cluster;
    this.#faults = faults;
  }

  async run(): Promise<void> {
    const { world, receivers } = this.#cluster;
    receivers.mood = (target, id) => {
      const first = receivers.sends.get(`${target} ${id}`) === 1;
      if (target === "final") return "final";
      if (target === "slow") return first || this.#slow.has(id) ? "slow" : "ok";
      const moods = {
        flaky: "down",
        stuck: "stuck",
        later: "later",
        tomorrow: "too late",
      } as const;
      return first && target in moods ? moods[target as keyof typeof moods] : "ok";
    };
    this.#spawn("worker");
    this.#spawn("cron");
    await world.run(world.now + 100);

    await this.#step(200, "worker", ["good"]);
    // Calls at one moment share a commit; the first one is already on its way.
    for (let i = 0; i < 3; i++) void this.#publish("worker", [this.#to("good", "flaky")]);
    await world.run(world.now + 500);
    await this.#step(200, "cron", ["good", "final"], ["good"], ["flaky"]);
    await this.#chunked();
    await this.#keyed();
    await this.#step(500, "worker", ["stuck"]);
    await this.#step(200, "worker", ["tomorrow"]);
    await this.#damaged();
    await world.run(world.now + 40_000);
    await this.#stopped();
    await world.run(world.now + 20_000);

    this.#on = false;
    await this.#cluster.finish();
  }

  /** A body in chunks. */
  async #chunked(): Promise<void> {
    const { client, world } = this.#cluster;
    const event = client.event({ text: "é€".repeat(30_000) });
    void this.#publish("worker", [{ event, to: ["good"] }]);
    await world.run(world.now + 500);
  }

  /** An idempotency key: used first, again, and for something else. */
  async #keyed(): Promise<void> {
    const { client, world } = this.#cluster;
    const keyed = (data: string): Publication => ({
      event: client.event(data),
      to: ["good"],
      idempotencyKey: "k",
    });
    for (const [node, data] of [["worker", "x"], ["cron", "x"], ["worker", "y"]] as const) {
      void this.#publish(node, [keyed(data), this.#to("good")]);
      await world.run(world.now + 200);
    }
  }

  /** An event is damaged while its delivery waits to be tried again. */
  async #damaged(): Promise<void> {
    const { world, store, ledger } = this.#cluster;
    const publication = this.#to("later");
    const { id } = publication.event;
    void this.#publish("cron", [publication]);
    await world.run(world.now + 1_500);
    const { value } = await store.get<EventHead>(["hooks", "event", id]);
    if (value === null) return;
    await store.set(["hooks", "event", id], { ...value, event: { id } }, { expireIn: RETENTION });
    ledger.allowedReasons.set(`later ${id}`, "unreadable");
  }

  /** An instance is asked to stop while an attempt runs, and is killed five seconds later. */
  async #stopped(): Promise<void> {
    const { world } = this.#cluster;
    const publications = [1, 2, 3].map(() => this.#to("slow"));
    publications.forEach(({ event }) => this.#slow.add(event.id));
    void this.#publish("worker", publications);
    await world.run(world.now + 50);
    const { process, outbox } = this.#nodes.get("worker")!;
    if (!process.alive) return;
    void outbox.stop();
    await world.run(world.now + 5_000);
    this.#slow.clear();
    process.kill();
  }

  async #step(milliseconds: number, node: string, ...to: readonly string[][]): Promise<void> {
    const { world } = this.#cluster;
    void this.#publish(node, to.map((names) => this.#to(...names)));
    await world.run(world.now + milliseconds);
  }

  #to(...to: readonly string[]): Publication {
    return { event: this.#cluster.client.event({ to: to.join() }), to };
  }

  async #publish(name: string, batch: readonly Publication[]): Promise<void> {
    const { process, outbox } = this.#nodes.get(name)!;
    if (process.alive) await this.#cluster.client.publish(process, outbox, batch);
  }

  #spawn(name: string): void {
    const { world } = this.#cluster;
    const onDeath = (): void => {
      world.after(500, () => {
        if (this.#on) this.#spawn(name);
      });
    };
    const node = this.#cluster.spawn(`${name}.${this.#spawned++}`, this.#faults, { onDeath });
    this.#nodes.set(name, node);
    if (name === "worker") node.outbox.start();
    else this.#cron(node);
  }

  #cron(node: Node): void {
    node.process.after(7_000, () => {
      node.outbox.drainOnce({ budgetMs: 20_000 }).catch(() => {});
      this.#cron(node);
    });
  }
}
