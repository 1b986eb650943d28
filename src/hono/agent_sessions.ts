import type { FinalDecision, HookRegistry } from "../core/mod.ts";
import { createEvent } from "../core/snapshot.ts";
import type { HookCall, ReportedEvent } from "../dialects/mod.ts";

/** The most sessions, runs and calls that are remembered: more than agents have at once. */
const MAX_REMEMBERED = 10_000;

/** The most decisions that are remembered for one call id: agents use an id for one call, which a hook may change. */
const MAX_PER_CALL = 10;

/**
 * Emits the events that agents report over HTTP, and adds what is missing: the start of a session, where they
 * have no HTTP hook for it, and the duration of a run. It remembers ids, and forgets the oldest.
 */
export class AgentSessions {
  readonly #registry: HookRegistry;
  readonly #isDurable: boolean;
  readonly #seen = new Map<string, true>();
  readonly #startedAt = new Map<string, number>();
  /** What uses up the decisions about calls that have not ended, by call, then by decision. */
  readonly #allowed = new Map<string, ReadonlyMap<string, () => Promise<unknown>>>();

  constructor(registry: HookRegistry, isDurable: boolean) {
    this.#registry = registry;
    this.#isDurable = isDurable;
  }

  /** Emits `session.created` before the first event of a session, unless that event is one. */
  async begin(agent: string, { sessionId, events }: HookCall): Promise<void> {
    if (sessionId === undefined) return;
    const key = `${agent}:${sessionId}`;
    if (this.#seen.has(key)) return;
    const isReported = events.some(({ type }) => type === "session.created");
    if (!isReported) {
      const data = { session_id: sessionId, action: "created", client: { name: agent } };
      // Another process may have seen the session, in another run: the run is not part of this.
      const event = { type: "session.created", data };
      await this.#dispatch(event, { sessionId, runId: undefined }, `session.created:${key}`);
    }
    remember(this.#seen, key, true);
  }

  /** Resolves when an event is accepted. Its handlers aren't waited for: an agent waits for this. */
  async emit(event: ReportedEvent, { sessionId, runId }: HookCall): Promise<void> {
    await this.#dispatch(this.timed(event, sessionId), { sessionId, runId });
  }

  /** Returns the end of a run with its duration, and notes the start of one. */
  timed(event: ReportedEvent, sessionId: string | undefined): ReportedEvent {
    const { type, data } = event;
    const key = JSON.stringify([sessionId, data.agent_id]);
    if (type === "agent.start") remember(this.#startedAt, key, Date.now());
    if (type !== "agent.end") return event;
    const startedAt = this.#startedAt.get(key);
    const duration_ms = startedAt === undefined ? 0 : Math.max(0, Date.now() - startedAt);
    return { ...event, data: { ...data, duration_ms } };
  }

  /**
   * Notes that a call was allowed, and uses up the decision once the call has ended: the next one is judged. So is
   * each call with other data that had the same id.
   */
  async note(
    { type, data }: ReportedEvent,
    sessionId: string | undefined,
    allowed?: FinalDecision,
  ): Promise<void> {
    if (typeof data.call_id !== "string") return;
    const key = JSON.stringify([sessionId, data.call_id]);
    const noted = this.#allowed.get(key);
    if (type === "tool.called") {
      const use = allowed && this.#registry.gates.useLater(allowed);
      if (use === undefined) return;
      const uses = new Map([...noted ?? [], [allowed!.id, use]]);
      const [[oldest, useOldest]] = [...uses] as [[string, () => Promise<unknown>]];
      const isFull = uses.size > MAX_PER_CALL && uses.delete(oldest);
      remember(this.#allowed, key, uses);
      if (isFull) await useOldest();
    } else if (type === "tool.completed") {
      this.#allowed.delete(key);
      await Promise.all(Array.from(noted?.values() ?? [], (use) => use()));
    }
  }

  #dispatch(
    { type, data }: ReportedEvent,
    correlation: Pick<HookCall, "sessionId" | "runId">,
    key?: string,
  ): Promise<unknown> {
    const event = createEvent(type, data, correlation);
    const idempotencyKey = this.#isDurable ? key : undefined;
    return new Promise((resolve, reject) => {
      this.#registry.dispatchMany([{ event, fresh: true, idempotencyKey }], { onAccepted: resolve })
        .then(resolve, reject);
    });
  }
}

/** Adds an entry to a map, which forgets its oldest one when it is full. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_REMEMBERED) return;
  const [oldest] = map.keys();
  map.delete(oldest!);
}
