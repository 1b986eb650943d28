import assert from "node:assert/strict";
import { createHooks, fixedRetry, type Logger, scheduleRetry } from "../../src/core/mod.ts";
import { createOutbox } from "../../src/outbox/mod.ts";
import { memoryStore } from "../../src/testing/memory_store.ts";
import { mock, test } from "../support/harness.ts";
import { DAY, Fixture, HOUR, MINUTE } from "./fixture.ts";

type Line = { readonly level: "warn" | "error"; readonly text: string; readonly fields: Fields };
type Fields = { readonly code?: string; readonly target?: string; readonly held?: number };

/** A logger, and the lines that it was told. */
function lines(): { readonly all: Line[]; readonly logger: Logger } {
  const all: Line[] = [];
  const note = (level: Line["level"]) => (text: unknown, fields: unknown) =>
    void all.push({ level, text: String(text), fields: (fields ?? {}) as Fields });
  return { all, logger: { debug() {}, info() {}, warn: note("warn"), error: note("error") } };
}

const DOWN = { verdict: "retry", error: "connection refused" } as const;

test("a failed attempt is logged when its retry is more than a minute away, a dead letter always", async () => {
  const { all, logger } = lines();
  const fixture = new Fixture();
  const { outbox } = fixture.open({ logger });
  const retry = scheduleRetry([MINUTE / 2, 5 * MINUTE], { jitter: 0 });
  outbox.register(fixture.target("audit", () => DOWN, { retry }));
  outbox.start();
  const id = await fixture.publish(outbox, ["audit"]);
  await fixture.pass(MINUTE / 4);
  assert.equal(all.length, 0); // it is tried again soon
  await fixture.pass(HOUR);
  assert.deepEqual(all.map(({ level, fields }) => [level, fields]), [
    ["warn", { code: "delivery_failed", target: "audit", event_id: id, attempts: 2 }],
    [
      "error",
      { code: "delivery_dead", target: "audit", event_id: id, type: "tool.called", attempts: 3 },
    ],
  ]);
  assert.match(
    all[0]!.text,
    /^A delivery to 'audit' failed: connection refused\. It is retried at \d{4}-\S+Z\. See `hooks deliveries audit --state attempted` or outbox\.listDeliveries\(/,
  );
  assert.match(
    all[1]!.text,
    /^A delivery to 'audit' is dead after 3 attempts: connection refused\. See `hooks deliveries audit --state dead` or outbox\.listDeliveries\(/,
  );
});

test("a target that fails for a day is logged a few times, with the number of skipped messages", async () => {
  const { all, logger } = lines();
  const fixture = new Fixture();
  const { outbox } = fixture.open({ logger });
  const retry = fixedRetry({ delay: 2 * MINUTE, retries: 2, jitter: 0 });
  outbox.register(fixture.target("audit", () => DOWN, { retry }));
  outbox.register(fixture.target("other", () => DOWN, { retry }));
  outbox.start();
  for (let hour = 0; hour < 24; hour++) {
    for (let n = 0; n < 10; n++) await fixture.publish(outbox, ["audit"]);
    await fixture.pass(HOUR);
  }
  for (const code of ["delivery_failed", "delivery_dead"]) {
    const some = all.filter(({ fields }) => fields.code === code);
    assert.ok(some.length >= 5 && some.length <= 9, `${some.length} lines`);
    const held = some.reduce((sum, { fields }) => sum + (fields.held ?? 0), 0);
    const total = code === "delivery_failed" ? 480 : 240;
    assert.ok(held + some.length > total / 2 && held + some.length <= total, `${held}`);
    const { text, fields } = some.at(-1)!;
    assert.ok(text.endsWith(` (${fields.held} more since the last such line)`), text);
  }
  // Another target is news.
  const before = all.length;
  await fixture.publish(outbox, ["other"]);
  await fixture.pass(HOUR);
  assert.equal(all.slice(before).filter(({ fields }) => fields.target === "other").length, 3);
});

test("a target disabled by its receiver is logged, and one disabled by an operator is not", async () => {
  const { all, logger } = lines();
  const fixture = new Fixture();
  const { outbox } = fixture.open({ logger });
  outbox.register(fixture.target("gone", () => ({ verdict: "disable", status: 410 })));
  outbox.register(fixture.target("other"));
  outbox.start();
  await fixture.publish(outbox, ["gone"]);
  await outbox.disable("other");
  await fixture.pass(MINUTE);
  assert.deepEqual(all.map(({ level, fields }) => [level, fields]), [
    ["error", { code: "target_disabled", target: "gone" }],
  ]);
  assert.match(
    all[0]!.text,
    /^Target 'gone' is disabled: the receiver responded 410; .* after 30 days\. Turn it on with `hooks targets enable gone` or outbox\.enable\("gone"\)$/,
  );
});

test("a target that failed for too long is logged as disabled", async () => {
  const { all, logger } = lines();
  const fixture = new Fixture();
  const { outbox } = fixture.open({ logger, disableAfter: HOUR });
  const retry = fixedRetry({ delay: MINUTE, retries: 500, jitter: 0 });
  outbox.register(fixture.target("down", () => DOWN, { retry }));
  outbox.start();
  await fixture.publish(outbox, ["down"]);
  await fixture.pass(3 * HOUR);
  assert.deepEqual(all.map(({ fields }) => fields.code), ["target_disabled"]);
});

test("deliveries that expire are logged, whether their target is disabled or does not exist", async () => {
  const { all, logger } = lines();
  const fixture = new Fixture();
  const { outbox } = fixture.open({ logger, retention: 2 * DAY });
  outbox.register(fixture.target("off"));
  outbox.start();
  await outbox.disable("off");
  await fixture.publish(outbox, ["off", "nobody"]);
  await fixture.pass(DAY);
  const codes = () => all.map(({ fields: { code, target } }) => `${code} ${target}`);
  assert.ok(codes().every((line) => line === "target_not_registered nobody"), `${codes()}`);
  assert.ok(codes().length > 0 && codes().length < 10);
  await fixture.pass(1.5 * DAY);
  const expired = codes().filter((line) => line.startsWith("delivery_expired"));
  assert.ok(expired.length < 20, `${expired}`);
  assert.deepEqual([...new Set(expired)].sort(), [
    "delivery_expired nobody",
    "delivery_expired off",
  ]);
});

test("a delivery whose event no longer exists is logged as lost", async () => {
  const { all, logger } = lines();
  const fixture = new Fixture();
  const { outbox } = fixture.open({ logger, retention: 2 * DAY });
  outbox.register(fixture.target("late"));
  const id = await fixture.publish(outbox, ["late"]); // no worker runs
  await fixture.pass(2.2 * DAY);
  outbox.start();
  await fixture.pass(HOUR);
  assert.deepEqual(all.map(({ level, fields }) => [level, fields]), [
    ["error", { code: "delivery_expired", target: "late", event_id: id, attempts: 0 }],
  ]);
});

test("no line shows a password, a line break or more than a part of a long error", async () => {
  const { all, logger } = lines();
  const fixture = new Fixture();
  const { outbox } = fixture.open({ logger });
  const error = `cannot ask https://me:hunter2@a.example/?token=hunter2\n${"x".repeat(10_000)}`;
  outbox.register(fixture.target("audit", () => ({ verdict: "final", error })));
  outbox.start();
  await fixture.publish(outbox, ["audit"]);
  await fixture.pass(MINUTE);
  const [{ text } = { text: "" }] = all;
  assert.match(text, /https:\/\/\*\*\*@a\.example/);
  assert.doesNotMatch(text, /hunter2|\n/);
  assert.ok(text.length < 1000);
});

test("a durable hook that fails is printed by default, with its stack once", async () => {
  const printed: string[] = [];
  let enough = (): void => {};
  const both = new Promise<void>((resolve) => enough = resolve);
  const print = (...data: unknown[]): void => {
    if (printed.push(Deno.inspect(data)) === 2) enough();
  };
  const mocks = [mock.method(console, "warn", print), mock.method(console, "error", print)];
  try {
    const outbox = createOutbox(memoryStore());
    const use = ["one", "two"].map((name) => ({
      name,
      events: ["tool.called"],
      durable: true,
      retry: scheduleRetry([]),
      handle: function broken() {
        throw new Error("no such table");
      },
    }));
    const hooks = createHooks({ outbox, use });
    await hooks.emit("tool.called", { name: "bash" });
    await both;
    await hooks.close();
  } finally {
    for (const { mock } of mocks) mock.restore();
  }
  assert.equal(printed.length, 2);
  for (const text of printed) {
    assert.match(text, /A delivery to '(one|two)' is dead after 1 attempt: no such table\./);
    assert.equal(text.match(/at (?:Object\.)?broken/g)?.length, 1, text);
  }
});
