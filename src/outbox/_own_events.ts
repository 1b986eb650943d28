import { createEventIdAt, type HookEvent, type QueueHost, toWire } from "../core/mod.ts";
import { type Draft, putDue, putHead } from "./_draft.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import { type Retention, UNLEASED } from "./_records.ts";
import type { OutboxEvents } from "./operations.ts";

/** The outbox's own: that one of them died is not told, as it could go on for ever. */
const OWN: ReadonlySet<string> = new Set<keyof OutboxEvents>(["webhook.disabled", "delivery.dead"]);

/** What the outbox's own events are made with. */
export type OwnEventsOptions = {
  readonly keys: Keys;
  readonly env: Env;
  readonly retention: Retention;
  readonly eventLog: boolean;
  /** Something was stored that nobody has leased. */
  readonly wake: () => void;
};

/** The events of the outbox itself: each rides in the commit that causes it. */
export class OwnEvents {
  readonly #options: OwnEventsOptions;
  readonly #hosts = new Set<QueueHost>();

  constructor(options: OwnEventsOptions) {
    this.#options = options;
  }

  connect(host: QueueHost): void {
    this.#hosts.add(host);
  }

  /**
   * Adds an event to a commit; what is returned is called once that has succeeded.
   *
   * @param cause The type of the event that died
   */
  put<Type extends keyof OutboxEvents>(
    draft: Draft,
    type: Type,
    data: OutboxEvents[Type],
    cause?: string,
  ): () => void {
    if (cause !== undefined && OWN.has(cause)) return () => {};
    const { keys, env, retention, eventLog, wake } = this.#options;
    const at = env.now();
    const id = createEventIdAt(at);
    const event: HookEvent = Object.freeze({ id, type, timestamp: new Date(at), data });
    const to = [...new Set([...this.#hosts].flatMap((host) => host.targetsOf(event)))];
    if (to.length > 0 || eventLog) {
      putHead(draft, { id, wire: toWire(event), to }, at, keys, retention);
      for (const target of to) putDue(draft, keys.due(target, at, id), UNLEASED, retention);
    }
    return () => {
      for (const host of this.#hosts) host.announce(event);
      if (to.length > 0) wake();
    };
  }
}
