import type { OutboxOperations, ReplayOptions } from "../../../src/outbox/operations.ts";
import type { Node } from "./cluster.ts";
import type { Operation } from "./endpoint_ledger.ts";
import type { Known } from "./known.ts";
import type { Ledger } from "./ledger.ts";
import type { World } from "./world.ts";

/** Who turns targets on and off, removes them, retries, replays and lists: what is answered must be true. */
export class Operator {
  /** Targets whose removal began, and is not known to have ended: it is to be asked for again. */
  readonly unfinished = new Set<string>();
  readonly #world: World;
  readonly #ledger: Ledger;

  constructor(world: World, ledger: Ledger) {
    this.#world = world;
    this.#ledger = ledger;
  }

  /** Asks for a change of an endpoint. */
  async ask(operation: Operation, target: string, node: Node): Promise<void> {
    const { endpoints } = this.#ledger;
    const began = this.#world.now;
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
      this.#ledger.violate(`${what}: done, as is said, and is not`);
    }
  }

  /** Wants a delivery now. */
  async retry(target: string, id: string, node: Node): Promise<void> {
    const ledger = this.#ledger;
    const what = `retry ${target} ${id}`;
    const stored = ledger.heads.has(id);
    const outcome = await this.#call(what, node, (outbox) => outbox.retry(target, id));
    if (outcome === undefined) return;
    const gone = ledger.isGone(id, this.#world.now) || ledger.endpoints.isRemoved(target);
    const wrong = stored && (outcome === "unknown" || outcome === "gone") && !gone;
    const queued = outcome === "queued" && !ledger.known.get(`${target} ${id}`)?.ordered;
    if (wrong || queued) ledger.violate(`${what}: ${outcome}, and it is there`);
  }

  /** Wants many again. */
  async replay(options: ReplayOptions, node: Node): Promise<void> {
    const what = `replay ${options.state} of ${options.target}`;
    const before = this.#ledger.totals.replays;
    const result = await this.#call(what, node, (outbox) => outbox.replay(options));
    const most = this.#ledger.totals.replays - before;
    if (result && result.replayed > most) {
      this.#ledger.violate(`${what}: ${result.replayed}, as is said, and it was ${most}`);
    }
  }

  /** Lists page after page while others settle: none is listed twice, and none is missed. */
  async walk(state: "dead" | "attempted", node: Node): Promise<void> {
    const isIn = ({ w, dead, log }: Known): boolean =>
      !this.#ledger.endpoints.isRemoved(w) && (state === "dead" ? dead : log) !== undefined;
    const before = [...this.#ledger.known.values()].filter(isIn);
    const marks = new Map(before.map((known) => [known, known.revivals]));
    const found = await this.#call(`list ${state}`, node, (outbox) => pagesOf(outbox, state));
    if (found === undefined) return;
    const names = new Set(found);
    if (names.size < found.length) this.#ledger.violate(`list ${state}: one is listed twice`);
    for (const known of before) {
      const stayed = isIn(known) && (state !== "dead" || marks.get(known) === known.revivals);
      if (stayed && !names.has(known.name)) {
        this.#ledger.violate(`list ${state}: ${known.name} is missing`);
      }
    }
  }

  /** Calls a process; undefined when it dies, or the store fails. */
  async #call<T>(
    what: string,
    { process, outbox }: Node,
    call: (outbox: OutboxOperations) => Promise<T>,
  ): Promise<T | undefined> {
    this.#world.log(() => `${process.name} is to ${what}`);
    try {
      const result = await call(outbox);
      this.#world.log(() => `${process.name} did ${what}: ${JSON.stringify(result)}`);
      return process.alive ? result : undefined;
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      const target = what.split(" ")[1]!;
      const removed = /it was removed/.test(message) && this.#ledger.endpoints.isRemoved(target);
      const lost = code === "outbox_unavailable" || message === "connection lost";
      if (!removed && !/none is named/.test(message) && !lost && process.alive) {
        this.#ledger.violate(`an operator got ${error}`);
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
