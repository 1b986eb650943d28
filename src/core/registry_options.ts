import type { DeliveryQueue } from "./delivery.ts";
import type { AgentEvents, EventSchemas, HookEvent } from "./events.ts";
import type { Logger } from "./hook.ts";
import type { EventOf } from "./patterns.ts";
import type { Store } from "../store/mod.ts";

/** Options of a registry. Durations are in milliseconds. */
export interface RegistryOptions<Events extends object = AgentEvents> {
  /**
   * A validator per event type; payloads that fail are refused before any handler runs. It gets a copy of
   * the payload in its JSON form, and what it returns is not used.
   */
  readonly schemas?: EventSchemas<Events> | undefined;
  /** Durable delivery of webhooks and durable hooks. @default none: webhooks are delivered inline */
  readonly outbox?: DeliveryQueue | undefined;
  /** Where hooks keep things. @default none */
  readonly store?: Store | undefined;
  /** Where failures are logged. @default the console, warnings and errors */
  readonly logger?: Logger | undefined;
  /**
   * Returns the event to store and send, with the same id and type. It receives its own copy, which it
   * can change and return; handlers of this process see the original. If it throws, nothing is stored
   * and no handler runs.
   */
  readonly redact?: (event: EventOf<Events>) => HookEvent;
  /**
   * Hears every failure that is logged: of a handler, of a filter, of `waitUntil`, of a hook that is closed
   * before `close`; and every event that the async form could not dispatch.
   */
  readonly onError?: ((error: unknown, event?: HookEvent) => void) | undefined;
  /** Hears every event that `overflow: "drop"` drops. */
  readonly onDrop?: ((event: HookEvent) => void) | undefined;
  /** How many background events run at once; `Infinity`: no limit. @default {100} */
  readonly maxConcurrent?: number | undefined;
  /** How many background events can wait in the queue; `Infinity`: no limit. @default {10000} */
  readonly maxPending?: number | undefined;
  /** Past that: `"reject"` reports to `onError`, `"drop"` to `onDrop`. @default {"reject"} */
  readonly overflow?: "reject" | "drop" | undefined;
  /** Keeps the platform alive until an event of the async form is done. @default none */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /** Longest `close`, up to ten years; `Infinity`: no limit. @default {30000} */
  readonly closeTimeout?: number | undefined;
}
