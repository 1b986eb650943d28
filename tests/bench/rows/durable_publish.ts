import { encodeEvent } from "@omniagent/hooks";
import { openStore } from "@omniagent/hooks/kv";
import { createOutbox } from "@omniagent/hooks/outbox";
import { createEventId } from "../../../src/internal/uuid.ts";
import { inFolder } from "../../support/folder.ts";
import { type Measurement, pairedRatio } from "../sampler.ts";
import { event } from "./_event.ts";
import { concurrently, databaseIn, newPrefix, type RawKv } from "./_kv.ts";
import type { Row } from "./row.ts";

const IN_FLIGHT = 128;
const EVENTS = 128 * 16;
const DAYS = { expireIn: 30 * 24 * 60 * 60 * 1000 };
const name = "durable publish, 128 in flight";

/** Events stored for one target without delivering them, on a file of Deno KV. */
export const durablePublishRows: readonly Row[] = [{
  name,
  against: "one KV commit an event, 128 in flight",
  runtimes: ["deno"],
  budget: { atLeast: 4 },
  inside: () => measure((kv) => concurrently(EVENTS, IN_FLIGHT, () => commit(kv, 1))),
}, {
  name,
  against: "raw KV batches of the same mutations",
  runtimes: ["deno"],
  budget: { atLeast: 0.7 },
  inside: () =>
    measure((kv) => {
      const batches = concurrently(EVENTS / IN_FLIGHT, 1, () => commit(kv, IN_FLIGHT));
      return async () => await batches() / IN_FLIGHT;
    }),
}];

/** Throughput as a multiple of what raw KV reaches, each on a file of its own. */
function measure(raw: (kv: RawKv) => () => number | Promise<number>): Promise<Measurement> {
  return inFolder(async (folder) => {
    const store = await openStore(databaseIn(folder, "ours"));
    const kv = await Deno.openKv(databaseIn(folder, "theirs"));
    try {
      const outbox = createOutbox(store, { prefix: newPrefix() });
      const publish = () =>
        outbox.publish([{
          fresh: true,
          event: { ...event, id: createEventId(), timestamp: new Date() },
          to: ["bench"],
        }]);
      return await pairedRatio(raw(kv), concurrently(EVENTS, IN_FLIGHT, publish), { warmUp: 3 });
    } finally {
      store.close();
      kv.close();
    }
  });
}

const utf8 = new TextEncoder();
const to = ["bench"];
const head = utf8.encode(JSON.stringify({ v: 1, to, at: Date.now(), event: encodeEvent(event) }));
const due = utf8.encode('{"v":1,"until":0,"by":"","claims":0}');

/** What the outbox writes: for each event its head and a due key, the count once, a check of the first. */
async function commit(kv: RawKv, events: number): Promise<void> {
  const ids = Array.from({ length: events }, createEventId);
  const atomic = kv.atomic().check({ key: ["hooks", "event", ids[0]!], versionstamp: null });
  atomic.sum(["hooks", "count", "bench", 20_000, "accepted"], BigInt(events));
  for (const id of ids) {
    atomic.set(["hooks", "event", id], head, DAYS);
    atomic.set(["hooks", "due", "bench", Date.now(), id], due, DAYS);
  }
  if (!(await atomic.commit()).ok) throw new Error("The commit failed");
}
