/**
 * Several processes on one store, all publishing and delivering.
 * @module
 */
import assert from "node:assert/strict";
import { openStore } from "@omniagent/hooks/kv";
import { inFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";
import { emptied } from "../support/kv_connect/clients.ts";
import { denokvUrl, hasDenokv } from "../support/kv_connect/denokv.ts";
import { findPostgres, startPostgres } from "../support/postgres_server.ts";
import { type KvRequest, startKvConnect } from "../support/kv_connect/server.ts";
import { until } from "../support/until.ts";
import { AgentProcess } from "./agent_process.ts";
import { numbersFrom } from "./events.ts";
import { Receivers } from "./receivers.ts";
import { pause } from "./wait.ts";

/** How long all of it takes at most, in milliseconds. A claim whose response is lost waits 22 s, each time. */
const LIMIT = 150_000;

for (
  const [file, processes, words] of [
    ["hooks.db", 2, "two"],
    ["hooks.sqlite", 4, "four"],
    ["hooks.async.sqlite", 4, "four"],
  ] as const
) {
  test(`${words} processes publish to and deliver from one file, ${file}, and nothing is lost`, async () => {
    await inFolder(async (folder) => {
      await together(`${folder}/${file}`, processes, 300);
    });
  });
}

const bin = await findPostgres("four processes on PostgreSQL");
if (bin !== undefined) {
  test("four processes share PostgreSQL, which ends connections at random, and nothing is lost", async () => {
    const server = await startPostgres(bin);
    const over = new AbortController();
    const ending = (async () => {
      while (await pause(3_000 * Math.random(), over.signal)) await server.endConnections();
    })();
    try {
      await together(server.url, 4, 300);
    } finally {
      over.abort();
      await ending;
      await server.stop();
    }
  });
}

test("four processes over a failing KV Connect server make progress, and nothing is lost", async () => {
  const count = { unavailable: 0, "lost reply": 0 };
  const fault = async ({ kind }: KvRequest) => {
    await new Promise((resolve) => setTimeout(resolve, 20 * Math.random()));
    const chance = Math.random();
    const failing = chance < 0.05
      ? "unavailable"
      : chance < 0.1 && kind === "write"
      ? "lost reply"
      : undefined;
    if (failing) count[failing]++;
    return failing;
  };
  const server = startKvConnect({ fault });
  try {
    await together(server.url, 4, 100);
    console.log(`KV Connect: ${JSON.stringify({ ...server.requests, ...count })}`);
    assert.ok(count.unavailable > 10 && count["lost reply"] > 5, JSON.stringify(count));
  } finally {
    await server.close();
  }
});

if (hasDenokv("four processes over a real denokv")) {
  test("four processes over a real denokv make progress, and nothing is lost", async () => {
    (await emptied(await openStore(denokvUrl))).close();
    await together(denokvUrl!, 4, 500);
  });
}

/** Each process publishes so many events; all deliver. */
async function together(path: string, processes: number, events: number): Promise<void> {
  const hook = "hook";
  const receivers = new Receivers(["healthy", "failing"], hook);
  const agents = Array.from({ length: processes }, (_, n) => {
    const numbers = numbersFrom((n + 1) * 1000, events);
    return new AgentProcess(receivers, { path, hook, run: n + 1, numbers });
  });
  const accepted = () =>
    agents.reduce((all, agent) => all.union(agent.accepted), new Set<string>());
  const refused = () => agents.flatMap(({ said }) => said.refused);
  try {
    const start = performance.now();
    const seconds = () => ((performance.now() - start) / 1000).toFixed(1);
    const checkRunning = () => {
      const ended = agents.find(({ isOver }) => isOver);
      assert.ok(ended === undefined, `a process ended: ${ended?.said.log.join("\n")}`);
    };
    const published = () => {
      checkRunning();
      return accepted().size + refused().length >= processes * events;
    };
    await until(published, "all events", { limit: LIMIT });
    assert.deepEqual(refused(), []);
    const publishedIn = seconds();
    const delivered = () => {
      checkRunning();
      return receivers.gotAll(accepted());
    };
    await until(delivered, "all deliveries", { limit: LIMIT });
    const deliveredIn = seconds();
    for (const agent of agents) agent.signal("SIGTERM");
    const statuses = await Promise.all(agents.map((agent) => agent.ended()));
    assert.deepEqual(statuses.map(({ code }) => code), agents.map(() => 0));
    assert.deepEqual(receivers.faults, []);
    const again = [...receivers.taken.values()].reduce((sum, runs) => sum + runs.length - 1, 0);
    const log = agents.flatMap(({ said }) => said.log);
    const workers = new Set([...receivers.taken.values()].flat());
    console.log(
      `${accepted().size} events to ${receivers.targets.length} targets: published in ` +
        `${publishedIn} s, delivered in ${deliveredIn} s, start included; ${again} deliveries again, ` +
        `${log.length} log lines`,
    );
    for (const message of new Set(log)) console.log(`log: ${message}`);
    assert.equal(workers.size, processes, "each process delivers");
    // Nobody died: only requests without a response in time may be repeated.
    const unconfirmed = agents.reduce((sum, { said }) => sum + said.unconfirmed, 0);
    assert.ok(again <= unconfirmed, `${again} again, ${unconfirmed} without a response`);
  } finally {
    await Promise.all(agents.map((agent) => agent.kill()));
    await receivers.close();
  }
}
