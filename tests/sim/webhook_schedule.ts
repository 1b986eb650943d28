import type { HookEvent } from "../../src/core/mod.ts";
import { COMMIT_FAULTS, type Fault, noFaults, PURPOSES, RandomFaults } from "./faults.ts";
import { contents } from "./final_check.ts";
import type { Random } from "./random.ts";
import { deterministically } from "./simulation.ts";
import type { Result } from "./schedule.ts";
import { type Mood, type Plant, WebhookCluster, type WebhookNode } from "./webhook_cluster.ts";
import { WebhookOperator } from "./webhook_operator.ts";

const MINUTE = 60_000;
const MOODS: readonly Mood[] = [
  "ok",
  "ok",
  "ok",
  "flaky",
  "slow",
  "down",
  "final",
  "gone",
  "later",
];

/** Faults that a store without crashes has. */
const CALM: readonly Fault[] = ["throw before", "throw after", "false after", "twice", "echo"];

/** Runs one seed: processes that emit, and change webhooks, while they die and their store has faults. */
export async function runWebhookSeed(seed: number, plant?: Plant, traced = false): Promise<Result> {
  const cluster = new WebhookCluster(seed, plant, traced);
  const schedule = new WebhookSchedule(cluster);
  return await deterministically(cluster.simulation, () => schedule.run());
}

class WebhookSchedule {
  readonly #cluster: WebhookCluster;
  readonly #random: Random;
  readonly #faults: RandomFaults;
  readonly #operator: WebhookOperator;
  readonly #minutes: number;
  readonly #killEvery: number;
  readonly #freezeEvery: number;
  readonly #operateEvery: number;
  #isOn = true;
  #spawned = 0;
  #events = 0;

  constructor(cluster: WebhookCluster) {
    this.#cluster = cluster;
    this.#random = cluster.simulation.random.fork();
    this.#operator = new WebhookOperator(cluster);
    const isCalm = this.#random.chance(0.3);
    const rate = this.#random.pick([0.01, 0.05, 0.15]);
    const rates = PURPOSES.map((purpose) => {
      const isReading = purpose.endsWith("read");
      return [purpose, isReading ? isCalm ? 0 : rate / 4 : rate];
    });
    const kinds = isCalm ? CALM : COMMIT_FAULTS;
    this.#faults = new RandomFaults(this.#random.fork(), Object.fromEntries(rates), kinds);
    this.#minutes = this.#random.pick([0.5, 1, 1.5]);
    this.#killEvery = this.#random.pick([8_000, 20_000, Infinity]);
    this.#freezeEvery = isCalm ? Infinity : this.#random.pick([10_000, 30_000, Infinity]);
    this.#operateEvery = this.#random.pick([700, 2_000, 6_000]);
  }

  async run(): Promise<Result> {
    const { simulation, model, moods } = this.#cluster;
    for (let place = 0; place < this.#random.between(2, 3); place++) this.#spawn();
    this.#every(600, (node) => void this.#emit(node));
    this.#every(this.#operateEvery, (node) => this.#operator.operate(node, this.#pick() ?? node));
    this.#every(this.#killEvery, (node) => this.#stop(node));
    this.#every(this.#freezeEvery, ({ process }) => {
      process.freeze(this.#random.pick([2_000, this.#random.between(15_000, 30_000)])!);
    });
    this.#every(5_000, () => {
      const name = this.#random.pick([...model.webhooks.keys()]);
      if (name !== undefined) moods.set(name, this.#random.pick(MOODS));
    });
    await simulation.run(simulation.now + this.#minutes * MINUTE);
    this.#isOn = false;
    this.#faults.on = false;
    // What was sent before and comes late, has come, and what stood still goes on.
    await simulation.run(simulation.now + 2 * MINUTE);
    this.#checkAgreement();
    await this.#finish();
    this.#operator.check();
    return { faults: model.faults, totals: this.#totals(), trace: simulation.trace };
  }

  #every(mean: number, action: (node: WebhookNode) => void): void {
    if (mean === Infinity) return;
    this.#cluster.simulation.after(this.#random.between(mean / 10, 2 * mean), () => {
      if (!this.#isOn) return;
      const node = this.#pick();
      if (node) action(node);
      this.#every(mean, action);
    });
  }

  #pick(): WebhookNode | undefined {
    return this.#random.pick(this.#cluster.alive);
  }

  #spawn(): void {
    const { simulation } = this.#cluster;
    this.#cluster.spawn(`p${this.#spawned++}`, this.#faults, () => {
      simulation.after(this.#random.between(100, 8_000), () => this.#isOn && this.#spawn());
    });
  }

  /** Kills a process: at once, or while it closes. */
  #stop({ process, hooks }: WebhookNode): void {
    if (process.stopping) return;
    if (this.#random.chance(0.5)) return process.kill();
    process.stopping = true;
    void hooks.close().catch(() => {});
    this.#cluster.simulation.after(5_000, () => process.kill());
  }

  /** Who is told that an event is accepted, finds it in the store. */
  async #emit({ process, hooks }: WebhookNode): Promise<void> {
    const { simulation, model } = this.#cluster;
    const n = (++this.#events).toString(16).padStart(12, "0");
    const time = simulation.now.toString(16).padStart(12, "0");
    const event: HookEvent = {
      id: `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${n}`,
      type: this.#random.pick(["job.started", "job.done", "other"]),
      timestamp: new Date(simulation.now),
      data: { kind: this.#random.pick(["a", "b", "c"]) },
    };
    model.emits(event);
    try {
      await hooks.registry.dispatch(event as never);
      if (process.alive && !model.heads.has(event.id)) {
        model.violate(`I1: ${event.id} was accepted, and is not stored`);
      }
    } catch (error) {
      const { name, code } = error as { readonly name: string; readonly code?: string };
      const isKnown = code === "outbox_unavailable" || name === "HookInitError" ||
        name === "HooksClosedError";
      if (!isKnown && process.alive) model.violate(`a caller got ${error}`);
    }
  }

  /** Once nothing changes any longer, all processes have the webhooks that are stored, and no others. */
  #checkAgreement(): void {
    const { model, alive } = this.#cluster;
    const stored = [...model.webhooks].filter(([, { deletedAt }]) => deletedAt === undefined);
    const expected = stored.map(([name]) => name).sort().join();
    for (const { process, hooks } of alive) {
      if (process.stopping) continue;
      const webhooks = hooks.registry.list().filter(({ kind }) => kind === "webhook");
      const names = webhooks.map(({ name }) => name).sort().join();
      if (names !== expected) {
        model.violate(`I9: ${process.name} has the webhooks ${names}, and ${expected} are stored`);
      }
    }
  }

  /** Lets two healthy processes work until all is quiet, and checks what is left. */
  async #finish(): Promise<void> {
    const { simulation, model, moods, store } = this.#cluster;
    this.#cluster.end();
    moods.clear();
    const [{ outbox }] = ["last 1", "last 2"].map((name) =>
      this.#cluster.spawn(name, noFaults)
    ) as [
      WebhookNode,
      WebhookNode,
    ];
    await simulation.run(simulation.now + 10_000);
    for (const [name, { deletedAt }] of model.webhooks) {
      if (deletedAt === undefined) void outbox.enable(name).catch(() => {});
    }
    for (let tries = 0; tries < 30; tries++) {
      await simulation.run(simulation.now + MINUTE);
      const entries = await contents(store);
      if (tries > 0 && !entries.some(({ key }) => key[1] === "due")) break;
    }
    this.#cluster.end();
    await simulation.run(simulation.now + 1_000);
    await this.#checkEnd();
  }

  async #checkEnd(): Promise<void> {
    const { model, store } = this.#cluster;
    const left = new Map<string, unknown>();
    for (const { key, value } of await contents(store)) {
      const [, kind, first, second, third] = key as string[];
      const [name, id] = kind === "due" ? [first, third] : [first, second];
      left.set(`${kind} ${name} ${id}`, value);
      const isDeleted = model.webhooks.get(name!)?.deletedAt !== undefined;
      const isDelivery = ["due", "lane", "delivery", "dead"].includes(kind!);
      if (isDelivery && isDeleted && !model.late.has(`${name} ${id}`)) {
        model.violate(`I9: '${name}' was deleted, and ${key.slice(1).join(" ")} is left`);
      }
      if (kind === "webhooks" && first === "removed") {
        model.violate(`I9: '${second}' was deleted, and its deliveries were never purged`);
      }
    }
    for (const [id, to] of model.heads) {
      for (const name of to.filter((one) => model.webhooks.get(one)?.deletedAt === undefined)) {
        const log = left.get(`delivery ${name} ${id}`) as { readonly state?: string } | undefined;
        const isDead = left.has(`dead ${name} ${id}`) && log?.state === "dead";
        const isDelivered = log?.state === "delivered" && model.confirmed.has(`${name} ${id}`);
        if (isDead === isDelivered) {
          model.violate(`I9: ${id} was accepted for '${name}', and is ${log?.state ?? "lost"}`);
        }
      }
    }
    const stored = [...model.webhooks.values()].filter(({ deletedAt }) => deletedAt === undefined);
    const count = Number(left.get("webhooks count undefined") ?? 0);
    if (count !== stored.length) model.violate(`I9: ${stored.length} are stored, counted ${count}`);
  }

  #totals(): Readonly<Record<string, number>> {
    const { model, totals } = this.#cluster;
    return { events: model.heads.size, ...totals, ...model.totals, ...this.#operator.totals };
  }
}
