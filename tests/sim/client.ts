import type { HookEvent, Publication, Receipt } from "../../src/core/mod.ts";
import type { Outbox } from "../../src/outbox/types.ts";
import type { Model } from "./model.ts";
import { textOf } from "./receivers.ts";
import type { SimProcess } from "./process.ts";
import type { Simulation } from "./simulation.ts";

/** What the caller of `publish` was told. */
type Told =
  | { readonly kind: "accepted"; readonly receipts: readonly Receipt[] }
  | { readonly kind: "not stored" | "unknown" | "conflict" | "nothing" };

/** How a batch is published: with one key as a whole, by a caller who gives up after some milliseconds. */
type SendOptions = {
  readonly timeout?: number | undefined;
  readonly key?: string | undefined;
};

/** One call of `publish`. */
type Call = {
  readonly batch: readonly Publication[];
  readonly key: string | undefined;
  told: Told;
};

/** The callers: they keep what they were told, for the checks at the end. */
export class Client {
  readonly calls: Call[] = [];
  readonly #simulation: Simulation;
  readonly #model: Model;
  #counter = 0;

  constructor(simulation: Simulation, model: Model) {
    this.#simulation = simulation;
    this.#model = model;
  }

  /** A new event; `data` and the session are what makes two of them the same under a key. */
  event(data: unknown, sessionId: string | undefined = "s-1", type = "tool.called"): HookEvent {
    const time = this.#simulation.now.toString(16).padStart(12, "0");
    const count = (this.#counter++).toString(16).padStart(12, "0");
    const id = `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${count}`;
    const timestamp = new Date(this.#simulation.now);
    const session = sessionId === "" ? {} : { sessionId };
    const event: HookEvent = { id, type, timestamp, ...session, data };
    this.#model.published.set(id, textOf(event));
    return event;
  }

  /** Publishes from a process; what it is told, unless it dies before. */
  async publish(
    process: SimProcess,
    outbox: Outbox,
    batch: readonly Publication[],
    { timeout, key }: SendOptions = {},
  ): Promise<Told> {
    const call: Call = { batch, key, told: { kind: "nothing" } };
    this.calls.push(call);
    const ids = (): string => batch.map(({ event }) => event.id.slice(-4)).join(" ");
    this.#simulation.log(() => `${process.name} publishes ${ids()}`);
    const giveUp = new AbortController();
    if (timeout !== undefined) process.after(timeout, () => giveUp.abort(new Error("enough")));
    const told = await this.#tell(outbox, batch, giveUp.signal, key);
    if (!process.alive) return call.told;
    this.#simulation.log(() => `${process.name} is told of ${ids()}: ${told.kind}`);
    call.told = told;
    if (told.kind === "accepted") {
      told.receipts.forEach((receipt, i) => this.#accepted(receipt, batch[i]!, key));
    }
    return told;
  }

  async #tell(
    outbox: Outbox,
    batch: readonly Publication[],
    signal: AbortSignal,
    idempotencyKey: string | undefined,
  ): Promise<Told> {
    try {
      const options = { signal, idempotencyKey };
      const publications = batch.map((one) => ({ fresh: true, ...one }));
      return { kind: "accepted", receipts: await outbox.publish(publications, options) };
    } catch (error) {
      if (error === signal.reason) return { kind: "nothing" };
      const { code, stored } = error as { code?: string; stored?: unknown };
      if (code === "idempotency_conflict") return { kind: "conflict" };
      if (code === "outbox_unavailable") {
        return { kind: stored === false ? "not stored" : "unknown" };
      }
      this.#model.violate(`a caller got ${error}`);
      return { kind: "unknown" };
    }
  }

  /** I1, at the very moment. */
  #accepted(
    { id, duplicate, deliveries }: Receipt,
    publication: Publication,
    key: string | undefined,
  ): void {
    const { event, to, idempotencyKey = key ?? "" } = publication;
    const stored = this.#model.heads.has(id) || !this.#isKept(publication);
    if (!stored) this.#model.violate(`I1: ${id} was accepted, and is not in the store`);
    if (!duplicate && id !== event.id) {
      this.#model.violate(`I4: ${event.id} was accepted as ${id}`);
    }
    const relayed = publication.fresh === false && id === event.id;
    if (duplicate && !relayed && !this.#model.used.has(`${idempotencyKey} ${id}`)) {
      this.#model.violate(`idempotency: ${event.id} is no duplicate of ${id}`);
    }
    const [is, shall] = [event.id, id].map((name) => this.#contentOf(name));
    if (duplicate && is !== shall) {
      this.#model.violate(`idempotency: ${event.id} is another event than ${id}, and no conflict`);
    }
    if (deliveries !== (duplicate ? 0 : to.length)) {
      this.#model.violate(`the receipt of ${id} counts ${deliveries} deliveries`);
    }
  }

  /** Whether an event is stored at all. */
  #isKept({ to, idempotencyKey }: Publication): boolean {
    return to.length > 0 || idempotencyKey !== undefined || this.#model.eventLog;
  }

  /** Type, session and data of what was published. */
  #contentOf(id: string): string {
    const [, type, , session, data] = JSON.parse(this.#model.published.get(id) ?? "[]");
    return JSON.stringify([type, session, data]);
  }

  /** What callers were told, against what was stored in the end. */
  check(): void {
    for (const { batch, told, key } of this.calls) {
      const keys = [key, ...batch.map(({ idempotencyKey }) => idempotencyKey)];
      if (keys.some((one) => one !== undefined && this.#model.forgotten.has(one))) continue;
      const own = batch.filter((publication, i) =>
        this.#isKept(publication) && !(told.kind === "accepted" && told.receipts[i]!.duplicate)
      );
      const there = own.filter(({ event }) => this.#model.heads.has(event.id));
      const ids = batch.map(({ event }) => event.id).join(" ");
      const none = told.kind === "not stored" || told.kind === "conflict";
      // Of an event from elsewhere, another process may have stored what this one could not.
      const relayed = batch.some(({ fresh }) => fresh === false);
      if (none && there.length > 0 && !relayed) {
        this.#model.violate(`${told.kind}, and it is: ${ids}`);
      }
      const keyed = batch.some(({ idempotencyKey }) => idempotencyKey !== undefined);
      // Of a batch whose caller was told nothing, what was a duplicate is not known.
      const partly = there.length > 0 && there.length < own.length;
      if (partly && !(keyed && told.kind !== "accepted")) {
        this.#model.violate(`a batch was stored in part: ${ids}`);
      }
      if (told.kind !== "accepted") continue;
      told.receipts.forEach(({ id, duplicate }, i) => {
        const { event } = batch[i]!;
        if (duplicate && event.id !== id && this.#model.heads.has(event.id)) {
          this.#model.violate(`idempotency: duplicate ${event.id} was stored too`);
        }
      });
    }
  }
}
