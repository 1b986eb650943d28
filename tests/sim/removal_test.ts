/**
 * A purge that is cut short, while a slow process still stores for its target.
 * @module
 */
import assert from "node:assert/strict";
import { createEventIdAt } from "../../src/internal/uuid.ts";
import type { Store } from "../../src/store/mod.ts";
import { Keys } from "../../src/outbox/records.ts";
import { purge } from "../../src/outbox/target_operations.ts";
import { StoreClient } from "../../src/outbox/store_client.ts";
import { test } from "../support/harness.ts";
import { Fixture, MINUTE } from "./fixture.ts";

/** Commits of a purge, at most. */
const MOST = 12;

test("a purge that crashes at any commit is completed by a worker, including later events", async () => {
  let deaths = 0;
  for (let late = 1; late <= MOST; late++) {
    for (let death = late; death <= MOST; death++) {
      const { left, died } = await purgeUntil(death, late);
      assert.deepEqual(left, [], `stored before commit ${late}, dead after commit ${death}`);
      if (died) deaths++;
    }
  }
  assert.ok(deaths > 20, `${deaths} deaths`);
});

/** What is left of a removed target: more is stored for it before a commit, and the purge dies after one. */
async function purgeUntil(death: number, late: number) {
  const fixture = new Fixture();
  const { store } = fixture;
  const [slow, dying, last] = [fixture.open(), fixture.open(), fixture.open()];
  const target = fixture.target("a", undefined, { ordering: "session" });
  for (const { outbox } of [slow, last]) outbox.register(target);
  const publish = async () => {
    const timestamp = new Date(fixture.simulation.now);
    const event = { id: createEventIdAt(fixture.simulation.now), type: "a", timestamp, data: {} };
    await slow.outbox.publish([{ fresh: true, event: { ...event, sessionId: "s" }, to: ["a"] }]);
  };
  await publish();
  await fixture.pass(1_000);
  await store.set(["hooks", "endpoint", "a"], { v: 1, state: "deleted", failures: 0 });
  let commits = 0;
  const atomic = (): ReturnType<Store["atomic"]> => {
    const operation = store.atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = async () => {
      if (++commits === late) await publish();
      const result = await commit();
      if (commits === death) dying.process.kill();
      return dying.process.alive ? result : new Promise<never>(() => {});
    };
    return operation;
  };
  const watched = { limits: store.limits, list: store.list.bind(store), atomic } as Store;
  const retention = { head: 1, rest: 2, seen: 1 };
  void purge(new StoreClient(watched, new Keys("hooks"), dying.process.clock, retention), "a");
  await fixture.pass(1_000);
  last.outbox.start();
  await fixture.pass(MINUTE);
  const ranges = await Promise.all(
    ["due", "lane", "dead", "delivery"].map((range) => fixture.left(range)),
  );
  return { left: ranges.flat(), died: !dying.process.alive };
}
