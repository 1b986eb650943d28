/**
 * A store that leaves a call without an answer, for good.
 * @module
 */
import assert from "node:assert/strict";
import { createEventIdAt } from "../../../src/internal/uuid.ts";
import { test } from "../../harness.ts";
import { never } from "./sim_process.ts";
import { MINUTE, Stage } from "./stage.ts";

/** Never answers the n-th commit from now on, which is applied or not. */
function hangAt(stage: Stage, n: number, isApplied: boolean): void {
  const atomic = stage.store.atomic.bind(stage.store);
  let count = 0;
  stage.store.atomic = () => {
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
  test(`a commit that is ${which} and never answered is sent again while there is time`, async () => {
    const stage = new Stage();
    const { outbox } = stage.open();
    outbox.register(stage.target("a", undefined, { timeout: 1_000 }));
    outbox.start();
    await stage.publish(outbox, []); // it wrote what it writes at first
    hangAt(stage, 1, isApplied);
    const id = createEventIdAt(stage.world.now);
    const event = { id, type: "tool.called", timestamp: new Date(stage.world.now), data: {} };
    const published = outbox.publish([{ event, to: ["a"], fresh: true }]);
    const [receipts] = await Promise.all([published, stage.pass(MINUTE)]);
    assert.equal(receipts[0]!.deliveries, 1);
    assert.deepEqual(stage.sent("a"), [id]);
  });

  test(`an outcome whose commit is ${which} and never answered does not cost a second attempt`, async () => {
    const stage = new Stage();
    const { outbox } = stage.open();
    outbox.register(stage.target("a", undefined, { timeout: 1_000 }));
    outbox.start();
    await stage.publish(outbox, []);
    hangAt(stage, 2, isApplied);
    const id = await stage.publish(outbox, ["a"]);
    await stage.pass(5 * MINUTE);
    assert.deepEqual(stage.sent("a"), [id]);
    assert.equal((await outbox.get("a", id))?.state, "delivered");
  });
}
