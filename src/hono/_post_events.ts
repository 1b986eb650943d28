import { agentEventSchemas } from "../core/agent_event_schemas.ts";
import { guarded } from "../core/reporter.ts";
import { maskError } from "../internal/mask_error.ts";
import { parseStringItem } from "../internal/http_fields.ts";
import { sha256Hex } from "../internal/crypto.ts";
import {
  DispatchError,
  EventValidationError,
  type HandlerOutcome,
  type HookEvent,
  type Receipt,
} from "../core/mod.ts";
import type { StandardIssue, StandardSchemaV1 } from "../internal/standard_schema.ts";
import { StoreLimitError } from "../store/mod.ts";
import { cloudEventsModeOf } from "../webhook/cloudevents/mod.ts";
import { checkJson, checkPlain, readBody } from "./_body.ts";
import type { Call } from "./_call.ts";
import { checkCloudEventsFormat, readCloudEvents } from "./_cloud_events.ts";
import { outboxOf } from "./_outbox.ts";
import { type Posted, readNativeEvents } from "./_native_events.ts";
import { inputErrors, limitErrors, pointerTo, Problem, problemOf, tooMany } from "./_problems.ts";
import { isStreamHook } from "./_feed.ts";

/** Options of a query. */
type Query = { readonly wait?: boolean };

/** Takes events in: one, a batch, or CloudEvents. */
export async function postEvents(call: Call): Promise<Response> {
  const { request: { headers }, state } = call;
  const mode = cloudEventsModeOf(headers);
  if (mode === undefined) checkJson(headers);
  else checkPlain(headers);
  checkCloudEventsFormat(headers);
  const key = readKey(call);
  const wait = (call.query as Query).wait ?? false;
  const waitUntil = wait ? undefined : call.waitUntil;
  const bytes = await readBody(call); // before the slot: a slow sender takes none from others
  if (waitUntil === undefined && !state.waits.tryAcquire()) throw tooMany("too_many_waits");
  try {
    const posted = mode === undefined
      ? readNativeEvents(call, bytes)
      : readCloudEvents(call, bytes, mode === "batch");
    call.facts.events = posted.events.length;
    if (state.validate) await checkPayloads(posted);
    const sent = { posted, key, waitUntil };
    const receipts =
      await (mode === "batch" && key === undefined ? oneByOne(call, sent) : asWhole(call, sent));
    const isReplay = key !== undefined && receipts.some(({ duplicate }) => duplicate);
    return isReplay ? await replay(call, receipts) : answer(call, receipts);
  } finally {
    if (waitUntil === undefined) state.waits.release();
  }
}

/** What came in. */
type Sent = {
  readonly posted: Posted;
  readonly key: string | undefined;
  readonly waitUntil: Call["waitUntil"];
};

/** All events at once: stored as a whole or not at all. */
async function asWhole(call: Call, { posted, key, waitUntil }: Sent): Promise<readonly Receipt[]> {
  if (key === undefined) return dispatch(call, posted, await keyed(call, posted), { waitUntil });
  const { running } = call.state;
  const idempotencyKey = await scoped(call, "request", key);
  if (running.has(idempotencyKey)) {
    throw new Problem("idempotency_in_progress", { headers: { "retry-after": "1" } });
  }
  running.add(idempotencyKey);
  try {
    return await dispatch(call, posted, posted.events, { idempotencyKey, waitUntil });
  } finally {
    running.delete(idempotencyKey);
  }
}

/**
 * One event after the other, as CloudEvents says nothing of a batch as a whole. Each has a key of its own,
 * so that a batch which was taken in part is completed when it is sent again.
 */
async function oneByOne(call: Call, { posted, waitUntil }: Sent): Promise<readonly Receipt[]> {
  const batch = await keyed(call, posted);
  const receipts: Receipt[] = [];
  try {
    for (const one of batch) {
      receipts.push(...await dispatch(call, posted, [one], { waitUntil, offset: receipts.length }));
    }
    return receipts;
  } catch (error) {
    const problem = problemOf(error);
    if (problem === undefined) throw error;
    const { headers = {}, members = {} } = problem.extras;
    throw new Problem(problem.code, {
      headers,
      members: { ...members, accepted: receipts.length },
    });
  }
}

/** An event to dispatch. */
type BatchEvent = { readonly event: HookEvent; readonly idempotencyKey?: string | undefined };

type DispatchOptions = {
  readonly idempotencyKey?: string | undefined;
  readonly waitUntil: Call["waitUntil"];
  /** Where the events begin in what was posted. */
  readonly offset?: number;
};

/** Dispatches; where the platform lives on after the answer, handlers run then. */
async function dispatch(
  call: Call,
  posted: Posted,
  batch: readonly BatchEvent[],
  { idempotencyKey, waitUntil, offset = 0 }: DispatchOptions,
): Promise<readonly Receipt[]> {
  const { registry, logger } = call.state;
  const fresh = batch.map((one) => ({ ...one, fresh: true })); // their ids were just created
  try {
    if (waitUntil !== undefined) {
      return await new Promise((resolve, reject) => {
        const done = registry.dispatchMany(fresh, { idempotencyKey, onAccepted: resolve });
        // What was given to be dispatched is: an answer that said otherwise would have it sent again.
        const failed = (error: unknown) =>
          guarded(() => logger.warn("'waitUntil' failed", maskError(error)));
        guarded(() => waitUntil(done.catch(reject)), failed);
      });
    }
    const [first] = batch;
    if (batch.length > 1 || first === undefined || idempotencyKey !== undefined) {
      return await registry.dispatchMany(fresh, { idempotencyKey });
    }
    const { idempotencyKey: own } = first;
    return [await registry.dispatch(first.event, own === undefined ? {} : { idempotencyKey: own })];
  } catch (error) {
    if (error instanceof DispatchError) return [error.receipt];
    const place = (issues: readonly StandardIssue[]) => placed(issues, posted, offset);
    if (error instanceof EventValidationError) {
      throw Problem.invalid(inputErrors(place(error.issues)));
    }
    if (error instanceof StoreLimitError) {
      throw new Problem("store_limit", limitErrors(place(error.issues)));
    }
    throw error;
  }
}

/** Validates the payloads of agent events. @throws {Problem} naming every fault */
async function checkPayloads(posted: Posted): Promise<void> {
  const schemas: Readonly<Record<string, StandardSchemaV1>> = agentEventSchemas;
  const issues: StandardIssue[] = [];
  for (const [index, { event: { type, data } }] of posted.events.entries()) {
    if (!Object.hasOwn(schemas, type)) continue;
    const result = await schemas[type]!["~standard"].validate(data);
    for (const { message, path = [] } of result.issues ?? []) {
      issues.push({ message, path: [index, "data", ...path] });
    }
  }
  if (issues.length === 0) return;
  throw Problem.invalid(
    placed(issues, posted, 0).map(({ message, path }) => ({
      pointer: pointerTo(path as readonly PropertyKey[]),
      detail: message,
    })),
  );
}

/** Issues of a batch, with their paths in the body; `offset` is the index of its first event in there. */
function placed(
  issues: readonly StandardIssue[],
  { list }: Posted,
  offset: number,
): readonly StandardIssue[] {
  return issues.map(({ message, path = [] }) => {
    const [first, ...rest] = path;
    if (list === undefined) return { message, path: typeof first === "number" ? rest : path };
    if (typeof first === "number") return { message, path: [...list, offset + first, ...rest] };
    return { message, path: path.length === 0 ? list : [...list, offset, ...path] };
  });
}

/** The events with the keys that their senders know them by. */
function keyed(
  call: Call,
  { events, kind }: Posted,
): readonly BatchEvent[] | Promise<readonly BatchEvent[]> {
  const isKnown = ({ foreignId }: Posted["events"][number]) => foreignId !== undefined;
  if (call.state.outbox === undefined || !events.some(isKnown)) return events;
  return Promise.all(
    events.map(async ({ event, foreignId }) =>
      foreignId === undefined
        ? { event }
        : { event, idempotencyKey: await scoped(call, kind, foreignId) }
    ),
  );
}

/** A key for the outbox: of this token's name, and of this kind. */
async function scoped(call: Call, kind: string, key: string): Promise<string> {
  return await sha256Hex(JSON.stringify([call.identity.name, kind, key]));
}

function readKey(call: Call): string | undefined {
  const header = call.request.headers.get("idempotency-key");
  if (header === null) return undefined;
  const refuse = (detail: string) => Problem.invalid([{ pointer: "Idempotency-Key", detail }]);
  const key = parseStringItem(header);
  if (key === undefined) throw refuse("must end with the quote that it begins with, or have none");
  if (!/^[\x20-\x7e]{1,255}$/.test(key)) {
    throw refuse("must be 1 to 255 printable ASCII characters");
  }
  if (call.state.outbox === undefined) throw new Problem("outbox_required");
  return key;
}

/** The answer of the first request under a key, again; how its handlers ended was not kept. */
async function replay(call: Call, receipts: readonly Receipt[]): Promise<Response> {
  const first = await Promise.all(receipts.map(async (receipt): Promise<Receipt> => {
    const stored = await outboxOf(call).getEvent(receipt.id);
    return { ...receipt, deliveries: stored?.targets.length ?? 0, duplicate: false };
  }));
  return answer(call, first, false, { "idempotent-replayed": "true" });
}

function answer(
  call: Call,
  receipts: readonly Receipt[],
  wait: boolean = (call.query as Query).wait ?? false,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const body = {
    receipts: receipts.map(({ id, deliveries, duplicate, handlers }) => {
      const heard = handlers.filter(({ name }) => !isStreamHook(name)).map(outcome);
      return { id, deliveries, duplicate, ...(wait ? { handlers: heard } : {}) };
    }),
  };
  return call.json(202, body, headers);
}

/** How a handler ended. What it threw may hold anything: its code is shown when it is one of ours. */
function outcome({ name, ok, error }: HandlerOutcome): Readonly<Record<string, unknown>> {
  if (ok) return { name, ok };
  const code = (error as { readonly code?: unknown } | null | undefined)?.code;
  const known = typeof code === "string" && /^(?:hook|webhook|hooks)_[a-z_]{1,40}$/.test(code);
  return { name, ok, error: known ? code : "failed" };
}
