/**
 * The program of the memory soak, on Deno, Node and Bun: 64 callers emit as fast as they can, and two
 * webhooks get it, one that responds at once, and one that takes 200 ms and gets one event in twenty. It
 * prints a line of JSON at each step, and one at the end.
 *
 * Its arguments: the number of events, the database file, the checks of a commit.
 * @module
 */
import process from "node:process";
import { createHooks, WebhookHook } from "@omniagent/hooks";
import { KvStore } from "@omniagent/hooks/kv";
import { createOutbox } from "@omniagent/hooks/outbox";

const CALLERS = 64;
/** Of the events, one in so many goes to the slow webhook, which takes 640 a second at 200 ms each. */
const SLOW_SHARE = 20;
const SLOW = { delay: 200, concurrency: 128 };
const STEPS = 20;
/** Everything that was emitted is delivered within this of the last event, in milliseconds. */
const LIMIT = 60_000;

const [events, file, checks] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];
const store = await open();
const outbox = createOutbox(store);
const got = { fast: 0, slow: 0 };
const start = Date.now();
let next = 0;
let emitted = 0;
let failed = 0;

const hooks = createHooks({
  outbox,
  use: [
    webhook("fast", { concurrency: CALLERS, fetch: respond("fast", 0) }),
    webhook("slow", {
      concurrency: SLOW.concurrency,
      filter: { "data.name": "slow" },
      fetch: respond("slow", SLOW.delay),
    }),
  ],
});

await Promise.all(Array.from({ length: CALLERS }, call));
const emittedIn = Date.now() - start;
await waitForDeliveries();
const stats = await outbox.stats();
const closing = Date.now();
await hooks.close();
store.close();
say({
  end: true,
  failed,
  pending: stats.reduce((sum, { pending }) => sum + pending, 0),
  attempts: got.fast + got.slow,
  deliveries: events + Math.ceil(events / SLOW_SHARE),
  emittedIn,
  closedIn: Date.now() - closing,
});

/** The database of this runtime. */
async function open() {
  if (typeof Deno !== "undefined") {
    return new KvStore(await Deno.openKv(file), { ownsKv: true, limits: { checks } });
  }
  const { openStore } = await import("@omniagent/hooks/node");
  return await openStore(file);
}

function webhook(name, options) {
  return new WebhookHook({ name, events: ["*"], url: "https://example.com/", ...options });
}

function respond(name, delay) {
  return async () => {
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
    got[name]++;
    return new Response(null, { status: 204 });
  };
}

async function call() {
  while (next < events) {
    const number = next++;
    const name = number % SLOW_SHARE === 0 ? "slow" : "bash";
    const data = { name, params: { number, text: "x".repeat(200) } };
    await hooks.emit("tool.called", data, { sessionId: `s-${number % 100}` }).catch((error) => {
      if (failed++ === 0) console.error(String(error));
    });
    if (++emitted % Math.ceil(events / STEPS) === 0) sample();
  }
}

async function waitForDeliveries() {
  const deadline = Date.now() + LIMIT;
  const slow = Math.ceil(events / SLOW_SHARE);
  while ((got.fast < events || got.slow < slow) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await new Promise((resolve) => setTimeout(resolve, 1_000)); // the last outcomes are written
}

function sample() {
  const { rss, heapUsed } = process.memoryUsage();
  const wanted = Math.ceil(emitted / SLOW_SHARE);
  const waiting = { fast: emitted - got.fast, slow: wanted - got.slow };
  say({ emitted, seconds: (Date.now() - start) / 1000, rss, heapUsed, waiting });
}

function say(line) {
  console.log(JSON.stringify(line));
}
