import type { Publication } from "../../src/core/mod.ts";
import type { Cluster, Node } from "./cluster.ts";
import type { Faults } from "./faults.ts";

/** Two processes, one of them woken by cron alone; one that dies is started again half a second later. */
export abstract class Scenario {
  protected readonly cluster: Cluster;
  readonly #faults: Faults;
  readonly #nodes = new Map<string, Node>();
  #on = true;
  #spawned = 0;

  constructor(cluster: Cluster, faults: Faults) {
    this.cluster = cluster;
    this.#faults = faults;
  }

  /** The steps of the scenario. */
  protected abstract steps(): Promise<void>;

  async run(): Promise<void> {
    this.#spawn("worker");
    this.#spawn("cron");
    await this.pass(100);
    await this.steps();
    this.#on = false;
    await this.cluster.finish();
  }

  /** Lets time pass. */
  protected async pass(milliseconds: number): Promise<void> {
    const { simulation } = this.cluster;
    await simulation.run(simulation.now + milliseconds);
  }

  protected node(name: string): Node {
    return this.#nodes.get(name)!;
  }

  protected async step(
    milliseconds: number,
    node: string,
    ...to: readonly string[][]
  ): Promise<void> {
    const { simulation } = this.cluster;
    void this.publish(node, to.map((names) => this.to(...names)));
    await simulation.run(simulation.now + milliseconds);
  }

  protected to(...to: readonly string[]): Publication {
    return { event: this.cluster.client.event({ to: to.join() }), to };
  }

  protected async publish(name: string, batch: readonly Publication[]): Promise<void> {
    const { process, outbox } = this.#nodes.get(name)!;
    if (process.alive) await this.cluster.client.publish(process, outbox, batch);
  }

  #spawn(name: string): void {
    const { simulation } = this.cluster;
    const onDeath = (): void => {
      simulation.after(500, () => {
        if (this.#on) this.#spawn(name);
      });
    };
    const node = this.cluster.spawn(`${name}.${this.#spawned++}`, this.#faults, { onDeath });
    this.#nodes.set(name, node);
    if (name === "worker") node.outbox.start();
    else this.#cron(node);
  }

  #cron(node: Node): void {
    node.process.after(7_000, () => {
      node.outbox.drainOnce({ timeout: 20_000 }).catch(() => {});
      this.#cron(node);
    });
  }
}
