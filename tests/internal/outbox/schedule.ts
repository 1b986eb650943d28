import { Callers } from "./callers.ts";
import { Cluster, type MakeOutbox, type Node, type SpawnOptions } from "./cluster.ts";
import { RandomFaults } from "./faults.ts";
import { type Profile, profileOf } from "./profile.ts";
import { Random } from "./random.ts";
import type { Mood } from "./receivers.ts";
import { Storm } from "./storm.ts";
import { deterministically } from "./world.ts";

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
  const hearers = { "delivery.dead": ["a", "o"], ...eventLog && { "webhook.disabled": ["b"] } };
  const options = { seed, targets, ordered, hearers, make, traced, checks, eventLog, disableAfter };
  const cluster = new Cluster({ ...options, ...retention });
  cluster.ledger.endpoints.calm = profile.calm;
  const schedule = new Schedule(cluster, profile);
  return await deterministically(cluster.world.random.fork(), () => schedule.run());
}

class Schedule {
  readonly #cluster: Cluster;
  readonly #profile: Profile;
  readonly #random: Random;
  readonly #faults: RandomFaults;
  readonly #nodes = new Map<number, Node>();
  readonly #moods = new Map<string, Mood>();
  readonly #storm: Storm;
  readonly #callers: Callers;
  #on = true;
  #spawned = 0;

  constructor(cluster: Cluster, profile: Profile) {
    this.#cluster = cluster;
    this.#profile = profile;
    this.#random = cluster.world.random.fork();
    this.#storm = new Storm(cluster);
    this.#callers = new Callers(cluster, () => this.#pick());
    this.#faults = new RandomFaults(cluster.world.random.fork(), profile.rates, profile.kinds);
  }

  async run(): Promise<Result> {
    const { world, ledger, receivers, targets } = this.#cluster;
    const { calm, doomed, workers, minutes, publishEvery, killEvery, freezeEvery } = this.#profile;
    const { operateEvery, intrudeEvery } = this.#profile;
    world.log(() => JSON.stringify(this.#profile));
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
      if (node) this.#storm.operate(node, this.#pick() ?? node);
    });
    this.#every(intrudeEvery, () => void this.#storm.intrude());
    await world.run(world.now + minutes * MINUTE);
    this.#on = false;
    this.#callers.on = false;
    this.#faults.on = false;
    await this.#storm.restore();
    if (calm) await world.run(world.now + 2 * MINUTE);
    await this.#cluster.finish();
    if (calm) this.#checkCalm();
    return { faults: ledger.faults, totals: this.#totals(), trace: world.trace };
  }

  /** Where nothing gave a reason to, nothing was sent twice. */
  #checkCalm(): void {
    const { ledger, receivers } = this.#cluster;
    for (const [name, sends] of receivers.sends) {
      if (ledger.endpoints.isRemoved(name.split(" ")[0]!)) continue;
      const made = ledger.known.get(name)?.log?.made ?? 0;
      if (sends !== made) ledger.violate(`I5: ${name} was sent ${sends} times for ${made}`);
    }
  }

  #every(mean: number, action: () => void): void {
    if (mean === Infinity) return;
    const wait = this.#random.between(mean / 10, 2 * mean);
    this.#cluster.world.after(wait, () => {
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
    const { world } = this.#cluster;
    const { skew, calm } = this.#profile;
    const name = `w${place}.${this.#spawned++}`;
    const wrong = this.#random.between(-skew, skew);
    const onDeath = (): void => {
      world.after(this.#random.between(100, 8_000), () => this.#spawn(place));
    };
    const differs = this.#random.chance(this.#profile.differing);
    const node = this.#cluster.spawn(name, this.#faults, {
      skew: wrong,
      onDeath,
      ...differs ? this.#differing() : {},
    });
    this.#nodes.set(place, node);
    world.log(() => `${name} begins, its clock ${wrong} ms ahead`);
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
    this.#cluster.world.log(() => `${node.process.name} is asked to stop`);
    node.process.stopping = true;
    void node.outbox.stop();
    this.#cluster.world.after(5_000, () => node.process.kill());
  }

  #totals(): Readonly<Record<string, number>> {
    const { ledger, receivers, crashes, client } = this.#cluster;
    let duplicates = 0;
    for (const [name, sends] of receivers.sends) {
      duplicates += Math.max(0, sends - (ledger.known.get(name)?.log?.made ?? 0));
    }
    return {
      events: ledger.heads.size,
      deliveries: ledger.known.size,
      sends: receivers.totals.sends,
      crashes,
      lost: ledger.leases.totals.lost,
      reclaims: ledger.leases.totals.reclaims,
      duplicates,
      dead: [...ledger.known.values()].filter(({ dead }) => dead).length,
      refused: ledger.totals.refused,
      commits: ledger.totals.commits,
      "grown lanes": ledger.lanes.totals.grown,
      replays: ledger.totals.replays,
      moves: ledger.leases.totals.moves,
      ...ledger.endpoints.totals,
      ...ledger.own.totals,
      "publishes without an answer": client.calls.filter(({ told }) => told.kind === "unknown")
        .length,
      virtualMinutes: this.#profile.minutes,
    };
  }
}
