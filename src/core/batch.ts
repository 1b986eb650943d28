/**
 * Several events at once: a door of its own, as few programs have that need.
 *
 * @module
 */
import type { Engine } from "./_engine.ts";
import type { Plan } from "./_plans.ts";
import { Run } from "./_run.ts";
import { snapshotOf } from "./snapshot.ts";
import type { Receipt } from "./emitter.ts";
import { DispatchError, EventValidationError } from "./errors.ts";
import type { HookEvent } from "./events.ts";
import { engineOf, type HookRegistry } from "./registry.ts";
import type { StandardIssue } from "../internal/standard_schema.ts";

/** One event of a batch. */
export type BatchEvent = {
  readonly event: HookEvent;
  /** A second event under the same key is a duplicate. */
  readonly idempotencyKey?: string | undefined;
};

/** Options of a batch. */
export type BatchOptions = {
  /** A second batch under the same key is a duplicate as a whole, whatever the keys of its events. */
  readonly idempotencyKey?: string | undefined;
  /** Called when all events are accepted, before the first handler runs. */
  readonly accepted?: ((receipts: readonly Receipt[]) => void) | undefined;
};

/** An event, what is stored and sent of it, and who hears it. */
type Part = BatchEvent & { readonly plan: Plan; readonly sent: HookEvent };

/**
 * Dispatches several new events, with ids made for them: all are judged and stored, or none; then handlers
 * run, event by event. That a handler failed stands in its event's receipt, and stops nobody.
 *
 * @throws {EventValidationError} naming every fault by path, behind the index of its event
 * @throws {HookInitError} when a hook could not be opened
 * @throws {HooksClosedError} after `close`
 */
export function dispatchBatch<Events extends object>(
  registry: HookRegistry<Events>,
  batch: readonly BatchEvent[],
  options: BatchOptions = {},
): Promise<readonly Receipt[]> {
  const engine = engineOf(registry as unknown as HookRegistry);
  const { idempotencyKey, accepted: onAccepted } = options;
  return engine.run(async () => {
    const events = await judge(engine, batch);
    while (engine.lifecycle.hasWaiting) await engine.lifecycle.open();
    const parts = events.map((one): Part => {
      const plan = engine.plans.for(one.event.type)!; // it is an event
      return { ...one, plan, sent: engine.outgoing.redact(one.event, plan) };
    });
    const stored = await engine.outgoing.publish(
      parts.map(({ sent, plan, idempotencyKey }) => ({ sent, plan, idempotencyKey, fresh: true })),
      { idempotencyKey },
    );
    const accepted = stored ?? parts.map(({ event }) => receiptOf(event));
    onAccepted?.(accepted);
    const receipts: Receipt[] = [];
    for (const [index, part] of parts.entries()) {
      const receipt = accepted[index]!;
      receipts.push(receipt.duplicate ? receipt : await run(engine, part, receipt.deliveries));
    }
    return receipts;
  });
}

/** Resolves to the snapshots of a batch, taken at the call, when every event may pass. */
async function judge(
  engine: Engine,
  batch: readonly BatchEvent[],
): Promise<readonly BatchEvent[]> {
  const issues: StandardIssue[] = [];
  const refuse = (error: unknown, index: number): void => {
    if (!(error instanceof EventValidationError)) throw error;
    for (const { message, path = [] } of error.issues) {
      issues.push({ message, path: [index, ...path] });
    }
  };
  const taken = batch.map((one, index): BatchEvent | undefined => {
    try {
      return { ...one, event: snapshotOf(one.event, "Cannot dispatch") };
    } catch (error) {
      refuse(error, index);
      return undefined;
    }
  });
  for (const [index, one] of taken.entries()) {
    try {
      if (one) await engine.acceptance.enter(one.event, undefined, false);
    } catch (error) {
      refuse(error, index);
    }
  }
  if (issues.length > 0) throw new EventValidationError("Cannot dispatch a batch", issues);
  return taken as readonly BatchEvent[];
}

/** Calls the handlers of one event. */
async function run(engine: Engine, part: Part, deliveries: number): Promise<Receipt> {
  const { event, plan, sent } = part;
  const { signal } = engine.lifecycle.abandoned;
  const run = new Run(plan, event, engine.host, {
    deliveries,
    sent,
    signal,
    contextFor: (entry) => engine.contextFor(entry, [event.type], signal),
  });
  try {
    return await run.go(0);
  } catch (error) {
    if (error instanceof DispatchError) return error.receipt;
    throw error;
  }
}

function receiptOf({ id }: HookEvent): Receipt {
  return { id, deliveries: 0, duplicate: false, handlers: [] };
}
