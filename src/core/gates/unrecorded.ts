import { denied, type FinalDecision, type Judged, unrecorded } from "./decision.ts";
import { decidedEvent } from "./gate_events.ts";
import type { HostParts } from "./gate_host.ts";

/** What is known of a decision that the store has no record of. */
export type Unrecorded = Pick<Judged, "id" | "event"> & {
  readonly digestIn?: string | undefined;
};

/** Denies an event whose decision can't be recorded, and reports that. */
export function denyUnrecorded(
  host: Pick<HostParts, "clock" | "recorder" | "reporter" | "announce">,
  made: Unrecorded | Judged,
  error: unknown,
): FinalDecision {
  host.reporter.failed("Cannot record decision", error, made.event);
  const decision = unrecorded(made, error);
  announceUnrecorded(host, made, decision);
  return decision;
}

/**
 * Tells the handlers of this process, and its metrics, that an event was denied because the store failed. Nothing
 * else can: webhooks and lists get their events from the store. A decision that was denied for another reason, as
 * the hooks were closed, isn't announced.
 */
export function announceUnrecorded(
  { clock, recorder, announce }: Pick<HostParts, "clock" | "recorder" | "announce">,
  made: Unrecorded | Judged,
  { id, reason, failure, gates, askId }: FinalDecision,
): void {
  if (failure === undefined) return;
  recorder.count("omniagent.hooks.gate.decisions", 1, { verdict: "failed", failure });
  const { event, digestIn = "" } = made;
  const known = "outcome" in made ? made : { outcome: { gates }, digest: digestIn };
  const { data } = event;
  const outcome = denied({ data, gate: undefined, context: [], ...known.outcome }, reason!, true);
  const took = Math.max(0, Math.round(clock.now() - event.timestamp.getTime()));
  const { digest } = known;
  announce(decidedEvent({ took, id, event, digestIn, digest, outcome }, { askId, failure }));
}
