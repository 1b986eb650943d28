import type { Store } from "../../../src/core/mod.ts";
import { createOutboxIn, type Outbox } from "../../../src/outbox/outbox.ts";
import { memoryStore } from "../../../src/testing/memory_store.ts";
import { checkEnd } from "./checker.ts";
import { Client } from "./client.ts";
import { type Faults, noFaults } from "./faults.ts";
import { FaultyStore } from "./faulty_store.ts";
import { Ledger } from "./ledger.ts";
import { Receivers } from "./receivers.ts";
import { SimProcess } from "./sim_process.ts";
import { World } from "./world.ts";

const DAY = 24 * 60 * 60 * 1000;
const HOUR = 60 * 60 * 1000;

/** The outbox under test; a broken copy of it when a bug was planted. */
export type MakeOutbox = typeof createOutboxIn;

/** A process with its outbox. */
export type Node = { readonly process: SimProcess; readonly outbox: Outbox };

/** What a cluster is made with. */
export type ClusterOptions = {
  readonly seed: number;
  readonly targets: readonly string[];
  readonly make?: MakeOutbox | undefined;
  readonly retention?: number;
  /** Checks in a commit. */
  readonly checks?: number;
  readonly traced?: boolean;
};

/** Processes over one store. */
export class Cluster {
  readonly world: World;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly receivers: Receivers;
  readonly client: Client;
  readonly targets: readonly string[];
  crashes = 0;
  readonly #make: MakeOutbox;
  readonly #retention: number;
  readonly #nodes: Node[] = [];

  constructor({ seed, targets, make, retention = 30 * DAY, checks = 10, traced }: ClusterOptions) {
    this.world = new World(seed, traced);
    this.store = memoryStore({ now: () => this.world.now, limits: { checks } });
    this.ledger = new Ledger({ head: retention, rest: retention + DAY, seen: 2 * DAY });
    this.receivers = new Receivers(this.world, this.ledger);
    this.client = new Client(this.world, this.ledger, this.receivers);
    this.targets = targets;
    this.#make = make ?? createOutboxIn;
    this.#retention = retention;
  }

  /** A new process, which can publish; `start` makes it a worker. */
  spawn(name: string, faults: Faults, skew = 0, onDeath: () => void = () => {}): Node {
    const process = new SimProcess(name, this.world, skew);
    const store = new FaultyStore(this.store, process, faults, this.ledger);
    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    const outbox = this.#make(process.env, store, { retention: this.#retention, logger });
    process.onDeath = () => {
      this.crashes++;
      onDeath();
    };
    for (const target of this.targets) outbox.register(this.receivers.target(process, target));
    const node = { process, outbox };
    this.#nodes.push(node);
    return node;
  }

  /** Ends every process, lets healthy ones work until all is quiet, and checks what is left. */
  async finish(): Promise<void> {
    const { world } = this;
    this.receivers.mood = () => "ok";
    this.#end();
    for (const name of ["last 1", "last 2"]) this.spawn(name, noFaults).outbox.start();
    const quiet = (): boolean =>
      [...this.ledger.known.values()].every(({ due, id }) =>
        due.size === 0 || !this.ledger.heads.has(id)
      );
    // What was sent before and comes late, has come.
    await world.run(world.now + 2 * 60_000);
    for (let hour = 0; hour < 8 && !quiet(); hour++) await world.run(world.now + HOUR, quiet);
    await world.run(world.now + 2 * 60_000);
    this.#end();
    await world.run(world.now + 1_000);
    this.client.check();
    await checkEnd(this.store, this.ledger, this.receivers, world.now);
  }
  /** The end of the run is no crash. */
  #end(): void {
    for (const { process } of this.#nodes) {
      process.onDeath = () => {};
      process.kill();
    }
  }
}
