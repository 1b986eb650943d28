import type { ReplayOptions } from "../../src/outbox/operation_types.ts";
import type { OutboxOperations } from "../../src/outbox/types.ts";
import type { Node } from "./cluster.ts";
import type { Operation } from "./target_model.ts";
import type { DeliveryState } from "./delivery_model.ts";
import type { Model } from "./model.ts";
import type { Simulation } from "./simulation.ts";

/** Enables, disables, and removes targets, retries, replays, and lists, and checks every result. */
export class Operator {
  /** Targets whose removal began, and is not known to have ended: it is to be asked for again. */
  readonly unfinished = new Set<string>();
  readonly #simulation: Simulation;
  readonly #model: Model;

  constructor(simulation: Simulation, model: Model) {
    this.#simulation = simulation;
    this.#model = model;
  }

  /** Asks for a change of an endpoint. */
  async ask(operation: Operation, target: string, node: Node): Promise<void> {
    const { endpoints } = this.#model;
    const began = this.#simulation.now;
    endpoints.ask(operation, target);
    if (operation === "remove") this.unfinished.add(target);
    const what = `${operation} ${target}`;
    const done = await this.#call(what, node, async (outbox) => {
      await outbox[operation](target);
      return true;
    });
    if (!done) return;
    if (operation === "remove") this.unfinished.delete(target);
    if (!endpoints.did(operation, target, began)) {
      this.#model.violate(`${what}: done, as is said, and is not`);
    }
  }

  /** Wants a delivery now. */
  async retry(target: string, id: string, node: Node): Promise<void> {
    const model = this.#model;
    const what = `retry ${target} ${id}`;
    const stored = model.heads.has(id);
    const outcome = await this.#call(what, node, (outbox) => outbox.retry(target, id));
    if (outcome === undefined) return;
    const gone = model.isGone(id, this.#simulation.now) || model.endpoints.isRemoved(target);
    const wrong = stored && (outcome === "unknown" || outcome === "gone") && !gone;
    const queued = outcome === "queued" && !model.known.get(`${target} ${id}`)?.ordered;
    if (wrong || queued) model.violate(`${what}: ${outcome}, and it is there`);
  }

  /** Wants many again. */
  async replay(options: ReplayOptions, node: Node): Promise<void> {
    const what = `replay ${options.state} of ${options.target}`;
    const before = this.#model.totals.replays;
    const result = await this.#call(what, node, (outbox) => outbox.replay(options));
    const most = this.#model.totals.replays - before;
    if (result && result.replayed > most) {
      this.#model.violate(`${what}: ${result.replayed}, as is said, and it was ${most}`);
    }
  }

  /** Lists page after page while others settle: none is listed twice, and none is missed. */
  async walk(state: "dead" | "attempted", node: Node): Promise<void> {
    const isIn = ({ w, dead, log }: DeliveryState): boolean =>
      !this.#model.endpoints.isRemoved(w) && (state === "dead" ? dead : log) !== undefined;
    const before = [...this.#model.known.values()].filter(isIn);
    const marks = new Map(before.map((known) => [known, known.revivals]));
    const found = await this.#call(`list ${state}`, node, (outbox) => pagesOf(outbox, state));
    if (found === undefined) return;
    const names = new Set(found);
    if (names.size < found.length) this.#model.violate(`list ${state}: one is listed twice`);
    for (const known of before) {
      const stayed = isIn(known) && (state !== "dead" || marks.get(known) === known.revivals);
      if (stayed && !names.has(known.name)) {
        this.#model.violate(`list ${state}: ${known.name} is missing`);
      }
    }
  }

  /** Calls a process; undefined when it dies, or the store fails. */
  async #call<T>(
    what: string,
    { process, outbox }: Node,
    call: (outbox: OutboxOperations) => Promise<T>,
  ): Promise<T | undefined> {
    this.#simulation.log(() => `${process.name} is to ${what}`);
    try {
      const result = await call(outbox);
      this.#simulation.log(() => `${process.name} did ${what}: ${JSON.stringify(result)}`);
      return process.alive ? result : undefined;
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      const target = what.split(" ")[1]!;
      const removed = /it was removed/.test(message) && this.#model.endpoints.isRemoved(target);
      const lost = code === "outbox_unavailable" || message === "connection lost";
      if (!removed && !/there is no target/.test(message) && !lost && process.alive) {
        this.#model.violate(`an operator got ${error}`);
      }
      return undefined;
    }
  }
}

async function pagesOf(outbox: OutboxOperations, state: "dead" | "attempted"): Promise<string[]> {
  const found: string[] = [];
  for (let options: { cursor?: string } | undefined = {}; options;) {
    const { items, cursor } = await outbox.listDeliveries({ state, limit: 3, ...options });
    found.push(...items.map(({ target, eventId }) => `${target} ${eventId}`));
    options = cursor === undefined ? undefined : { cursor };
  }
  return found;
}
