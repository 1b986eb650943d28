import { type HookEvent, type QueueHost, toWire } from "../core/mod.ts";
import { snapshotOf } from "../core/snapshot.ts";
import { NO_TELEMETRY, type Telemetry } from "../core/telemetry.ts";
import type { Clock } from "../internal/clock.ts";
import { createEventIdAt } from "../internal/uuid.ts";
import type { CommitBuilder } from "./commit.ts";
import { type Layout, putDue, putEvent } from "./put_publication.ts";
import { MAX_SYSTEM_TARGETS } from "./limits.ts";
import { UNLEASED } from "./records.ts";

/** The events of the outbox itself: `createHooks<AgentEvents & OutboxEvents>`. They have no session. */
export type OutboxEvents = {
  /** A target was turned off. */
  readonly "webhook.disabled": {
    /** The webhook or durable hook. */
    readonly target: string;
    /** Why. */
    readonly reason: string;
  };
  /** A delivery was given up. */
  readonly "delivery.dead": {
    /** The webhook or durable hook. */
    readonly target: string;
    /** The event that it did not receive. */
    readonly event_id: string;
    /** Why. */
    readonly reason: string;
  };
};

/** The outbox's own events. Their deliveries never cause events of the same kind, to prevent loops. */
const SYSTEM_EVENTS: ReadonlySet<string> = new Set<keyof OutboxEvents>([
  "webhook.disabled",
  "delivery.dead",
]);

/** Dependencies of system events. */
type SystemEventsOptions = {
  readonly clock: Clock;
  readonly layout: Layout;
  readonly eventLog: boolean;
  readonly log: { warn(message: string): void };
  /** Something was stored that is not leased. */
  readonly wake: () => void;
};

/** The outbox's own events: each is part of the commit that causes it. */
export class SystemEvents {
  readonly #options: SystemEventsOptions;
  #host: QueueHost | undefined;

  constructor(options: SystemEventsOptions) {
    this.#options = options;
  }

  /** Connects hooks. @throws {TypeError} when others use the outbox: closing them would stop it for both */
  connect(host: QueueHost): { unregister(): void } {
    if (this.#host) {
      throw new TypeError(
        "Cannot create hooks: the outbox is used by other hooks. Close them first, or create another " +
          "outbox over the same store",
      );
    }
    this.#host = host;
    const unregister = (): void => {
      if (this.#host === host) this.#host = undefined;
    };
    return { unregister };
  }

  /** Where the traces and metrics of deliveries go. */
  get telemetry(): Telemetry {
    return this.#host?.telemetry ?? NO_TELEMETRY;
  }

  /**
   * Adds an event to a commit. The target that it is about doesn't receive it. Returns what to call once
   * the commit has succeeded.
   *
   * @param cause The type of the event whose delivery caused it
   */
  put<Type extends keyof OutboxEvents>(
    commit: CommitBuilder,
    type: Type,
    data: OutboxEvents[Type],
    cause?: string,
  ): () => void {
    const isSilent = type === "delivery.dead" ? SYSTEM_EVENTS.has(cause ?? "") : cause === type;
    // mutant: causes-none
    if (isSilent) return () => {};
    const { clock, layout, eventLog, wake } = this.#options;
    const at = clock.now();
    const id = createEventIdAt(at);
    const made: HookEvent = { id, type, timestamp: new Date(at), data };
    const event = snapshotOf(made, `Cannot publish '${type}'`);
    const to = this.#targetsOf(event, data.target);
    if (to.length > 0 || eventLog) {
      putEvent(commit, { id, wire: toWire(event), to }, at, layout);
      for (const target of to) putDue(commit, { target, at, id }, UNLEASED, layout);
    }
    return () => {
      this.#host?.announce(event);
      if (to.length > 0) wake();
    };
  }

  #targetsOf(event: HookEvent, about: string): readonly string[] {
    const all = (this.#host?.targetsOf(event) ?? []).filter((target) => target !== about);
    if (all.length <= MAX_SYSTEM_TARGETS) return all;
    this.#options.log.warn(
      `'${event.type}' goes to the first ${MAX_SYSTEM_TARGETS} of the ${all.length} targets that subscribe to it`,
    );
    return all.slice(0, MAX_SYSTEM_TARGETS);
  }
}
