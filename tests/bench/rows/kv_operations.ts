import type { DeliveryTarget } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { createOutboxIn } from "../../../src/outbox/outbox.ts";
import { idAt } from "../../support/event_ids.ts";
import { counted, none, type Operations } from "./_kv.ts";
import { event } from "./_event.ts";
import type { Row } from "./row.ts";

const EVENTS = 128;
const HOUR = 60 * 60 * 1000;

/** What the outbox asks of its store: with one target, and the limits of a store that is not local. */
export const kvOperationRows: readonly Row[] = [
  ...rowsOf("an event, one at a time", () => perEvent(1)),
  ...rowsOf("an event, 128 at once", () => perEvent(EVENTS)),
  ...rowsOf("a retry", perRetry),
  ...rowsOf("an idle hour", perIdleHour),
];

function rowsOf(what: string, run: () => Promise<Operations>): readonly Row[] {
  return (["reads", "changes", "commits"] as const).map((kind) => ({
    name: `KV operations: ${what}`,
    against: kind,
    unit: "ops",
    once: async () => {
      const value = (await run())[kind];
      return { value, low: value, high: value };
    },
  }));
}

/** An outbox with a clock of its own, so that hours pass at once. */
function setUp(target: Partial<DeliveryTarget> = {}) {
  let now = Date.now();
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  const clock = {
    now: () => now,
    random: () => 0.5,
    setTimer(milliseconds: number, callback: () => void) {
      const timer = { at: now + milliseconds, callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  };
  /** Lets everything happen that needs no time. */
  const settle = async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve));
  };
  const pass = async (milliseconds: number) => {
    const end = now + milliseconds;
    for (;;) {
      await settle();
      const next = [...timers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      timers.delete(next);
      now = next.at;
      next.callback();
    }
    now = end;
  };
  const operations = none();
  const store = counted(memoryStore({ now: clock.now }), operations);
  const outbox = createOutboxIn(clock, store);
  outbox.register({
    name: "bench",
    timeout: 10_000,
    concurrency: 16,
    retry: { delay: () => 5000, total: 5000 },
    attempt: () => Promise.resolve({ verdict: "delivered", duration: 1 }),
    ...target,
  });
  let last = 0;
  const publish = () =>
    outbox.publish([{ fresh: true, event: { ...event, id: idAt(now, last++) }, to: ["bench"] }]);
  return { operations, outbox, publish, settle, pass };
}

/** Published, delivered and settled; so many at once. */
async function perEvent(atOnce: number): Promise<Operations> {
  const { operations, outbox, publish, settle, pass } = setUp();
  outbox.start();
  await publish();
  await pass(30_000);
  const before = { ...operations };
  for (let n = 0; n < EVENTS; n += atOnce) {
    await Promise.all(Array.from({ length: atOnce }, publish));
    await settle();
  }
  const settled = operations.settled - before.settled;
  if (settled !== EVENTS) throw new Error(`${settled} of ${EVENTS} were settled`);
  await outbox.stop();
  return each(operations, before, EVENTS);
}

/** What one failure adds to a delivery: the settle as retry, the looks, the claim, the reads. */
async function perRetry(): Promise<Operations> {
  const RETRIES = 100;
  const run = async (failures: number) => {
    let left = failures;
    const verdict = () => left-- > 0 ? "retry" as const : "delivered" as const;
    const { operations, outbox, publish, pass } = setUp({
      attempt: () => Promise.resolve({ verdict: verdict(), duration: 1 }),
    });
    outbox.start();
    await publish();
    await pass(RETRIES * 10_000);
    await outbox.stop();
    if (operations.settled !== failures + 1) throw new Error("A retry is missing");
    return operations;
  };
  return each(await run(RETRIES), await run(0), RETRIES);
}

async function perIdleHour(): Promise<Operations> {
  const { operations, outbox, publish, pass } = setUp();
  outbox.start();
  await publish();
  await pass(HOUR);
  const before = { ...operations };
  await pass(HOUR);
  await outbox.stop();
  return each(operations, before, 1);
}

function each(after: Operations, before: Operations, count: number): Operations {
  const per = (kind: keyof Operations) => (after[kind] - before[kind]) / count;
  return {
    reads: per("reads"),
    changes: per("changes"),
    commits: per("commits"),
    settled: per("settled"),
  };
}
