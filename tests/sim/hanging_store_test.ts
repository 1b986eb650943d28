/**
 * A store with a call that never returns.
 * @module
 */
import assert from "node:assert/strict";
import { createEventIdAt } from "../../src/internal/uuid.ts";
import { test } from "../support/harness.ts";
import { never } from "./process.ts";
import { Fixture, MINUTE } from "./fixture.ts";

/** Lets the n-th commit from now on never return, whether it is applied or not. */
function hangAt(fixture: Fixture, n: number, isApplied: boolean): void {
  const atomic = fixture.store.atomic.bind(fixture.store);
  let count = 0;
  fixture.store.atomic = () => {
    const operation = atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = async () => {
      if (++count !== n) return await commit();
      if (isApplied) await commit();
      return await never;
    };
    return operation;
  };
}

for (const isApplied of [false, true]) {
  const which = isApplied ? "applied" : "lost";
  test(`a commit that is ${which} and never returns is sent again until publish() times out`, async () => {
    const fixture = new Fixture();
    const { outbox } = fixture.open();
    outbox.register(fixture.target("a", undefined, { timeout: 1_000 }));
    outbox.start();
    await fixture.publish(outbox, []); // it wrote what it writes at first
    hangAt(fixture, 1, isApplied);
    const id = createEventIdAt(fixture.simulation.now);
    const event = {
      id,
      type: "tool.called",
      timestamp: new Date(fixture.simulation.now),
      data: {},
    };
    const published = outbox.publish([{ event, to: ["a"], fresh: true }]);
    const [receipts] = await Promise.all([published, fixture.pass(MINUTE)]);
    assert.equal(receipts[0]!.deliveries, 1);
    assert.deepEqual(fixture.sent("a"), [id]);
  });

  test(`an outcome whose commit is ${which} and never returns causes no second attempt`, async () => {
    const fixture = new Fixture();
    const { outbox } = fixture.open();
    outbox.register(fixture.target("a", undefined, { timeout: 1_000 }));
    outbox.start();
    await fixture.publish(outbox, []);
    hangAt(fixture, 2, isApplied);
    const id = await fixture.publish(outbox, ["a"]);
    await fixture.pass(5 * MINUTE);
    assert.deepEqual(fixture.sent("a"), [id]);
    assert.equal((await outbox.get("a", id))?.state, "delivered");
  });
}
