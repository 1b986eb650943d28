import assert from "node:assert/strict";
import {
  type AgentEvents,
  createHooks,
  DispatchError,
  type EventOf,
  type Hook,
} from "@omniagent/hooks";
import { type EventMatcher, ExpectationError, RecordingHook } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

type Events = AgentEvents & { "order.paid": { total: number; items: { sku: string }[] } };

const order = { total: 5, items: [{ sku: "a" }, { sku: "b" }] };

/** A recorder that has received four events. */
async function recorded() {
  const recorder = new RecordingHook<Events>();
  const hooks = createHooks<Events>({ use: [recorder] });
  await hooks.emit("message.received", { role: "user", content: "hello" }, { sessionId: "s-1" });
  await hooks.emit("tool.called", { name: "bash", params: { command: "ls" } });
  await hooks.emit("tool.completed", { name: "bash", result: "a\nb" }, { sessionId: "s-1" });
  await hooks.emit("order.paid", order);
  return { recorder, hooks };
}

test("RecordingHook receives every event under the name 'recorder' by default", async () => {
  const { recorder } = await recorded();
  assert.equal(recorder.name, "recorder");
  assert.deepEqual(recorder.events, ["*"]);
  assert.equal(recorder.durable, false);
  const types = ["message.received", "tool.called", "tool.completed", "order.paid"];
  assert.deepEqual(recorder.types, types);
  assert.deepEqual(recorder.recorded.map(({ type }) => type), types);
  assert.deepEqual(recorder.calls.map(({ context }) => context.attempt), [1, 1, 1, 1]);
});

test("RecordingHook receives the events of its options", async () => {
  const recorder = new RecordingHook({ name: "tools", events: ["tool.*"], durable: false });
  const hooks = createHooks({ use: [recorder] });
  await hooks.emit("message.sent", { role: "assistant", content: "hi" });
  await hooks.emit("tool.called", { name: "bash" });
  recorder.expectTypes(["tool.called"]);
  assert.deepEqual(hooks.registry.list().map(({ name }) => name), ["tools"]);
});

test("RecordingHook of agent events can be used in hooks with more events", async () => {
  const recorder = new RecordingHook();
  const hook: Hook<EventOf<Events>, Events> = recorder;
  const hooks = createHooks<Events>({ use: [recorder] });
  await hooks.emit("order.paid", order);
  assert.equal(recorder.recorded.length, 1);
  assert.equal(hook.name, "recorder");
});

test("RecordingHook returns lists that later events don't change", async () => {
  const { recorder, hooks } = await recorded();
  const { calls, recorded: events, types } = recorder;
  await hooks.emit("order.paid", order);
  recorder.clear();
  assert.deepEqual([calls.length, events.length, types.length], [4, 4, 4]);
  assert.deepEqual(recorder.recorded, []);
});

test("RecordingHook records an event, then runs its script", async () => {
  const recorder = new RecordingHook({
    handle: () => {
      throw new Error("no");
    },
  });
  const hooks = createHooks({ use: [recorder], onError: () => {}, logger: silentLogger });
  await assert.rejects(() => hooks.emit("tool.called", { name: "bash" }), DispatchError);
  recorder.expectTypes(["tool.called"]);
});

const matching: readonly [EventMatcher<Events>, number][] = [
  [{}, 0],
  [{ type: "*" }, 0],
  [{ type: "tool.*" }, 1],
  [{ type: "tool.completed" }, 2],
  [{ sessionId: "s-1" }, 0],
  [{ type: "tool.*", sessionId: "s-1" }, 2],
  [{ data: { name: "bash" } }, 1],
  [{ data: { name: "bash", params: {} } }, 1],
  [{ data: { name: "bash", params: undefined } }, 2],
  [{ data: { params: { command: "ls" } } }, 1],
  [{ data: { items: [{ sku: "a" }, {}] } }, 3],
  [{ data: (data) => "total" in data && data.total > 4 }, 3],
];
for (const [matcher, index] of matching) {
  test(`expect() finds the first event like ${show(matcher)}`, async () => {
    const { recorder } = await recorded();
    assert.equal(recorder.expect(matcher), recorder.recorded[index]);
    assert.equal(await recorder.waitFor(matcher), recorder.recorded[index]);
    assert.throws(() => recorder.expectNone(matcher), ExpectationError);
  });
}

const notMatching: readonly EventMatcher<Events>[] = [
  { type: "session.*" },
  { type: "session.created" },
  { type: "tool.called", sessionId: "s-1" },
  { sessionId: "" },
  { data: { name: "web" } },
  { data: { params: { command: "ls", toString: {} } } },
  { data: { items: [{ sku: "a" }] } },
  { data: { items: [{ sku: "b" }, { sku: "a" }] } },
  { data: { total: 5, items: [] } },
  { type: "tool.*", data: { total: 5 } as never },
  { type: "tool" as "tool.*" },
  { data: () => false },
];
for (const matcher of notMatching) {
  test(`expect() finds no event like ${show(matcher)}`, async () => {
    const { recorder } = await recorded();
    assert.throws(() => recorder.expect(matcher), ExpectationError);
    recorder.expectNone(matcher);
  });
}

test("expect() and waitFor() return events typed by the pattern", async () => {
  const { recorder } = await recorded();
  const total: number = recorder.expect({ type: "order.paid" }).data.total;
  const name: string = (await recorder.waitFor({ type: "tool.*" })).data.name;
  assert.deepEqual([total, name], [5, "bash"]);
  // @ts-expect-error No event has this type.
  recorder.expectNone({ type: "order.refunded" });
  // @ts-expect-error An order's total is a number.
  recorder.expectNone({ type: "order.paid", data: { total: "5" } });
  // @ts-expect-error No event has this type.
  assert.throws(() => recorder.expectTypes(["order.refunded"]));
});

test("a failed expectation shows the matcher and everything that was recorded", async () => {
  const { recorder } = await recorded();
  const matcher = { type: "tool.*", sessionId: "s-2", data: { name: "web" } } as const;
  assert.throws(() => recorder.expect(matcher), {
    name: "ExpectationError",
    code: "expectation_failed",
    message: [
      'Expected an event with type "tool.*", sessionId "s-2", data {"name":"web"}',
      "Recorded:",
      '  1. message.received session s-1 {"role":"user","content":"hello"}',
      '  2. tool.called      {"name":"bash","params":{"command":"ls"}}',
      '  3. tool.completed   session s-1 {"name":"bash","result":"a\\nb"}',
      '  4. order.paid       {"total":5,"items":[{"sku":"a"},{"sku":"b"}]}',
    ].join("\n"),
  });
});

test("a failed expectation reports that nothing was recorded", () => {
  const recorder = new RecordingHook();
  assert.throws(() => recorder.expect({}), {
    message: "Expected any event\nNothing was recorded",
  });
  assert.throws(() => recorder.expectTypes(["tool.called", "agent.end"]), {
    message: "Expected the types tool.called, agent.end\nNothing was recorded",
  });
  assert.throws(
    () => recorder.expect({ data: (data) => "name" in data }),
    /^ExpectationError: Expected an event with data .*"name" in data.*\nNothing was recorded$/,
  );
  recorder.expectNone();
  recorder.expectTypes([]);
});

test("a failed expectation shows attempts, truncates long payloads and prints one event per line", async () => {
  const recorder = new RecordingHook();
  const hooks = createHooks({ use: [recorder] });
  await hooks.emit("message.sent", { role: "assistant", content: "x\n".repeat(1000) });
  const [{ event, context }] = recorder.calls as [(typeof recorder.calls)[0]];
  recorder.handle(event, { ...context, attempt: 2 });
  recorder.handle({ ...event, data: 1n as never }, context);
  const cut = /\{"role":"assistant","content":"x\\n.{80,100}… \(\d+ more characters\)$/;
  assert.throws(() => recorder.expectNone(), (error: Error) => {
    const [expected, title, first, second, third, ...more] = error.message.split("\n");
    assert.deepEqual([expected, title, more], ["Did not expect any event", "Recorded:", []]);
    assert.match(first!, cut);
    assert.match(second!, cut);
    assert.match(second!, /^ {2}2\. message\.sent attempt 2 \{/);
    assert.match(third!, /^ {2}3\. message\.sent TypeError: .*BigInt/i);
    return true;
  });
});

test("expectTypes() expects exactly these types, in this order", async () => {
  const { recorder } = await recorded();
  const types = recorder.types;
  recorder.expectTypes(types);
  for (const wrong of [[], types.slice(1), [...types].reverse(), [...types, types[0]!]]) {
    assert.throws(() => recorder.expectTypes(wrong), ExpectationError);
  }
  assert.throws(
    () => recorder.expectTypes([]),
    /^ExpectationError: Expected the types of no event/,
  );
});

test("waitFor() resolves when the event is recorded, and not before", async () => {
  const { recorder, hooks } = await recorded();
  let isDone = false;
  const waiting = recorder.waitFor({ type: "agent.end", data: { aborted: true } })
    .finally(() => isDone = true);
  await hooks.emit("agent.end", { success: true, aborted: false, duration_ms: 1 });
  assert.equal(isDone, false);
  await hooks.emit("agent.end", { success: false, aborted: true, duration_ms: 2 });
  assert.equal((await waiting).data.duration_ms, 2);
});

test("waitFor() accepts a number of events", async () => {
  const { recorder, hooks } = await recorded();
  assert.deepEqual(await recorder.waitFor(2), recorder.recorded.slice(0, 2));
  let isDone = false;
  const waiting = recorder.waitFor(6).finally(() => isDone = true);
  await hooks.emit("order.paid", order);
  assert.equal(isDone, false);
  await hooks.emit("order.paid", order);
  assert.deepEqual(await waiting, recorder.recorded);
  for (const count of [0, -1, 1.5, NaN]) {
    await assert.rejects(() => recorder.waitFor(count), RangeError);
  }
});

test("waitFor() counts from 0 after clear()", async () => {
  const { recorder, hooks } = await recorded();
  const waiting = recorder.waitFor(5);
  recorder.clear();
  for (let total = 0; total < 5; total++) await hooks.emit("order.paid", { total, items: [] });
  assert.deepEqual((await waiting).map(({ type }) => type), Array(5).fill("order.paid"));
});

test("waitFor() rejects when its signal aborts, with what was recorded instead", async () => {
  const { recorder } = await recorded();
  recorder.clear();
  const [before, during] = [new AbortController(), new AbortController()];
  const matcher = { type: "agent.end" } as const;
  const failure = (cause: unknown) => ({
    name: "ExpectationError",
    message: 'Gave up on an event with type "agent.end"\nNothing was recorded',
    cause,
  });
  const waiting = recorder.waitFor(matcher, { signal: during.signal });
  before.abort("early");
  during.abort("late");
  await assert.rejects(waiting, failure("late"));
  await assert.rejects(recorder.waitFor(matcher, { signal: before.signal }), failure("early"));
  await assert.rejects(recorder.waitFor(3, { signal: before.signal }), /Gave up on 3 events/);
});

test("waitFor() prefers what was recorded to a signal that has aborted", async () => {
  const { recorder } = await recorded();
  const signal = AbortSignal.abort();
  assert.equal((await recorder.waitFor({ type: "order.paid" }, { signal })).data.total, 5);
});

test("a predicate that throws rejects waitFor(), and the hook still succeeds", async () => {
  const { recorder, hooks } = await recorded();
  const waiting = recorder.waitFor({
    type: "agent.end",
    data: () => assert.fail("no"),
  });
  const failure = assert.rejects(waiting, /no/);
  const data = { success: true, aborted: false, duration_ms: 1 };
  const receipt = await hooks.emit("agent.end", data);
  assert.deepEqual(receipt.handlers.map(({ ok }) => ok), [true]);
  await failure;
});

function show(matcher: object): string {
  return JSON.stringify(
    matcher,
    (_, value) => typeof value === "function" ? "a predicate" : value,
  );
}
