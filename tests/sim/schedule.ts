import { RandomPublishes } from "./random_publishes.ts";
import { Cluster, type MakeOutbox, type Node, type SpawnOptions } from "./cluster.ts";
import { RandomFaults } from "./faults.ts";
import { type Profile, profileOf } from "./profile.ts";
import { Random } from "./random.ts";
import type { Mood } from "./receivers.ts";
import { RandomOperations } from "./random_operations.ts";
import { deterministically } from "./simulation.ts";

const MINUTE = 60_000;
const MOODS: readonly Mood[] = [
  "ok",
  "ok",
  "ok",
  "flaky",
  "flaky",
  "slow",
  "timeout",
  "stuck",
  "down",
  "final",
  "disable",
  "later",
];

/** What a seed came to. */
export type Result = {
  readonly faults: readonly string[];
  readonly totals: Readonly<Record<string, number>>;
  readonly trace: readonly string[];
};

/** Runs one seed. */
export async function runSeed(seed: number, make?: MakeOutbox, traced = false): Promise<Result> {
  const profile = profileOf(new Random(~seed));
  const { checks, short, eventLog, disableAfter } = profile;
  const retention = short ? { retention: 2 * MINUTE } : {};
  const targets = ["a", "b", "c", "o", "p"];
  const ordered = ["o", "p"];
  const subscribers = { "delivery.dead": ["a", "o"], ...eventLog && { "webhook.disabled": ["b"] } };
  const options = {
    seed,
    targets,
    ordered,
    subscribers,
    make,
    traced,
    checks,
    eventLog,
    disableAfter,
  };
  const cluster = new Cluster({ ...options, ...retention });
  cluster.model.endpoints.calm = profile.calm;
  const schedule = new Schedule(cluster, profile);
  return await deterministically(cluster.simulation, () => schedule.run());
}

class Schedule {
  readonly #cluster: Cluster;
  readonly #profile: Profile;
  readonly #random: Random;
  readonly #faults: RandomFaults;
  readonly #nodes = new Map<number, Node>();
  readonly #moods = new Map<string, Mood>();
  readonly #operations: RandomOperations;
  readonly #callers: RandomPublishes;
  #on = true;
  #spawned = 0;

  constructor(cluster: Cluster, profile: Profile) {
    this.#cluster = cluster;
    this.#profile = profile;
    this.#random = cluster.simulation.random.fork();
    this.#operations = new RandomOperations(cluster);
    this.#callers = new RandomPublishes(cluster, () => this.#pick());
    this.#faults = new RandomFaults(cluster.simulation.random.fork(), profile.rates, profile.kinds);
  }

  async run(): Promise<Result> {
    const { simulation, model, receivers, targets } = this.#cluster;
    const { calm, doomed, workers, minutes, publishEvery, killEvery, freezeEvery } = this.#profile;
    const { operateEvery, intrudeEvery } = this.#profile;
    simulation.log(() => JSON.stringify(this.#profile));
    receivers.mood = (target) =>
      doomed && target === "c" ? "down" : this.#moods.get(target) ?? "ok";
    for (let i = 0; i < workers; i++) this.#spawn(i);
    this.#every(publishEvery, () => {
      const node = this.#pick();
      if (node) this.#callers.publish(node);
    });
    this.#every(killEvery, () => this.#stop());
    this.#every(freezeEvery, () => {
      this.#pick()?.process.freeze(
        this.#random.pick([2_000, this.#random.between(15_000, 30_000), 60_000]),
      );
    });
    this.#every(10_000, () => {
      const mood = calm ? this.#random.pick(MOODS.slice(0, 5)) : this.#random.pick(MOODS);
      const target = this.#random.pick(targets);
      // Of ordered ones I7 would not hold: who breaks its timeout is in flight without a lease.
      this.#moods.set(target, mood === "stuck" && receivers.ordered.has(target) ? "down" : mood);
    });
    this.#every(operateEvery, () => {
      const node = this.#pick();
      if (node) this.#operations.operate(node, this.#pick() ?? node);
    });
    this.#every(intrudeEvery, () => void this.#operations.intrude());
    await simulation.run(simulation.now + minutes * MINUTE);
    this.#on = false;
    this.#callers.on = false;
    this.#faults.on = false;
    await this.#operations.restore();
    if (calm) await simulation.run(simulation.now + 2 * MINUTE);
    await this.#cluster.finish();
    if (calm) this.#checkCalm();
    return { faults: model.faults, totals: this.#totals(), trace: simulation.trace };
  }

  /** Where nothing gave a reason to, nothing was sent twice. */
  #checkCalm(): void {
    const { model, receivers } = this.#cluster;
    for (const [name, sends] of receivers.sends) {
      if (model.endpoints.isRemoved(name.split(" ")[0]!)) continue;
      const made = model.known.get(name)?.log?.made ?? 0;
      if (sends !== made) model.violate(`I5: ${name} was sent ${sends} times for ${made}`);
    }
  }

  #every(mean: number, action: () => void): void {
    if (mean === Infinity) return;
    const wait = this.#random.between(mean / 10, 2 * mean);
    this.#cluster.simulation.after(wait, () => {
      if (!this.#on) return;
      action();
      this.#every(mean, action);
    });
  }

  #pick(): Node | undefined {
    return this.#random.pick([...this.#nodes.values()].filter(({ process }) => process.alive));
  }

  /** Starts a process: a worker, or one that is woken by cron alone. */
  #spawn(place: number): void {
    if (!this.#on) return;
    const { simulation } = this.#cluster;
    const { skew, calm } = this.#profile;
    const name = `w${place}.${this.#spawned++}`;
    const wrong = this.#random.between(-skew, skew);
    const onDeath = (): void => {
      simulation.after(this.#random.between(100, 8_000), () => this.#spawn(place));
    };
    const differs = this.#random.chance(this.#profile.differing);
    const node = this.#cluster.spawn(name, this.#faults, {
      skew: wrong,
      onDeath,
      ...differs ? this.#differing() : {},
    });
    this.#nodes.set(place, node);
    simulation.log(() => `${name} begins, its clock ${wrong} ms ahead`);
    if (calm || this.#random.chance(0.75)) node.outbox.start();
    else this.#cron(node);
  }

  /** Another deployment: a target is not known, or goes elsewhere. */
  #differing(): SpawnOptions {
    const { targets } = this.#cluster;
    const other = this.#random.pick(targets);
    if (this.#random.chance(0.5)) return { targets: targets.filter((target) => target !== other) };
    return { addresses: new Map([[other, "two"]]) };
  }

  #cron(node: Node): void {
    node.process.after(this.#random.between(2_000, 20_000), () => {
      node.outbox.drainOnce({ timeout: 15_000 }).catch(() => {});
      this.#cron(node);
    });
  }

  /** Kills a process: at once, or after it was asked to stop. */
  #stop(): void {
    const node = this.#pick();
    if (node === undefined || node.process.stopping) return;
    if (this.#random.chance(0.5)) return node.process.kill();
    this.#cluster.simulation.log(() => `${node.process.name} is asked to stop`);
    node.process.stopping = true;
    void node.outbox.stop();
    this.#cluster.simulation.after(5_000, () => node.process.kill());
  }

  #totals(): Readonly<Record<string, number>> {
    const { model, receivers, crashes, client } = this.#cluster;
    let duplicates = 0;
    for (const [name, sends] of receivers.sends) {
      duplicates += Math.max(0, sends - (model.known.get(name)?.log?.made ?? 0));
    }
    return {
      events: model.heads.size,
      deliveries: model.known.size,
      sends: receivers.totals.sends,
      crashes,
      lost: model.leases.totals.lost,
      reclaims: model.leases.totals.reclaims,
      duplicates,
      dead: [...model.known.values()].filter(({ dead }) => dead).length,
      refused: model.totals.refused,
      commits: model.totals.commits,
      "grown sessions": model.sessions.totals.grown,
      replays: model.totals.replays,
      moves: model.leases.totals.moves,
      ...model.endpoints.totals,
      ...model.own.totals,
      "publishes without a result": client.calls.filter(({ told }) => told.kind === "unknown")
        .length,
      virtualMinutes: this.#profile.minutes,
    };
  }
}
