import { createHooks, encodeEvent, WebhookHook } from "@omniagent/hooks";
import { openStore as openKv } from "@omniagent/hooks/kv";
import { createOutbox } from "@omniagent/hooks/outbox";
import { openStore as openSqlite } from "@omniagent/hooks/sqlite";
import type { Store } from "@omniagent/hooks/store";
import { createEventId } from "../../../src/internal/uuid.ts";
import { inFolder } from "../../support/folder.ts";
import { type Measurement, pairedRatio, type Sample, spread } from "../sampler.ts";
import { event } from "./_event.ts";
import { concurrently, newPrefix } from "./_kv.ts";
import type { Row } from "./row.ts";

const KEYED = { inFlight: 64, events: 1_024 };
/** Events that are sent one at a time, with a pause in which the outbox becomes idle. */
const ALONE = { warmUp: 30, events: 200, pause: 10 };

/** What SQLite is for: many keyed events at once, and one event alone. */
export const durableStoreRows: readonly Row[] = [{
  name: "durable publish on SQLite, an idempotency key each, 64 in flight",
  against: "the same on Deno KV",
  runtimes: ["deno"],
  budget: { atLeast: 5 },
  inside: () =>
    inFolder(async (folder) => {
      const stores = [await openKv(`${folder}/a.db`), await openSqlite(`${folder}/b.sqlite`)];
      const [kv, sqlite] = stores.map(keyed) as [Sample, Sample];
      const ratio = await pairedRatio(kv, sqlite, { warmUp: 3 });
      for (const store of stores) store.close();
      return ratio;
    }),
}, {
  name: "durable on SQLite, idle: emit to receipt at the webhook, p50",
  against: "one raw fetch and one commit, p50",
  runtimes: ["deno"],
  budget: { atMost: 2 },
  server: respond,
  inside: alone,
}];

/** Publishes events for a target that isn't delivered to, each under a key of its own. */
function keyed(store: Store): Sample {
  const outbox = createOutbox(store, { prefix: newPrefix() });
  return concurrently(KEYED.events, KEYED.inFlight, () =>
    outbox.publish([{
      fresh: true,
      event: { ...event, id: createEventId(), timestamp: new Date() },
      to: ["bench"],
    }], { idempotencyKey: crypto.randomUUID() }));
}

/** The receiver of both sides. */
async function respond(request: Request): Promise<Response> {
  await request.arrayBuffer();
  return new Response(null, { status: 204 });
}

/**
 * Measures one event at a time, in turn with a commit and a request by hand. Receipt is when the response
 * is back, on both sides.
 */
function alone(url: string): Promise<Measurement> {
  return inFolder(async (folder) => {
    const [ours, theirs] = [
      await openSqlite(`${folder}/a.sqlite`),
      await openSqlite(`${folder}/b.sqlite`),
    ];
    let responded = (): void => {};
    const hooks = createHooks({ outbox: createOutbox(ours) });
    hooks.use(
      new WebhookHook({
        name: "bench",
        events: ["*"],
        url,
        secret: `whsec_${btoa("0123456789abcdef0123456789abcdef")}`,
        async fetch(input, init) {
          const response = await fetch(input, init);
          responded();
          return response;
        },
      }),
    );
    await hooks.init();
    const emit = async (): Promise<void> => {
      const response = new Promise<void>((resolve) => responded = resolve);
      await hooks.emit(event.type, event.data, { sessionId: event.sessionId });
      await response;
    };
    const body = encodeEvent(event);
    const text = new TextDecoder().decode(body);
    const byHand = async (): Promise<void> => {
      await theirs.set(["event", createEventId()], { event: text });
      const headers = { "content-type": "application/json" };
      const response = await fetch(url, { method: "POST", headers, body });
      await response.body?.cancel();
    };
    const times = { ours: [] as number[], theirs: [] as number[] };
    for (let n = -ALONE.warmUp; n < ALONE.events; n++) {
      for (const side of n % 2 === 0 ? ["ours", "theirs"] as const : ["theirs", "ours"] as const) {
        await new Promise((resolve) => setTimeout(resolve, ALONE.pause));
        const start = performance.now();
        await (side === "ours" ? emit() : byHand());
        if (n >= 0) times[side].push(performance.now() - start);
      }
    }
    await hooks.close();
    for (const store of [ours, theirs]) store.close();
    const median = spread(times.theirs).value;
    return spread(times.ours.map((time) => time / median));
  });
}
