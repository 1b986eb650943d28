import { createHooks, encodeEvent, WebhookHook } from "@omniagent/hooks";
import { openStore } from "@omniagent/hooks/kv";
import { createOutbox } from "@omniagent/hooks/outbox";
import { inFolder } from "../../support/folder.ts";
import { type Measurement, pairedRatio, type Sample } from "../sampler.ts";
import { event } from "./_event.ts";
import { concurrently, counted, databaseIn, newPrefix, none } from "./_kv.ts";
import type { Row } from "./row.ts";

const IN_FLIGHT = 192;
const EVENTS = 2_000;
const name = "durable end to end, 192 in flight";

/** Published, delivered signed, settled; on a file of Deno KV. */
export const durableDeliveryRows: readonly Row[] = [{
  name,
  against: "raw fetch, 64 in flight",
  runtimes: ["deno"],
  budget: { atLeast: 0.12 },
  server: respond,
  inside: (address) => measure(address, () => Promise.resolve(rawFetch(address))),
}, {
  name,
  against: "enqueue + listenQueue without HTTP",
  runtimes: ["deno"],
  budget: { atLeast: 2 },
  server: respond,
  inside: (address) => measure(address, queue),
}];

async function respond(request: Request): Promise<Response> {
  await request.arrayBuffer();
  return new Response(null, { status: 204 });
}

/** Throughput as a multiple of the comparison's. */
function measure(
  url: string,
  other: (folder: string) => Promise<Sample & { close?(): Promise<void> }>,
): Promise<Measurement> {
  return inFolder(async (folder) => {
    const theirs = await other(folder);
    const ours = await delivery(url, folder);
    try {
      return await pairedRatio(theirs, ours, { warmUp: 3 });
    } finally {
      await ours.close();
      await theirs.close?.();
    }
  });
}

/** Keeps 192 events stored or in delivery, until all are settled. */
async function delivery(url: string, folder: string): Promise<Sample & { close(): Promise<void> }> {
  const secret = `whsec_${btoa("0123456789abcdef0123456789abcdef")}`;
  const operations = none();
  let wake = () => {};
  const file = await openStore(databaseIn(folder, "ours"));
  const store = counted(file, operations, () => wake());
  const hooks = createHooks({ outbox: createOutbox(store, { prefix: newPrefix() }) });
  hooks.use(
    new WebhookHook({ name: "bench", events: ["*"], url, secret, concurrency: IN_FLIGHT }),
  );
  const sample = async () => {
    operations.settled = 0;
    let emitted = 0;
    const start = performance.now();
    while (operations.settled < EVENTS) {
      const settled = new Promise<void>((resolve) => wake = resolve);
      while (emitted < EVENTS && emitted - operations.settled < IN_FLIGHT) {
        emitted++;
        void hooks.emit(event.type, event.data, { sessionId: event.sessionId });
      }
      if (operations.settled < EVENTS) await settled;
    }
    return (performance.now() - start) / EVENTS;
  };
  const close = async () => {
    await hooks.close();
    store.close();
  };
  return Object.assign(sample, { close });
}

function rawFetch(url: string): Sample {
  const body = encodeEvent(event);
  const headers = { "content-type": "application/json" };
  return concurrently(EVENTS, 64, async () => {
    const response = await fetch(url, { method: "POST", headers, body });
    if (!response.ok) throw new Error(`The receiver responded ${response.status}`);
    await response.body?.cancel();
  });
}

/** The same events through a queue of Deno KV, whose listener does nothing. */
async function queue(folder: string): Promise<Sample & { close(): Promise<void> }> {
  const kv = await Deno.openKv(`${folder}/theirs.db`);
  const waiting = new Map<number, () => void>();
  const listening = kv.listenQueue(({ n }: { n: number }) => waiting.get(n)?.());
  let n = 0;
  const send = async () => {
    const mine = n++;
    const received = new Promise<void>((resolve) => waiting.set(mine, resolve));
    await kv.enqueue({ n: mine, event: encodeEvent(event) });
    await received;
    waiting.delete(mine);
  };
  const close = async () => {
    kv.close();
    await listening.catch(() => {});
  };
  return Object.assign(concurrently(500, IN_FLIGHT, send), { close });
}
