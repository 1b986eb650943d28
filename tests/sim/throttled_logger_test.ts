import assert from "node:assert/strict";
import { createOutboxIn } from "../../src/outbox/outbox.ts";
import { memoryStore } from "../../src/testing/memory_store.ts";
import { test } from "../support/harness.ts";
import { noFaults } from "./faults.ts";
import { FaultyStore } from "./faulty_store.ts";
import type { Model } from "./model.ts";
import { SimProcess } from "./process.ts";
import { Simulation } from "./simulation.ts";

const MINUTE = 60_000;

test("a store that fails for an hour is logged once a minute, with how often it failed", async () => {
  const simulation = new Simulation(1);
  const process = new SimProcess("one", simulation, 0);
  const memory = memoryStore({ now: () => simulation.now });
  const store = new FaultyStore(memory, process, noFaults, { record() {} } as unknown as Model);
  const lines: { readonly at: number; readonly line: string }[] = [];
  const begin = simulation.now;
  const warn = (line: unknown): void =>
    void lines.push({ at: simulation.now - begin, line: `${line}` });
  const logger = { debug() {}, info() {}, warn, error() {} };
  const outbox = createOutboxIn(process.clock, store, { logger });
  outbox.start();
  await simulation.run(simulation.now + MINUTE);
  assert.equal(lines.length, 0);

  const looked = /^The outbox could not look for what is due(?: \(and (\d+) times before\))?$/;
  store.list = () => {
    throw new Error("connection lost");
  };
  // Each publish wakes the worker, which then fails to look: for 5 s, before it says so.
  for (let second = 0; second < 3600; second++) {
    void outbox.publish([{
      event: { id: `e-${second}`, type: "a", timestamp: new Date(simulation.now), data: 1 },
      to: ["a"],
    }]);
    await simulation.run(simulation.now + 1000);
  }
  const looks = lines.filter(({ line }) => looked.test(line));
  assert.ok(looks.length >= 55 && looks.length <= 61, `${looks.length} lines`);
  looks.slice(1).forEach(({ at }, i) => assert.ok(at - looks[i]!.at >= MINUTE));
  assert.equal(looks[0]!.line, "The outbox could not look for what is due");
  const held = looks.slice(1).map(({ line }) => Number(looked.exec(line)![1]));
  assert.ok(held.every((times) => times >= 10 && times <= 15), `${held}`);
  void outbox.stop();
  await simulation.run(simulation.now + MINUTE);
});
