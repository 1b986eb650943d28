import { createHooks, type Hooks } from "../../src/core/mod.ts";
import { createOutboxIn } from "../../src/outbox/outbox.ts";
import type { Outbox } from "../../src/outbox/types.ts";
import type { Store } from "../../src/store/mod.ts";
import { memoryStore } from "../../src/testing/memory_store.ts";
import type { WebhookStore } from "../../src/webhook_store/mod.ts";
import { webhookStoreIn } from "../../src/webhook_store/webhook_store.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { type Fault, type Faults, isRead } from "./faults.ts";
import { FaultyStore } from "./faulty_store.ts";
import { SimProcess } from "./process.ts";
import type { Random } from "./random.ts";
import { Simulation } from "./simulation.ts";
import { WebhookModel } from "./webhook_model.ts";

/** The key of all processes: 32 bytes. */
const KEY = "c2ltdWxhdGVkIGtleSBvZiB0aGlydHktdHdvIGJ5dGU=";
/** How long a read that is slow, or stalls its process, may disturb it, in milliseconds. */
const SLOW = 50_000;

/** How the receiver of a webhook responds. */
export type Mood = "ok" | "flaky" | "slow" | "down" | "final" | "gone" | "later";

/** A process with hooks, which follow the webhooks of the store. */
export type WebhookNode = {
  readonly process: SimProcess;
  readonly hooks: Hooks;
  readonly outbox: Outbox;
  readonly webhooks: WebhookStore;
};

/** Plants a bug in the store of a process. */
export type Plant = (store: Store) => Store;

/** Whole processes over one store: hooks, outbox, and webhooks that are stored. */
export class WebhookCluster {
  readonly simulation: Simulation;
  readonly store: Store;
  readonly model: WebhookModel;
  /** How receivers respond, by webhook. */
  readonly moods = new Map<string, Mood>();
  readonly nodes: WebhookNode[] = [];
  readonly totals = { crashes: 0, sends: 0, tests: 0 };
  readonly #plant: Plant;
  readonly #random: Random;

  constructor(seed: number, plant: Plant = (store) => store, traced = false) {
    this.simulation = new Simulation(seed, traced);
    this.store = memoryStore({ now: () => this.simulation.now });
    this.model = new WebhookModel(this.simulation, KEY);
    this.#plant = plant;
    this.#random = this.simulation.random.fork();
  }

  /** The processes that are alive. */
  get alive(): readonly WebhookNode[] {
    return this.nodes.filter(({ process }) => process.alive);
  }

  /** Starts a process: it reads the webhooks of the store, again and again until it can. */
  spawn(name: string, faults: Faults, onDeath: () => void = () => {}): WebhookNode {
    const process = new SimProcess(name, this.simulation, 0);
    const faulty = new FaultyStore(this.store, process, this.#watched(process, faults), this.model);
    const store = this.#plant(faulty);
    const outbox = createOutboxIn(process.clock, store, { logger: silentLogger });
    const hooks = createHooks({ outbox, logger: silentLogger });
    const network = new Network(process, this);
    const webhooks = webhookStoreIn(process.clock, store, {
      encryptionKey: KEY,
      guard: { capabilities: CAPABILITIES, check: () => Promise.resolve() },
      fetch: network.fetch,
    });
    webhooks.connect(hooks);
    process.onDeath = () => {
      network.close();
      this.totals.crashes++;
      onDeath();
    };
    const init = (): void => void hooks.init().catch(() => process.after(1_000, init));
    init();
    const node = { process, hooks: hooks as Hooks, outbox, webhooks };
    this.nodes.push(node);
    return node;
  }

  /** Ends every process that is alive. That is no crash. */
  end(): void {
    const { crashes } = this.totals;
    for (const { process } of this.alive) process.kill();
    this.totals.crashes = crashes;
  }

  /** Returns how long a receiver takes, in milliseconds, and the status with which it responds. */
  respond(name: string): { readonly takes: number; readonly status: number } {
    const mood = this.moods.get(name) ?? "ok";
    const takes = mood === "slow" ? this.#random.between(500, 8_000) : this.#random.between(1, 80);
    const isFlaky = mood === "flaky" && this.#random.chance(0.5);
    const status = isFlaky ? 500 : STATUS[mood];
    return { takes, status };
  }

  /** Tells the model when reads of a process meet faults: until then it can't follow changes. */
  #watched(process: SimProcess, faults: Faults): Faults {
    return {
      next: (purpose) => {
        const fault: Fault = faults.next(purpose);
        const { now } = this.simulation;
        const isSlow = fault === "slow" || fault === "stall";
        if (fault !== "none" && isRead(purpose)) {
          this.model.disturb(process, now + (isSlow ? SLOW : 100));
        }
        return fault;
      },
    };
  }
}

const STATUS: Readonly<Record<Mood, number>> = {
  ...{ ok: 204, flaky: 204, slow: 204 },
  ...{ down: 503, final: 400, gone: 410, later: 429 },
};

const CAPABILITIES = { runtime: "unknown", resolves: false, pinsAddress: false } as never;

/** The network as one process reaches it. */
class Network {
  readonly #process: SimProcess;
  readonly #cluster: WebhookCluster;
  /** Rejects the requests that are in flight. */
  readonly #close = new AbortController();

  constructor(process: SimProcess, cluster: WebhookCluster) {
    this.#process = process;
    this.#cluster = cluster;
  }

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    const { model, totals } = this.#cluster;
    const url = String(input);
    const name = new URL(url).hostname.split(".")[0]!;
    const headers = new Headers(init!.headers);
    const body = new TextDecoder().decode(init!.body as Uint8Array<ArrayBuffer>);
    await model.arrived(this.#process, name, { url, headers, body });
    const { id, type } = JSON.parse(body) as { readonly id: string; readonly type: string };
    const isTest = type === "webhook.test";
    if (isTest) totals.tests++;
    else totals.sends++;
    const { takes, status } = this.#cluster.respond(name);
    const { simulation } = this.#process;
    simulation.after(takes, () => status < 300 && model.confirmed.add(`${name} ${id}`));
    await this.#wait(takes, init!.signal!);
    simulation.log(() => `${this.#process.name} sent ${isTest ? type : id} to ${url}: ${status}`);
    return new Response(null, { status, ...status === 429 && { headers: { "retry-after": "5" } } });
  };

  /** The process is gone, and so is what it was sending. */
  close(): void {
    this.#close.abort(new Error("the process is gone"));
  }

  /** Waits in the process, unless that ends or gives up. */
  #wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#process.after(milliseconds, resolve);
      for (const one of [signal, this.#close.signal]) {
        one.addEventListener("abort", () => {
          cancel();
          reject(one.reason);
        }, { once: true });
      }
    });
  }
}
