/**
 * Measures how long lists of the API and pages of the console take with many events, deliveries, and
 * webhooks. Prints milliseconds on this machine: the median of several requests, and the slowest.
 *
 * `deno run -A --config=tests/deno.json tests/bench/console_pages.ts [--postgres] [--events 100000] [--webhooks 1000]`
 * @module
 */
import { createHooks } from "@omniagent/hooks";
import { createHooksApp } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { PostgresStore } from "@omniagent/hooks/postgres";
import { openStore } from "@omniagent/hooks/sqlite";
import type { Store } from "@omniagent/hooks/store";
import { createAddressGuard } from "@omniagent/hooks/webhook";
import { generateEncryptionKey, webhookStore } from "@omniagent/hooks/webhook-store";
import { parseArgs } from "node:util";
import { clients } from "../support/postgres_clients.ts";
import { idAt } from "../support/event_ids.ts";
import { findPostgres, startPostgres } from "../support/postgres_server.ts";
import { silentLogger } from "../support/silent_logger.ts";

/** Requests for each page. */
const REQUESTS = 7;
/** Events in one commit. */
const CHUNK = 100;

const { values } = parseArgs({
  options: {
    postgres: { type: "boolean", default: false },
    events: { type: "string", default: "100000" },
    webhooks: { type: "string", default: "1000" },
  },
});
const [eventCount, webhookCount] = [Number(values.events), Number(values.webhooks)];

await using cleanup = new AsyncDisposableStack();
const store = values.postgres ? await openPostgres() : await openSqlite();
const outbox = createOutbox(store, { logger: silentLogger });
const hooks = createHooks<Record<string, unknown>>({ outbox, logger: silentLogger });
const webhooks = webhookStore(store, {
  encryptionKey: generateEncryptionKey(),
  guard: createAddressGuard({ resolve: () => Promise.resolve(["93.184.216.34"]) }),
  // One in five rejects everything; what another one is sent is held.
  fetch: (input) =>
    Promise.resolve(new Response(null, { status: numberOf(`${input}`) % 5 === 0 ? 400 : 204 })),
});
const app = createHooksApp(hooks, { auth: false, console: true, webhooks, logger: silentLogger });
cleanup.defer(() => hooks.close());

await hooks.emit("bench.started", {}); // an outbox creates its indexes with its first event
const before = performance.now();
await concurrently(webhookCount, 8, async (n) => {
  await webhooks.create({ name: `w${n}`, events: [`job.j${n}`], url: `https://w${n}.example/` });
  if (n % 5 === 1) await outbox.disable(`w${n}`);
});
await seed();
const took = Math.round((performance.now() - before) / 1000);
const kind = values.postgres ? "PostgreSQL" : "SQLite";
console.log(`${eventCount} events and ${webhookCount} webhooks in ${kind}, stored in ${took} s`);

const { items: [dead] } = await outbox.listDeliveries({ state: "dead", limit: 1 });
const middle = (await outbox.listEvents({ limit: 1, order: "oldest" })).items[0]!.event.timestamp;
const at = (seconds: number) => new Date(middle.getTime() + seconds * 1000).toISOString();
const local = (seconds: number) => at(seconds).slice(0, 23);
/** Filters by time: all events, those of a minute, one, none between two, and none long ago. */
const TIMES = [
  [-1, 3601],
  [600, 660],
  [600, 600 + 3600 / eventCount],
  [600 + 0.25 * 3600 / eventCount, 600 + 0.75 * 3600 / eventCount],
  [-400_000_000, -399_900_000],
] as const;
const ranges = TIMES.map(([since, until]) => `since=${at(since)}&until=${at(until)}`);
const localRanges = TIMES.map(([since, until]) => `since=${local(since)}&until=${local(until)}`);
const LISTS = ["deliveries", "deliveries?state=dead", "deliveries?state=pending", "dead-letters"];
const PATHS = [
  "/events?limit=100",
  "/events?limit=1000",
  "/events?type=job.j7",
  "/events?session=s-7",
  ...ranges.map((range) => `/events?${range}`),
  ...ranges.map((range) => `/events?type=job.j7&${range}`),
  "/deliveries?limit=100&include=event",
  "/deliveries?limit=1000",
  "/deliveries?state=dead&limit=1000",
  "/deliveries?state=pending&limit=1000",
  ...["attempted", "dead", "pending"].flatMap((state) =>
    ranges.map((range) => `/deliveries?state=${state}&${range}`)
  ),
  ...ranges.map((range) => `/deliveries?target=w7&${range}`),
  ...ranges.map((range) => `/decisions?${range}`),
  "/targets",
  "/webhooks?limit=100",
  "/webhooks?limit=1000",
  "/metrics",
  "/console/",
  "/console/events",
  "/console/events?type=job.j7",
  "/console/events?type=none",
  "/console/events?session=s-7",
  `/console/events/${dead!.eventId}`,
  ...LISTS.flatMap((page) =>
    [
      "",
      "target=w7",
      "type=job.j7",
      "type=none",
      ...localRanges,
      ...localRanges.map((range) => `target=w7&${range}`),
      ...localRanges.map((range) => `type=job.j7&${range}`),
    ].map((filter) => `/console/${page}${page.includes("?") ? "&" : "?"}${filter}`)
  ),
  "/console/targets",
  "/console/webhooks",
  "/console/webhooks/w7",
  "/console/gates",
];
for (const path of PATHS) {
  const times: number[] = [];
  let size = 0;
  for (let n = 0; n < REQUESTS; n++) {
    const started = performance.now();
    const response = await app.request(path);
    const text = await response.text();
    times.push(performance.now() - started);
    size = text.length;
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  }
  times.sort((a, b) => a - b);
  const [median, slowest] = [times[REQUESTS >> 1]!, times.at(-1)!];
  const columns = [median, slowest].map((time) => time.toFixed(1).padStart(8));
  console.log(`${columns.join("")} ms ${String(Math.round(size / 1024)).padStart(6)} KiB  ${path}`);
}

/** Stores events and deliveries as the outbox does: three in five delivered, one dead, one held. */
async function seed(): Promise<void> {
  const start = Date.now() - 3_600_000;
  for (let from = 0; from < eventCount; from += CHUNK) {
    const atomic = store.atomic();
    const sums = new Map<string, bigint>();
    for (let n = from; n < Math.min(from + CHUNK, eventCount); n++) {
      const time = start + Math.floor(n * 3_600_000 / eventCount);
      const [id, target] = [idAt(time, n), `w${n % webhookCount}`];
      const timestamp = new Date(time).toISOString();
      const data = { n, text: "x".repeat(200) };
      const type = `job.j${n % webhookCount}`;
      const event = { id, type, timestamp, session_id: `s-${n % 1000}`, data };
      atomic.set(["hooks", "event", id], { v: 1, to: [target], at: time, event });
      const kind = n % webhookCount % 5;
      const outcome = kind === 0 ? "dead" : kind === 1 ? undefined : "delivered";
      for (const what of ["accepted", outcome]) {
        if (what === undefined) continue;
        const key = `${target} ${what}`;
        sums.set(key, (sums.get(key) ?? 0n) + 1n);
      }
      if (outcome === undefined) {
        const due = { v: 1, until: 0, by: "", claims: 0 };
        atomic.set(["hooks", "due", target, time, id], due);
        continue;
      }
      const verdict = outcome === "dead" ? "final" : "delivered";
      const attempts = [{
        at: time,
        verdict,
        duration: 12,
        status: outcome === "dead" ? 400 : 204,
      }];
      atomic.set(["hooks", "delivery", target, id], { v: 1, state: outcome, made: 1, attempts });
      if (outcome === "dead") {
        const dead = { v: 1, at: time, reason: "the response was 400", made: 1 };
        atomic.set(["hooks", "dead", target, id], dead);
      }
    }
    for (const [key, count] of sums) {
      const [target, what] = key.split(" ");
      atomic.sum(["hooks", "count", target!, 0, what!], count);
    }
    const { ok } = await atomic.commit();
    if (!ok) throw new Error("not stored");
  }
}

function numberOf(text: string): number {
  return Number(/w(\d+)/.exec(text)?.[1]);
}

/** Runs a function for each number, some at the same time. */
async function concurrently(
  count: number,
  limit: number,
  run: (n: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: limit }, async () => {
    while (next < count) await run(next++);
  }));
}

async function openSqlite(): Promise<Store> {
  const directory = await Deno.makeTempDir({ prefix: "console-pages-" });
  cleanup.defer(() => Deno.remove(directory, { recursive: true }));
  const store = await openStore(`${directory}/hooks.db`);
  cleanup.defer(() => store.close());
  return store;
}

async function openPostgres(): Promise<Store> {
  const bin = await findPostgres("the pages of the console");
  if (bin === undefined) Deno.exit(1);
  const server = await startPostgres(bin);
  cleanup.defer(() => server.stop());
  const { client, close } = clients["pg"]!(server.url);
  cleanup.defer(close);
  const store = new PostgresStore(client);
  cleanup.defer(() => store.close());
  await store.migrate();
  return store;
}
