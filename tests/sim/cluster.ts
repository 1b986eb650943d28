import type { Store } from "../../src/store/mod.ts";
import { createOutboxIn } from "../../src/outbox/outbox.ts";
import type { Outbox } from "../../src/outbox/types.ts";
import type { TargetStats } from "../../src/outbox/operation_types.ts";
import { memoryStore } from "../../src/testing/memory_store.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { checkEnd } from "./final_check.ts";
import { Client } from "./client.ts";
import type { Operation } from "./target_model.ts";
import { type Faults, noFaults } from "./faults.ts";
import { FaultyStore } from "./faulty_store.ts";
import { Model } from "./model.ts";
import { Operator } from "./operator.ts";
import { checkStats } from "./recount.ts";
import { Receivers } from "./receivers.ts";
import { SimProcess } from "./process.ts";
import { Simulation } from "./simulation.ts";

const DAY = 24 * 60 * 60 * 1000;
const HOUR = 60 * 60 * 1000;

/** The outbox under test; a broken copy of it when a bug was planted. */
export type MakeOutbox = typeof createOutboxIn;

/** A process with its outbox. */
export type Node = {
  readonly process: SimProcess;
  readonly outbox: Outbox;
  /** What it can deliver to. */
  readonly targets: readonly string[];
};

/** What a cluster is made with. */
export type ClusterOptions = {
  readonly seed: number;
  readonly targets: readonly string[];
  /** Those that keep the order of a session. */
  readonly ordered?: readonly string[];
  /** The targets that receive the outbox's own events, by type. */
  readonly subscribers?: Readonly<Record<string, readonly string[]>>;
  readonly make?: MakeOutbox | undefined;
  readonly retention?: number;
  readonly disableAfter?: number;
  readonly eventLog?: boolean;
  /** Checks in a commit. */
  readonly checks?: number;
  readonly traced?: boolean;
};

/** What a process is started with. */
export type SpawnOptions = {
  readonly skew?: number;
  readonly onDeath?: () => void;
  /** What it can deliver to, when that is not everything. */
  readonly targets?: readonly string[];
  /** Digests of where targets go to. */
  readonly addresses?: ReadonlyMap<string, string>;
};

/** Processes over one store. */
export class Cluster {
  readonly simulation: Simulation;
  readonly store: Store;
  readonly model: Model;
  readonly receivers: Receivers;
  readonly client: Client;
  readonly operator: Operator;
  readonly targets: readonly string[];
  crashes = 0;
  readonly #options: ClusterOptions;
  readonly #retention: number;
  readonly #nodes: Node[] = [];

  constructor(options: ClusterOptions) {
    const { seed, targets, retention = 30 * DAY, checks = 10, traced, ordered = [] } = options;
    const { disableAfter, eventLog = true } = options;
    this.#options = options;
    this.#retention = retention;
    this.simulation = new Simulation(seed, traced);
    this.store = memoryStore({ now: () => this.simulation.now, limits: { checks } });
    this.model = new Model(this.simulation, {
      lifetimes: { head: retention, rest: retention + DAY, seen: 2 * DAY },
      subscribers: (process, type) => this.#subscribersOf(process, type),
      eventLog,
    });
    this.model.endpoints.disableAfter = disableAfter ?? 5 * DAY;
    this.receivers = new Receivers(this.simulation, this.model, ordered);
    this.client = new Client(this.simulation, this.model);
    this.operator = new Operator(this.simulation, this.model);
    this.targets = targets;
  }

  /** A new process, which can publish; `start` makes it a worker. */
  spawn(name: string, faults: Faults, options: SpawnOptions = {}): Node {
    const { skew = 0, onDeath = () => {}, targets = this.targets, addresses = [] } = options;
    const { make = createOutboxIn, disableAfter, eventLog } = this.#options;
    const process = new SimProcess(name, this.simulation, skew);
    for (const [target, address] of addresses) process.addresses.set(target, address);
    const store = new FaultyStore(this.store, process, faults, this.model);
    const retention = this.#retention;
    const outbox = make(process.clock, store, {
      retention,
      logger: silentLogger,
      disableAfter,
      eventLog,
    });
    process.onDeath = () => {
      this.crashes++;
      onDeath();
    };
    const node = { process, outbox, targets };
    this.#nodes.push(node);
    for (const target of targets) outbox.register(this.receivers.target(process, target));
    outbox.connect?.({
      targetsOf: ({ type }) => this.#subscribersOf(process, type),
      announce: ({ id }) => this.model.own.announced(process, id, this.model.heads.has(id)),
    });
    return node;
  }

  #subscribersOf(process: SimProcess, type: string): readonly string[] {
    const node = this.#nodes.find((node) => node.process === process);
    return (this.#options.subscribers?.[type] ?? []).filter((w) => node?.targets.includes(w));
  }

  /** Ends every process, lets healthy ones work until all is quiet, and checks what is left. */
  async finish(): Promise<void> {
    const { simulation, model, operator } = this;
    this.receivers.mood = () => "ok";
    this.#end();
    const [node] = ["last 1", "last 2"].map((name) => this.spawn(name, noFaults));
    for (const { outbox } of this.#nodes.slice(-2)) outbox.start();
    const quiet = (): boolean =>
      model.waiting.every((place) => "id" in place && !model.heads.has(String(place.id)));
    // What was sent before and comes late, has come.
    await simulation.run(simulation.now + 2 * 60_000);
    const ask = (operation: Operation, w: string): void => void operator.ask(operation, w, node!);
    for (const w of model.endpoints.off) ask("enable", w);
    for (const w of operator.unfinished) if (model.endpoints.isRemoved(w)) ask("remove", w);
    for (let hour = 0; hour < 8 && !quiet(); hour++) {
      await simulation.run(simulation.now + HOUR, quiet);
    }
    let stats: readonly TargetStats[] | undefined;
    const { outbox } = node!;
    simulation.after(60_000, () => void outbox.stats().then((told) => stats = told, () => {}));
    await simulation.run(simulation.now + 2 * 60_000);
    this.#end();
    await simulation.run(simulation.now + 1_000);
    this.client.check();
    // Days that are over by the retention are in no figure.
    const all = model.waiting.length === 0 && this.#retention > DAY;
    if (all) checkStats(stats, model);
    await checkEnd(this.store, model, this.receivers, simulation.now);
  }

  /** The end of the run is no crash. */
  #end(): void {
    for (const { process } of this.#nodes) {
      process.onDeath = () => {};
      process.kill();
    }
  }
}
