import type { Attempt, AttemptContext, DeliveryTarget } from "./delivery.ts";
import type { HookEvent } from "./events.ts";
import { eventAttributes, type Telemetry } from "./telemetry.ts";

/** Makes an attempt in its own span, whose trace the target sends on. Never rejects if the target doesn't. */
export function tracedAttempt(
  telemetry: Telemetry,
  target: Pick<DeliveryTarget, "name" | "attempt">,
  event: HookEvent,
  context: AttemptContext,
): Promise<Attempt> {
  const { name } = target;
  const attributes = { ...eventAttributes(event), target: name, attempt: context.attempt };
  return telemetry.span("process", attributes, async (span) => {
    const traceparent = telemetry.inject() ?? event.traceparent;
    const traced = traceparent === undefined ? context : { ...context, traceparent };
    const attempt = await target.attempt(event, traced);
    const { verdict, status, duration } = attempt;
    const isFailed = verdict !== "delivered";
    const error = isFailed ? String(status ?? verdict) : undefined;
    span.set({ status, ...(error !== undefined && { error }) });
    const measured = { target: name, outcome: verdict };
    telemetry.record("omniagent.hooks.attempt.duration", duration / 1000, measured);
    return attempt;
  });
}
