import assert from "node:assert/strict";
import { mock, test } from "../support/harness.ts";
import { quietHooks } from "./_helpers.ts";

/** A time that no clock shows yet: ids made before have come from earlier. */
const START = Date.UTC(2100, 0, 1);
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Emits a number of events at each time, and returns their ids. */
async function idsAt(times: readonly number[], count = 1): Promise<string[]> {
  const hooks = quietHooks();
  const ids: string[] = [];
  hooks.on("a", ({ id }) => void ids.push(id));
  await hooks.init();
  mock.timers.enable({ apis: ["Date"], now: times[0]! });
  try {
    for (const time of times) {
      mock.timers.setTime(time);
      for (let n = 0; n < count; n++) await hooks.emit("a", null);
    }
  } finally {
    mock.timers.reset();
  }
  return ids;
}

const timeOf = (id: string): number => parseInt(id.replace("-", "").slice(0, 12), 16);
const isSorted = (ids: readonly string[]): boolean =>
  ids.every((id, n) => n === 0 || ids[n - 1]! < id);

test("an event's id is a UUID v7 of the time at which it was emitted", async () => {
  const before = Date.now();
  const hooks = quietHooks();
  const events: { readonly id: string; readonly timestamp: Date }[] = [];
  hooks.on("a", (event) => void events.push(event));
  const { id } = await hooks.emit("a", null);
  assert.match(id, UUID_V7);
  assert.equal(events[0]!.id, id);
  // Ids may be ahead of the clock by as much as it went back, and by a burst of events.
  assert.ok(Math.abs(timeOf(id) - before) < 20_000, id);
  assert.ok(events[0]!.timestamp.getTime() - before < 20_000);
});

test("the time in an id is the clock's, to the millisecond", async () => {
  const times = [START, START + 1, START + 2, START + 86_400_000];
  assert.deepEqual((await idsAt(times)).map(timeOf), times);
});

test("thousands of ids of one millisecond are unique, well-formed and in order", async () => {
  const ids = await idsAt([START + 90_000_000], 20_000);
  assert.equal(new Set(ids).size, 20_000);
  assert.ok(ids.every((id) => UUID_V7.test(id)));
  assert.ok(isSorted(ids));
  // 4,096 fit into a millisecond at most: they borrow from the next few, and no more than that.
  assert.ok(timeOf(ids.at(-1)!) - timeOf(ids[0]!) <= 20_000 / 4096 + 1);
});

test("ids stay unique and in order while the clock goes back by seconds", async () => {
  const base = START + 180_000_000;
  const ids = await idsAt([0, -1, -9_000, -5_000, 0, 1, 1, 2].map((offset) => base + offset), 3000);
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(isSorted(ids));
});

test("ids follow a clock that goes back by more than seconds, and stay unique", async () => {
  const base = START + 270_000_000;
  const ids = await idsAt([base, base - 3_600_000, base - 3_600_000], 2);
  assert.equal(new Set(ids).size, 6);
  assert.deepEqual([...new Set(ids.map(timeOf))], [base, base - 3_600_000]);
  assert.ok(isSorted(ids.slice(2)));
});

test("ids of concurrent registries come from one sequence", async () => {
  const all = [quietHooks(), quietHooks()];
  const ids: string[] = [];
  for (let n = 0; n < 200; n++) ids.push((await all[n % 2]!.emit("a", n)).id);
  assert.ok(isSorted(ids));
});

test("consecutive ids share only their time and counter", async () => {
  const ids = await idsAt([START + 360_000_000], 1000);
  assert.equal(new Set(ids.map((id) => id.slice(19))).size, 1000);
});

test("emit() accepts sessions of up to 256 characters of any size in bytes", async () => {
  const hooks = quietHooks();
  const emit = (sessionId: string) => hooks.emit("tool.called", { name: "bash" }, { sessionId });
  for (const character of ["a", "é", "😀"]) {
    await emit(character.repeat(256));
    await assert.rejects(emit(character.repeat(257)), {
      issues: [{
        message: "must be at most 256 characters, without control characters and lone surrogates",
        path: ["sessionId"],
      }],
    });
  }
  await assert.rejects(emit("a\u0085"), { code: "event_invalid" });
  await hooks.close();
});
