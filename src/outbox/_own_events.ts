import { snapshotOf } from "../core/snapshot.ts";
import { createEventIdAt } from "../internal/uuid.ts";
import { type HookEvent, type QueueHost, toWire } from "../core/mod.ts";
import { type Draft, putDue, putHead } from "./_draft.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import { type Retention, UNLEASED } from "./_records.ts";
import type { TroubleLog } from "./_trouble_log.ts";
import type { OutboxEvents } from "./operations.ts";

/** The outbox's own events. Their deliveries never cause events of the same kind, to prevent loops. */
const OWN: ReadonlySet<string> = new Set<keyof OutboxEvents>(["webhook.disabled", "delivery.dead"]);

/** Targets that one of them goes to, at most: it must fit the commit that causes it. */
const MOST_TARGETS = 256;

/** What the outbox's own events are made with. */
export type OwnEventsOptions = {
  readonly keys: Keys;
  readonly env: Env;
  readonly retention: Retention;
  readonly eventLog: boolean;
  readonly log: TroubleLog;
  /** Something was stored that nobody has leased. */
  readonly wake: () => void;
};

/** The events of the outbox itself: each rides in the commit that causes it. */
export class OwnEvents {
  readonly #options: OwnEventsOptions;
  #host: QueueHost | undefined;

  constructor(options: OwnEventsOptions) {
    this.#options = options;
  }

  /** @throws {TypeError} when other hooks have the outbox: closing them would stop it for both */
  connect(host: QueueHost): { unregister(): void } {
    if (this.#host) {
      throw new TypeError(
        "Cannot create hooks with this outbox as other hooks have it: close them first, or create " +
          "another outbox over the same store",
      );
    }
    this.#host = host;
    const unregister = (): void => {
      if (this.#host === host) this.#host = undefined;
    };
    return { unregister };
  }

  /** The targets of an event, other than the one that it is about. */
  #targetsOf(event: HookEvent, about: string): readonly string[] {
    const all = (this.#host?.targetsOf(event) ?? []).filter((target) => target !== about);
    if (all.length <= MOST_TARGETS) return all;
    this.#options.log.warn(
      `'${event.type}' goes to the first ${MOST_TARGETS} of the ${all.length} targets that subscribe to it`,
    );
    return all.slice(0, MOST_TARGETS);
  }

  /**
   * Adds an event to a commit; what is returned is called once that has succeeded. The target that it is
   * about does not get it.
   *
   * @param cause The type of the event whose delivery caused it
   */
  put<Type extends keyof OutboxEvents>(
    draft: Draft,
    type: Type,
    data: OutboxEvents[Type],
    cause?: string,
  ): () => void {
    const isSilent = type === "delivery.dead" ? OWN.has(cause ?? "") : cause === type;
    if (isSilent) return () => {};
    const { keys, env, retention, eventLog, wake } = this.#options;
    const at = env.now();
    const id = createEventIdAt(at);
    const made: HookEvent = { id, type, timestamp: new Date(at), data };
    const event = snapshotOf(made, `Cannot publish '${type}'`);
    const to = this.#targetsOf(event, data.target);
    if (to.length > 0 || eventLog) {
      putHead(draft, { id, wire: toWire(event), to }, at, keys, retention);
      for (const target of to) putDue(draft, keys.due(target, at, id), UNLEASED, retention);
    }
    return () => {
      this.#host?.announce(event);
      if (to.length > 0) wake();
    };
  }
}
