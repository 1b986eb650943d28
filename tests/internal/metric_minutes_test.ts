import assert from "node:assert/strict";
import { MetricTable } from "../../src/core/metrics.ts";
import { listMetrics } from "../../src/core/list_metrics.ts";
import { test } from "../support/harness.ts";

const MINUTE = 60_000;
const START = Date.UTC(2026, 3, 22, 10, 30, 59, 999);

test("a metric keeps the last hour by minute and outcome, whatever the target", () => {
  let now = START;
  const table = new MetricTable(() => now);
  const attempt = (target: string, outcome: string, seconds: number) =>
    table.add("omniagent.hooks.attempt.duration", seconds, { target, outcome });
  attempt("a", "delivered", 0.02);
  attempt("b", "delivered", 20);
  attempt("b", "retry", 1);
  now += 1;
  attempt("a", "delivered", 1);
  const minutes = (name = "omniagent.hooks.attempt.duration") =>
    listMetrics(table, []).find((metric) => metric.name === name)?.minutes?.map((
      { start, points },
    ) => [
      start.toISOString().slice(11, 19),
      ...points.map(({ attributes, value, count }) => [attributes["outcome"], value, count]),
    ]);
  assert.deepEqual(minutes(), [
    ["10:30:00", ["delivered", 20.02, 2], ["retry", 1, 1]],
    ["10:31:00", ["delivered", 1, 1]],
  ]);
  now = START + 59 * MINUTE;
  assert.equal(minutes()?.length, 2);
  now += MINUTE;
  assert.equal(minutes()?.length, 1); // although nothing new made it forget the first
  now += MINUTE;
  attempt("a", "final", 2);
  assert.deepEqual(minutes(), [["11:31:00", ["final", 2, 1]]]);
  table.add("omniagent.hooks.gate.decisions", 1, { gate: "g", verdict: "allow", failure: "" });
  assert.equal(minutes("omniagent.hooks.gate.decisions"), undefined);
  table.add("omniagent.hooks.events", 1, { type: "a" });
  table.add("omniagent.hooks.events", 2, { type: "b" });
  assert.deepEqual(minutes("omniagent.hooks.events"), [["11:31:00", [undefined, 3, undefined]]]);
});
