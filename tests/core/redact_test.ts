import assert from "node:assert/strict";
import type { HookEvent } from "@omniagent/hooks";
import { test } from "../support/harness.ts";
import { BASH, fakeHook, FakeQueue, fakeWebhook, quietHooks } from "./_fakes.ts";

const SECRET = { name: "bash", params: { token: "s3cret" } };
const redact = (event: HookEvent): HookEvent => ({ ...event, data: BASH });

test("a queue and filters of its targets get the redacted event, and handlers get the original", async () => {
  const outbox = new FakeQueue();
  const seen: Record<string, unknown> = {};
  const filter = (name: string) => (event: HookEvent) => {
    seen[name] = event.data;
    return true;
  };
  const hooks = quietHooks({
    outbox,
    redact,
    use: [
      fakeWebhook([], "w", { accepts: filter("webhook") }),
      fakeHook([], "d", { durable: true, filter: filter("durable") }),
      fakeHook([], "a", {
        filter: filter("hook"),
        handle: (event) => void filter("handle")(event),
      }),
    ],
  });
  hooks.on("tool.called", (event) => void filter("handler")(event), {
    filter: filter("handler's filter"),
  });
  const { id } = await hooks.emit("tool.called", SECRET, { sessionId: "s-1" });
  const { event, to } = outbox.batches[0]![0]!;
  assert.deepEqual([event.id, event.type, event.sessionId], [id, "tool.called", "s-1"]);
  assert.deepEqual([event.data, to], [BASH, ["w", "d"]]);
  assert.deepEqual(seen, {
    "webhook": BASH,
    "durable": BASH,
    "hook": SECRET,
    "handle": SECRET,
    "handler's filter": SECRET,
    "handler": SECRET,
  });
});

test("an inline webhook accepts and sends the redacted event, handlers around it receive the original", async () => {
  const seen: unknown[] = [];
  const note = (event: HookEvent): void => void seen.push(event.data);
  const hooks = quietHooks({ redact });
  hooks.on("tool.called", note);
  hooks.use(fakeWebhook([], "w", {
    accepts: (event) => (note(event), true),
    deliver: (event) => Promise.resolve(note(event)),
  }));
  hooks.on("tool.called", note);
  await hooks.emit("tool.called", SECRET);
  assert.deepEqual(seen, [SECRET, BASH, BASH, SECRET]);
});

test("redact() is called once per event, after schemas and before anything is sent", async () => {
  const log: string[] = [];
  const validate = (value: unknown) => {
    assert.deepEqual(value, SECRET);
    log.push("schema");
    return { value };
  };
  const hooks = quietHooks({
    schemas: {
      "tool.called": { "~standard": { version: 1, vendor: "test", validate: validate as never } },
    },
    redact: (event) => (log.push("redact"), redact(event)),
    use: [fakeWebhook(log, "v"), fakeWebhook(log, "w")],
  });
  await hooks.emit("tool.called", SECRET);
  assert.deepEqual(log, ["schema", "redact", "v sends tool.called", "w sends tool.called"]);
});

test("redact() is not called when nothing leaves the process", async () => {
  const log: string[] = [];
  const hooks = quietHooks({
    redact: () => assert.fail("nothing is sent"),
    use: [fakeHook(log, "a"), fakeWebhook(log, "w", { events: ["agent.end"] })],
  });
  await hooks.emit("tool.called", SECRET);
  assert.deepEqual(log, ["a opens", "a receives tool.called"]);
});

const broken = new Error("no such field");
const other =
  /^TypeError: Cannot dispatch 'tool.called': 'redact' must return an event of the same id and type/;
const faults: Record<string, readonly [redact: (event: HookEvent) => HookEvent, expected: RegExp]> =
  {
    "throws": [() => {
      throw broken;
    }, /^Error: no such field$/],
    "changes the id": [(event) => ({ ...event, id: "another" }), other],
    "changes the type": [(event) => ({ ...event, type: "tool.completed" }), other],
    "returns nothing": [() => undefined as never, other],
    "returns null": [() => null as never, other],
    "returns a promise": [(event) => Promise.resolve(event) as never, other],
  };
for (const [what, [redact, expected]] of Object.entries(faults)) {
  for (const queue of [true, false]) {
    const where = queue ? "with a queue" : "without one";
    test(`a redact() that ${what} stops the event before anything is sent or any handler runs (${where})`, async () => {
      const log: string[] = [];
      const outbox = new FakeQueue();
      const hooks = quietHooks({ redact, ...(queue ? { outbox } : {}) });
      hooks.use(fakeHook(log, "a"), fakeWebhook(log, "w"));
      await assert.rejects(hooks.emit("tool.called", SECRET), expected);
      hooks.emitInBackground("tool.called", SECRET);
      await hooks.drain();
      assert.match(String(hooks.errors[0]), expected);
      assert.deepEqual([log, outbox.batches], [["a opens"], []]);
    });
  }
}
