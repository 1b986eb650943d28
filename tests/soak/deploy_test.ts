/**
 * The life of an instance on Deno Deploy: SIGINT, SIGKILL 5 s later, and then only cron.
 * @module
 */
import assert from "node:assert/strict";
import { makeFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";
import { until } from "../support/until.ts";
import { AgentProcess } from "./agent_process.ts";
import { numbersFrom } from "./events.ts";
import { leasesIn } from "./leases.ts";
import { Receivers } from "./receivers.ts";

const LIVES = 3;
const EVENTS = 60;
/** A process says its last within this after a SIGINT, in milliseconds: 4.5 s, and some for the signal. */
const DRAIN = 4_800;
const KILLED_AFTER = 5_000;
/** Longer than a drain, so that an attempt under way has to be aborted, and its lease given back. */
const TIMEOUT = 8_000;
const BUDGET = 12_000;
const MOST_CRONS = 60;

test("instances that get SIGINT and 5 s later SIGKILL, woken by cron alone, lose nothing", async () => {
  const { folder, remove } = await makeFolder();
  const path = `${folder}/hooks.db`;
  const receivers = new Receivers(["healthy", "failing", "hanging"]);
  const accepted = new Set<string>();
  try {
    for (let run = 1; run <= LIVES; run++) {
      receivers.hanging.add("hanging");
      const took = await live(path, receivers, run, accepted);
      const { leased, live: waiting } = await leasesIn(path);
      console.log(`life ${run}: drained in ${took} ms, ${waiting} wait, ${leased.size} leased`);
      assert.ok(took <= DRAIN, `drained in ${took} ms`);
      assert.equal(leased.size, 0, "every lease is given back");
      assert.ok(waiting > 0, "something waits for cron");
    }
    receivers.hanging.clear();
    let crons = 0;
    while (!receivers.gotAll(accepted) && crons++ < MOST_CRONS) await cron(path, receivers, crons);
    console.log(`${accepted.size} events, ${crons} times cron`);
    assert.equal(accepted.size, LIVES * EVENTS);
    for (const target of receivers.targets) {
      assert.deepEqual(receivers.missing(target, accepted), [], target);
    }
    assert.deepEqual(receivers.faults, []);
    for (const [key, runs] of receivers.taken) assert.equal(runs.length, 1, `${key}: ${runs}`);
  } finally {
    await receivers.close();
    await remove();
  }
});

/** An instance publishes until it is sent away; how long it took to go, in milliseconds. */
async function live(
  path: string,
  receivers: Receivers,
  run: number,
  accepted: Set<string>,
): Promise<number> {
  const numbers = numbersFrom(run * 1000, EVENTS);
  const agent = new AgentProcess(receivers, { path, run, numbers, timeout: TIMEOUT });
  let killer: ReturnType<typeof setTimeout> | undefined;
  try {
    const { said } = agent;
    await until(() => said.accepted.size >= EVENTS && said.inFlight > 0, "events", {
      limit: 20_000,
    });
    agent.signal("SIGINT");
    const start = performance.now();
    killer = setTimeout(() => agent.signal("SIGKILL"), KILLED_AFTER);
    const { code, signal } = await agent.ended();
    assert.deepEqual({ code, signal, refused: said.refused }, {
      code: 0,
      signal: null,
      refused: [],
    });
    agent.accepted.forEach((id) => accepted.add(id));
    return Math.round(performance.now() - start);
  } finally {
    clearTimeout(killer);
    await agent.kill();
  }
}

/** What Deno Deploy runs once a minute. */
async function cron(path: string, receivers: Receivers, n: number): Promise<void> {
  const orders = { path, run: 100 + n, numbers: [], timeout: TIMEOUT };
  const agent = new AgentProcess(receivers, { ...orders, drainFor: BUDGET });
  const timer = setTimeout(() => agent.signal("SIGKILL"), 3 * BUDGET);
  try {
    assert.equal((await agent.ended()).code, 0);
    assert.equal(agent.said.drained.length, 1);
  } finally {
    clearTimeout(timer);
    await agent.kill();
  }
}
