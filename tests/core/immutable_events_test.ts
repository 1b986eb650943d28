import assert from "node:assert/strict";
import { inspect } from "node:util";
import { decodeEvent, DispatchError, encodeEvent, type HookEvent } from "@omniagent/hooks";
import { rejection } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { vandalize } from "../support/vandalize.ts";
import { eventOf, quietHooks, testBothWays } from "./_helpers.ts";

/** Emits a payload; gives the event that a handler got. */
async function received(data: unknown): Promise<HookEvent> {
  const events: HookEvent[] = [];
  const hooks = quietHooks();
  hooks.on("a", (event) => events.push(event));
  await hooks.emit("a", data);
  return events[0]!;
}

/** Whether every part of a JSON value is frozen. */
function isDeepFrozen(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isDeepFrozen);
}

testBothWays(
  "a handler that changes its event fails, and the others get the original event",
  async (emit) => {
    const payloads: unknown[] = [];
    const hooks = quietHooks();
    hooks.on("a", ({ data }) => {
      (data as { list: number[] }).list.push(2);
    }, { name: "changes" });
    hooks.on("a", ({ data }) => payloads.push(data));
    const payload = { list: [1] };
    const { failures } = await rejection(emit(hooks, payload), DispatchError);
    assert.deepEqual(failures.map(({ name }) => name), ["changes"]);
    assert.ok(failures[0]!.error instanceof TypeError, `${failures[0]!.error}`);
    assert.deepEqual(hooks.errors, [failures[0]!.error]);
    assert.deepEqual([payloads, payload], [[{ list: [1] }], { list: [1] }]);
  },
);

test("an event is frozen at every level, and the caller's payload is not", async () => {
  const payload = { list: [{ deep: [1] }], at: new Date(5) };
  const event = await received(payload);
  assert.ok(Object.isFrozen(event) && isDeepFrozen(event.data));
  assert.ok(!Object.isFrozen(payload) && !Object.isFrozen(payload.list[0]!.deep));
  assert.ok(vandalize(event) > 0);
  assert.deepEqual(event.data, { list: [{ deep: [1] }], at: "1970-01-01T00:00:00.005Z" });
});

test("an event behaves as an ordinary object: spread, compared, cloned, written, inspected", async () => {
  const event = await received(JSON.parse('{"a":[1],"__proto__":{"b":2}}'));
  const { id, type, timestamp, data } = event;
  const plain = { id, type, timestamp, data };
  assert.deepEqual(event, plain);
  assert.deepEqual({ ...event }, plain);
  assert.deepEqual(structuredClone(event), plain);
  assert.equal(JSON.stringify(event), JSON.stringify(plain));
  assert.match(inspect(event), new RegExp(`timestamp: ${timestamp.toISOString()}`));
  assert.ok(Object.hasOwn(data as object, "__proto__"));
  assert.equal(Object.getPrototypeOf(data), Object.prototype);
  assert.equal(Object.create(event).timestamp.getTime(), timestamp.getTime());
  const changeable = structuredClone(data) as { a: number[] };
  changeable.a.push(2);
  assert.deepEqual([changeable.a, (data as { a: unknown }).a], [[1, 2], [1]]);
});

test("changing the Date of an event's timestamp doesn't affect other handlers", async () => {
  const event = await received(null);
  const before = event.timestamp.getTime();
  event.timestamp.setTime(0);
  event.timestamp.setFullYear(1970);
  assert.equal(event.timestamp.getTime(), before);
  assert.match(new TextDecoder().decode(encodeEvent(event)), /"timestamp":"20\d\d-/);
});

test("the payload of an accepted or decoded event is not copied again", async () => {
  const emitted = await received({ n: 1 });
  const decoded = decodeEvent(encodeEvent(emitted));
  assert.ok(isDeepFrozen(decoded.data));
  for (const event of [emitted, decoded]) {
    const events: HookEvent[] = [];
    const hooks = quietHooks();
    hooks.on("a", (event) => events.push(event));
    await hooks.registry.dispatch(event);
    hooks.registry.dispatchAsync(event);
    await hooks.drain();
    assert.ok(events.length === 2 && events.every((one) => one === event));
  }
});

test("an object that only looks like an accepted event is copied", async () => {
  const accepted = await received({ list: [1] });
  const data = { list: [1] };
  const fakes = [
    Object.freeze({ ...accepted, data }),
    Object.create(accepted, { data: { value: data, enumerable: true } }),
    Object.defineProperties({}, {
      ...Object.getOwnPropertyDescriptors(accepted),
      timestamp: { value: accepted.timestamp },
      data: { value: data },
    }),
    new Proxy(accepted, { get: (event, key) => key === "data" ? data : Reflect.get(event, key) }),
    eventOf({ type: "a", data: Object.freeze(data) }),
  ];
  for (const [index, fake] of fakes.entries()) {
    const events: HookEvent[] = [];
    const hooks = quietHooks();
    hooks.on("a", (event) => events.push(event));
    // A proxy can't show another value of a frozen property: its event can't be read.
    const error = await hooks.registry.dispatch(fake as HookEvent).catch((error) => error);
    data.list[0] = 2;
    for (const event of events) assert.deepEqual(event.data, { list: [1] });
    assert.equal(events.length, error instanceof Error ? 0 : 1, `fake ${index}: ${error}`);
    data.list[0] = 1;
  }
});

test("changes by the caller while hooks are opened or events wait are not dispatched", async () => {
  const payloads: unknown[] = [];
  const hooks = quietHooks({ maxConcurrent: 1 });
  let open!: () => void;
  const init = (): Promise<void> => new Promise((resolve) => open = resolve);
  hooks.use({ name: "h", events: ["*"], init, handle: ({ data }) => payloads.push(data) });
  const payload = { n: 1, list: [1] };
  const event = eventOf({ type: "a", data: payload });
  const done = [hooks.emit("a", payload), hooks.registry.dispatch(event)];
  for (let n = 0; n < 3; n++) {
    hooks.emitInBackground("a", payload);
    hooks.registry.dispatchAsync(event);
  }
  payload.n = 2;
  payload.list.push(2);
  Object.assign(event, { data: "other" });
  await Promise.resolve();
  open();
  await Promise.all(done);
  await hooks.drain();
  assert.deepEqual(payloads, Array(8).fill({ n: 1, list: [1] }));
});

test("lists of registrations are frozen, and later changes to lists of the caller have no effect", async () => {
  const calls: string[] = [];
  const hooks = quietHooks();
  const patterns = ["a"];
  const registration = hooks.on(patterns, () => calls.push("called"), { name: "h" });
  patterns[0] = "b";
  const [info] = hooks.registry.list();
  assert.ok(vandalize(info) > 0);
  await hooks.emit("a", null);
  await hooks.emit("b", null);
  registration.unregister();
  await hooks.emit("a", null);
  assert.deepEqual(calls, ["called"]);
  assert.deepEqual([info!.name, info!.events], ["h", ["a"]]);
});
