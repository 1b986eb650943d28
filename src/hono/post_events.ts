import * as v from "valibot";
import { agentEventSchemas } from "../core/agent_event_schemas.ts";
import {
  DispatchError,
  EventValidationError,
  type HandlerOutcome,
  type HookEvent,
  type HookRegistry,
  type Receipt,
} from "../core/mod.ts";
import { guarded } from "../core/reporter.ts";
import { sha256Hex } from "../internal/crypto.ts";
import { parseStringItem } from "../internal/http_fields.ts";
import { maskError } from "../internal/mask_error.ts";
import type { StandardIssue, StandardSchemaV1 } from "../internal/standard_schema.ts";
import type { Outbox } from "../outbox/mod.ts";
import { StoreLimitError } from "../store/errors.ts";
import { checkScope } from "./auth.ts";
import { readBody } from "./body.ts";
import { type AppContext, type RequestState, respondJson, waitUntilOf } from "./context.ts";
import { isStreamHook } from "./stream/live.ts";
import {
  eventBodies,
  type PostedEvents,
  readCloudEvents,
  readMode,
  readNativeEvents,
  traceparentIn,
} from "./decode_events.ts";
import { inputErrors, Problem, storeLimit, toPointer, toProblem } from "./problems.ts";
import { defineRoute, type Route } from "./router.ts";
import * as s from "./schemas.ts";

const receipt = s.object({
  id: s.eventId,
  deliveries: s.count,
  duplicate: s.boolean,
  handlers: v.optional(
    s.list(s.object({ name: s.string, ok: s.boolean, error: v.optional(s.string) })),
  ),
});

/** A receipt in JSON. */
export type ReceiptJson = v.InferOutput<typeof receipt>;

/** The route that accepts events. */
export const postEventsRoute: Route = defineRoute({
  method: "POST",
  path: "/events",
  scope: "emit",
  operationId: "postEvents",
  summary: "Emit events",
  description:
    "One event, or a batch that is stored as a whole or not at all; or CloudEvents, which are stored " +
    "one by one: to complete a batch that failed halfway, send it again. CloudEvents in binary mode " +
    "have their attributes in ce-* headers, and data as the body. Every event gets a new id: a posted " +
    "id is the one by which the sender knows the event, and a second event with it is a duplicate. An " +
    "event has at most 256 KiB and 64 levels of nesting, and no integers beyond 2^53. The data of an " +
    "agent event has the fields of its type.",
  query: {
    wait: s.describe(s.boolean, "Whether the response has the outcome of each handler", true),
  },
  headers: {
    "idempotency-key": s.describe(
      s.idempotencyKey,
      "A second request with the same key gets the response of the first, and stores nothing. Requires " +
        "an outbox. A CloudEvents batch with a key is stored as a whole or not at all. May also be a " +
        "quoted string, as in RFC 9651",
      "8f14e45f",
    ),
  },
  content: eventBodies,
  response: {
    status: 202,
    description: "The events are accepted: a receipt for each, in their order",
    schema: s.object({ receipts: s.list(receipt) }),
    example: { receipts: [{ id: s.EXAMPLE_ID, deliveries: 1, duplicate: false }] },
    headers: { "idempotent-replayed": "true, for the response of an earlier request" },
  },
  problems: [
    "idempotency_in_progress",
    "idempotency_conflict",
    "store_limit",
    "too_many_waits",
    "hooks_closed",
    "hooks_not_ready",
    "outbox_required",
    "outbox_unavailable",
  ],
  handle: (c, { query, outbox }) => postEvents(c, query.wait ?? false, outbox),
});

/** Events for the registry. */
type Batch = Parameters<HookRegistry["dispatchMany"]>[0];

/** Events on their way to the registry. */
type Posting = PostedEvents & {
  readonly request: RequestState;
  /** The `Idempotency-Key` of the request. */
  readonly key: string | undefined;
  /** Runs handlers after the response, where the platform can. */
  readonly waitUntil: ReturnType<typeof waitUntilOf>;
};

async function postEvents(
  c: AppContext,
  wait: boolean,
  outbox: Outbox | undefined,
): Promise<Response> {
  const request = c.get("hooksRequest");
  const { headers } = c.req.raw;
  const mode = readMode(headers);
  const key = readKey(headers, outbox);
  const waitUntil = wait ? undefined : waitUntilOf(c);
  const { limits, validate, waits } = request.app;
  const bytes = await readBody(c.req, request.app); // before it counts as waiting: slow uploads don't block others
  const waitsForHandlers = waitUntil === undefined;
  if (waitsForHandlers && !waits.tryAcquire()) throw Problem.tooMany("too_many_waits");
  try {
    const options = { limits, traceparent: traceparentIn(headers) };
    const posted = mode === undefined
      ? readNativeEvents(bytes, options)
      : readCloudEvents(headers, bytes, mode, options);
    request.logFields.events = posted.events.length;
    // Gates record their decisions in these: no other code may write them.
    const isRecord = posted.events.some(({ event: { type } }) => type.startsWith("gate."));
    if (isRecord) checkScope(request.identity, []);
    if (validate) await checkPayloads(posted);
    const posting = { ...posted, request, key, waitUntil };
    const receipts = mode === "batch" && key === undefined
      ? await dispatchOneByOne(posting)
      : await dispatchTogether(posting);
    const isReplay = key !== undefined && receipts.some(({ duplicate }) => duplicate);
    if (!isReplay) return respondReceipts(c, receipts, wait);
    const first = await Promise.all(receipts.map((receipt) => firstReceipt(outbox!, receipt)));
    return respondReceipts(c, first, false, { "idempotent-replayed": "true" });
  } finally {
    if (waitsForHandlers) waits.release();
  }
}

function readKey(headers: Headers, outbox: Outbox | undefined): string | undefined {
  const header = headers.get("idempotency-key");
  if (header === null) return undefined;
  const invalid = (detail: string) => Problem.invalid({ pointer: "Idempotency-Key", detail });
  const key = parseStringItem(header);
  if (key === undefined) throw invalid("must be quoted at both ends, or not at all");
  if (!/^[\x20-\x7e]{1,255}$/.test(key)) {
    throw invalid("must be 1 to 255 printable ASCII characters");
  }
  if (outbox === undefined) throw new Problem("outbox_required");
  return key;
}

/** Validates the payloads of agent events. @throws {Problem} with every issue */
async function checkPayloads(posted: PostedEvents): Promise<void> {
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
    ...inBody(issues, posted, 0).map(({ message, path }) => ({
      pointer: toPointer(path as readonly PropertyKey[]),
      detail: message,
    })),
  );
}

/** Dispatches all events at once: they are stored as a whole, or not at all. */
async function dispatchTogether(posting: Posting): Promise<readonly Receipt[]> {
  const { request, key } = posting;
  if (key === undefined) return dispatch(posting, await toBatch(posting));
  const { keysInProgress } = request.app;
  const idempotencyKey = await scopeKey(request, "request", key);
  if (keysInProgress.has(idempotencyKey)) {
    throw new Problem("idempotency_in_progress", { headers: { "retry-after": "1" } });
  }
  keysInProgress.add(idempotencyKey);
  try {
    return await dispatch(posting, await toBatch(posting), { idempotencyKey });
  } finally {
    keysInProgress.delete(idempotencyKey);
  }
}

/**
 * Dispatches one event after the other, because CloudEvents don't define a batch as a whole. Each has its
 * own key, so a batch that was partly accepted is completed when it is sent again.
 */
async function dispatchOneByOne(posting: Posting): Promise<readonly Receipt[]> {
  const receipts: Receipt[] = [];
  try {
    for (const item of await toBatch(posting)) {
      receipts.push(...await dispatch(posting, [item], { offset: receipts.length }));
    }
    return receipts;
  } catch (error) {
    const problem = toProblem(error);
    if (problem === undefined) throw error;
    const { headers = {}, members = {} } = problem.extras;
    throw new Problem(problem.code, {
      headers,
      members: { ...members, accepted: receipts.length },
    });
  }
}

type DispatchOptions = {
  /** The key of all events together. */
  readonly idempotencyKey?: string;
  /** The index of the first event in the body. */
  readonly offset?: number;
};

/** Dispatches events. With `waitUntil`, resolves once they are accepted, before handlers run. */
async function dispatch(
  posting: Posting,
  batch: Batch,
  { idempotencyKey, offset = 0 }: DispatchOptions = {},
): Promise<readonly Receipt[]> {
  const { request: { app: { registry, outbox, logger } }, waitUntil, list } = posting;
  try {
    if (waitUntil === undefined && outbox === undefined && list === undefined) {
      return [await dispatchOne(registry, batch[0]!.event)];
    }
    if (waitUntil === undefined) return await registry.dispatchMany(batch, { idempotencyKey });
    return await new Promise((resolve, reject) => {
      const done = registry.dispatchMany(batch, { idempotencyKey, onAccepted: resolve });
      // The events are dispatched in any case: with an error response, the client would send them again.
      const failed = (error: unknown) =>
        guarded(() => logger.warn("'waitUntil' failed", maskError(error)));
      guarded(() => waitUntil(done.catch(reject)), failed);
    });
  } catch (error) {
    if (error instanceof EventValidationError) {
      throw Problem.invalid(...inputErrors(inBody(error.issues, posting, offset)));
    }
    if (error instanceof StoreLimitError) throw storeLimit(inBody(error.issues, posting, offset));
    throw error;
  }
}

/** Dispatches one event that is not stored, which costs less than a batch of one. */
async function dispatchOne(registry: HookRegistry, event: HookEvent): Promise<Receipt> {
  try {
    return await registry.dispatch(event);
  } catch (error) {
    if (error instanceof DispatchError) return error.receipt;
    throw error;
  }
}

/** Returns issues with their paths in the body. Paths of a batch begin with the index of an event. */
function inBody(
  issues: readonly StandardIssue[],
  { list }: PostedEvents,
  offset: number,
): readonly StandardIssue[] {
  return issues.map(({ message, path = [] }) => {
    const [index, ...rest] = path;
    if (list === undefined) return { message, path: typeof index === "number" ? rest : path };
    if (typeof index !== "number") return { message, path: list }; // of the batch as a whole
    return { message, path: [...list, offset + index, ...rest] };
  });
}

/** Returns the events for the registry, each with the key that follows from its external id. */
function toBatch({ events, kind, request }: Posting): Batch | Promise<Batch> {
  if (request.app.outbox === undefined) return events;
  return Promise.all(events.map(async ({ event, hasTimestamp, externalId }) => {
    const idempotencyKey = externalId === undefined
      ? undefined
      : await scopeKey(request, kind, externalId);
    return { event, hasTimestamp, idempotencyKey, fresh: true };
  }));
}

/** Returns a key for the outbox, scoped by its kind and the name of the sender. */
function scopeKey({ identity }: RequestState, kind: string, key: string): Promise<string> {
  return sha256Hex(JSON.stringify([identity.name, kind, key]));
}

/** Returns the receipt of the first request under a key. The outcomes of its handlers are not stored. */
async function firstReceipt(outbox: Outbox, receipt: Receipt): Promise<Receipt> {
  const stored = await outbox.getEvent(receipt.id);
  return { ...receipt, deliveries: stored?.targets.length ?? 0, duplicate: false };
}

function respondReceipts(
  c: AppContext,
  receipts: readonly Receipt[],
  wait: boolean,
  headers?: Readonly<Record<string, string>>,
): Response {
  const body = receipts.map(({ id, deliveries, duplicate, handlers }): ReceiptJson => {
    if (!wait) return { id, deliveries, duplicate };
    const outcomes = handlers.filter(({ name }) => !isStreamHook(name)).map(toOutcomeJson);
    return { id, deliveries, duplicate, handlers: outcomes };
  });
  return respondJson(c, 202, { receipts: body }, headers);
}

/** Returns the outcome of a handler. Errors may hold anything: only codes of this package are shown. */
function toOutcomeJson({ name, ok, error }: HandlerOutcome) {
  if (ok) return { name, ok };
  const { code } = (error ?? {}) as { readonly code?: unknown };
  const isOwn = typeof code === "string" && /^(?:hook|webhook|hooks)_[a-z_]{1,40}$/.test(code);
  return { name, ok, error: isOwn ? code : "failed" };
}
