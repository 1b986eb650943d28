import {
  createHooks,
  encodeEvent,
  fixedRetry,
  type HandlerContext,
  type HookEvent,
  type Hooks,
  WebhookHook,
} from "@omniagent/hooks";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore, RecordingHook } from "@omniagent/hooks/testing";
import fc from "../support/fast_check.ts";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";
import { vandalize } from "../support/vandalize.ts";

type AnyEvents = Record<string, unknown>;
const logger = Object.freeze({ ...silentLogger }); // it is the user's, and reached through the context
type Payload = Record<string, unknown>;

/** When a listener changes what it was given. */
const moments = ["at once", "a microtask later", "when it has ended"] as const;
type Moment = (typeof moments)[number];

/** What a test is made of. */
type Plan = {
  readonly payload: Payload;
  readonly way: keyof typeof ways;
  readonly durable: boolean;
  /** Attempts of each target that fail before one succeeds. */
  readonly failures: number;
  readonly moment: Moment;
  readonly redact: "none" | "in place" | "copy";
  readonly transform: "in place" | "async" | "copy";
  readonly schema: boolean;
  readonly format: "native" | "cloudevents" | "cloudevents-binary";
};

/** A handler, filter or hook that changes what it can; in strict mode that throws, which is caught. */
async function listen(moment: Moment, ...given: readonly unknown[]): Promise<void> {
  const change = (): void => given.forEach((value) => void vandalize(value));
  if (moment === "when it has ended") return void setTimeout(change);
  if (moment === "a microtask later") await null;
  change();
}

/** How the event is emitted; `emitted` is called as soon as that call has returned. */
type Way = (hooks: Hooks<AnyEvents>, payload: Payload, emitted: () => void) => Promise<unknown>;

const ways = {
  "emit": (hooks, payload, emitted) => {
    const options = { sessionId: "s" };
    const done = hooks.emit("a", payload, options);
    options.sessionId = "other";
    emitted();
    return done;
  },
  "emitInBackground": (hooks, payload, emitted) => {
    hooks.emitInBackground("a", payload, { sessionId: "s" });
    emitted();
    return hooks.drain();
  },
  "dispatch": (hooks, payload, emitted) => {
    const event = eventOf(payload);
    const done = hooks.registry.dispatch(event);
    vandalizeShallow(event);
    emitted();
    return done;
  },
  "dispatchAsync": (hooks, payload, emitted) => {
    const event = eventOf(payload);
    hooks.registry.dispatchAsync(event);
    vandalizeShallow(event);
    emitted();
    return hooks.drain();
  },
  "context.emit": (hooks, payload, emitted) => {
    hooks.on("begin", (_, context: HandlerContext<AnyEvents>) => {
      const done = context.emit("a", payload, { sessionId: "s" });
      emitted();
      return done;
    });
    return hooks.emit("begin", null);
  },
} as const satisfies Readonly<Record<string, Way>>;

function eventOf(data: unknown): HookEvent {
  const timestamp = new Date("2026-04-22T10:30:00.125Z");
  return { id: crypto.randomUUID(), type: "a", timestamp, sessionId: "s", data };
}

/** Only the event: its payload is changed by the caller. */
function vandalizeShallow(event: HookEvent): void {
  event.timestamp.setTime(0);
  Object.assign(event, { id: "other", type: "b", sessionId: "other", data: "other" });
}

/** What `redact` and `transform` do to a payload. */
const change = (payload: unknown, by: string): Payload => ({ ...payload as Payload, by });

const text = new TextDecoder();
const jsonOf = (event: HookEvent): string => text.decode(encodeEvent(event));

async function run(plan: Plan): Promise<void> {
  const original = structuredClone(plan.payload);
  const payload = structuredClone(plan.payload); // the plan itself is needed for the report
  const sent: Record<string, string[]> = { plain: [], changed: [], durable: [] };
  const seen: string[] = [];
  const left = { plain: plan.failures, changed: plan.failures, durable: plan.failures };
  const retry = { retryCount: 3, retryDelay: 0, retry: fixedRetry({ delay: 0, retries: 0 }) };
  const webhook = (name: "plain" | "changed", transform?: (event: HookEvent) => unknown) =>
    new WebhookHook({
      ...{ name, events: ["a"], url: "https://hooks.example.com/", format: plan.format },
      ...retry,
      ...(transform ? { transform } : {}),
      async fetch(_input, init) {
        const body = await new Response(init!.body).text();
        const time = new Headers(init!.headers).get("ce-time") ?? "";
        sent[name]!.push(`${time} ${body}`);
        return new Response(null, { status: left[name]-- > 0 ? 503 : 204 });
      },
    });
  const recorder = new RecordingHook<AnyEvents>({
    events: ["a"],
    handle: (event, context) => listen(plan.moment, event, context),
  });
  const store = memoryStore();
  const outbox = plan.durable ? createOutbox(store, { logger }) : undefined;
  const validate = (value: unknown) => (vandalize(value), { value: "other" });
  const hooks = createHooks<AnyEvents>({
    logger,
    store,
    outbox,
    onError: (_, event) => vandalize(event),
    ...(plan.schema
      ? { schemas: { a: { "~standard": { version: 1, vendor: "test", validate } } } }
      : {}),
    ...(plan.redact === "none" ? {} : {
      redact(event) {
        if (event.type !== "a") return event;
        const { data } = event as HookEvent<string, Payload>;
        if (plan.redact === "copy") return { ...event, data: change(data, "redact") };
        setTimeout(() => vandalize(event)); // it may keep what it returned
        data.by = "redact";
        return event;
      },
    }),
  });
  hooks.use(
    webhook("plain"),
    webhook("changed", async (event) => {
      const { data } = event as HookEvent<string, Payload>;
      if (plan.transform === "copy") return { ...event, data: change(data, "transform") };
      if (plan.transform === "async") await null;
      setTimeout(() => vandalize(event));
      data.by = "transform";
      return event;
    }),
    recorder,
  );
  if (plan.durable) {
    hooks.use({
      ...{ name: "durable", events: ["a"], durable: true },
      retry: fixedRetry({ delay: 0, retries: 3 }),
      async handle(event, context) {
        sent.durable!.push(jsonOf(event));
        await listen(plan.moment, event, context);
        if (left.durable-- > 0) throw new Error("not yet");
      },
      filter: (event) => (vandalize(event), true),
    });
  }
  for (const priority of [10, 0, -10]) {
    hooks.on("a", async (event, context) => {
      seen.push(jsonOf(event), JSON.stringify(event.data));
      await listen(plan.moment, event, context);
      seen.push(jsonOf(event));
    }, { priority, name: `h${priority}`, filter: (event) => (vandalize(event), true) });
  }
  try {
    await ways[plan.way](hooks, payload, () => {
      assert.deepEqual(payload, original, "the caller's payload was changed");
      vandalize(payload);
    });
    assert.ok(!Object.isFrozen(payload));
    const event = recorder.recorded[0]!;
    if (outbox) {
      const ended = async (target: string): Promise<boolean> =>
        (await outbox.get(target, event.id))!.state !== "pending";
      for (const target of ["plain", "changed", "durable"]) {
        await until(() => ended(target), target);
      }
    }
    const json = JSON.parse(JSON.stringify(original));
    const expected = { id: event.id, type: "a", timestamp: event.timestamp, sessionId: "s" };
    const stored = plan.redact === "none" ? json : change(json, "redact");
    assert.equal(seen.length, 9, "three handlers, at three moments each");
    for (const found of new Set(seen)) {
      const whole = jsonOf({ ...expected, data: json });
      assert.ok(found === whole || found === JSON.stringify(json), `a handler got ${found}`);
    }
    const dataOf = (body: string): unknown => {
      const parsed = JSON.parse(body.slice(body.indexOf(" ") + 1));
      return plan.format === "cloudevents-binary" ? parsed : parsed.data;
    };
    const attempts = plan.failures + 1;
    for (
      const [name, data] of Object.entries({
        plain: stored,
        changed: change(stored, "transform"),
      })
    ) {
      assert.equal(sent[name]!.length, attempts, `attempts of ${name}`);
      assert.equal(new Set(sent[name]).size, 1, `attempts of ${name} differ: ${sent[name]}`);
      assert.deepEqual(dataOf(sent[name]![0]!), data, name);
    }
    if (outbox) {
      const bytes = jsonOf({ ...expected, data: stored });
      assert.deepEqual(sent.durable, Array.from({ length: attempts }, () => bytes));
      assert.equal(jsonOf((await outbox.getEvent(event.id))!.event), bytes, "the store");
    }
  } finally {
    await hooks.close();
  }
}

const plans: fc.Arbitrary<Plan> = fc.record({
  payload: fc.record({
    list: fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 3 }),
    nested: fc.dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 3 })),
    // What is not yet JSON, and changes on its own.
    at: fc.constantFrom<unknown>("now", null, new Date(5), undefined),
  }) as fc.Arbitrary<Payload>,
  way: fc.constantFrom(...Object.keys(ways) as (keyof typeof ways)[]),
  durable: fc.boolean(),
  failures: fc.integer({ min: 0, max: 2 }),
  moment: fc.constantFrom(...moments),
  redact: fc.constantFrom("none", "in place", "copy"),
  transform: fc.constantFrom("in place", "async", "copy"),
  schema: fc.boolean(),
  format: fc.constantFrom("native", "cloudevents", "cloudevents-binary"),
});

test("changes by listeners and the caller don't reach attempts or the store", () =>
  fc.assert(fc.asyncProperty(plans, run), { numRuns: 40 }));

test("publish() of an outbox without hooks stores the event as it was at the call", async () => {
  const outbox = createOutbox(memoryStore(), { logger });
  const event = eventOf({ list: [1] });
  const bytes = jsonOf(event);
  const { id } = event;
  const options = { idempotencyKey: "k" };
  const published = outbox.publish([{ event, to: [] }], options);
  vandalize(event.data);
  vandalizeShallow(event);
  options.idempotencyKey = "other";
  await published;
  assert.equal(jsonOf((await outbox.getEvent(id))!.event), bytes);
});
