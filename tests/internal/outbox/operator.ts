import type { Outbox } from "../../../src/outbox/outbox.ts";
import type { Operation } from "./endpoint_ledger.ts";
import type { Ledger } from "./ledger.ts";
import type { SimProcess } from "./sim_process.ts";
import type { World } from "./world.ts";

/** Who turns targets on and off, and removes them: what is answered must be true. */
export class Operator {
  /** Targets whose removal began, and is not known to have ended: it is to be asked for again. */
  readonly unfinished = new Set<string>();
  readonly #world: World;
  readonly #ledger: Ledger;

  constructor(world: World, ledger: Ledger) {
    this.#world = world;
    this.#ledger = ledger;
  }

  /** Asks for something in a process; whether it was done, as far as is known. */
  async ask(
    operation: Operation,
    target: string,
    process: SimProcess,
    outbox: Outbox,
  ): Promise<boolean> {
    const { endpoints } = this.#ledger;
    const began = this.#world.now;
    endpoints.ask(operation, target);
    this.#world.log(() => `${process.name} is to ${operation} ${target}`);
    if (operation === "remove") this.unfinished.add(target);
    try {
      await outbox[operation](target);
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      const removed = /it was removed/.test(message) && endpoints.isRemoved(target);
      const unknown = /none is named/.test(message);
      const lost = code === "outbox_unavailable" || message === "connection lost";
      if (!removed && !unknown && !lost && process.alive) {
        this.#ledger.violate(`an operator got ${error}`);
      }
      return false;
    }
    if (!process.alive) return false;
    if (operation === "remove") this.unfinished.delete(target);
    this.#world.log(() => `${process.name} did ${operation} ${target}`);
    if (!endpoints.did(operation, target, began)) {
      this.#ledger.violate(`${operation} ${target}: done, as is said, and is not`);
    }
    return true;
  }
}
