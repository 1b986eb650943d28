import { createHooks, WebhookHook } from "@omniagent/hooks";
import { KvStore } from "@omniagent/hooks/kv";
import { createOutbox } from "@omniagent/hooks/outbox";
import { inFolder } from "../../support/folder.ts";
import { type Measurement, spread } from "../sampler.ts";
import { event } from "./_event.ts";
import { newPrefix } from "./_kv.ts";
import type { Row } from "./row.ts";

const CALLERS = 64;
const EVENTS = 2_000;
/** Warm-up rounds, and measured rounds. */
const ROUNDS = { warmUp: 2, counted: 5 };
const name = "durable under load, 64 callers";

/** Milliseconds per event until `emit` resolved, and until the webhook received it. */
type Times = { readonly emit: readonly number[]; readonly delivery: readonly number[] };

/**
 * Callers that emit as fast as possible, on a file of Deno KV with the 10 checks of other stores. There, an
 * outcome costs more than a publication, so fairness decides which of them waits.
 */
export const durableLoadRows: readonly Row[] = [
  row("emit, p99", "emit, p50", ({ emit }) => at(emit, 0.99) / at(emit, 0.5)),
  row("end to end, p50", "emit, p50", ({ emit, delivery }) => at(delivery, 0.5) / at(emit, 0.5), 4),
  row(
    "end to end, p99",
    "emit, p99",
    ({ emit, delivery }) => at(delivery, 0.99) / at(emit, 0.99),
    8,
  ),
];

function row(what: string, against: string, ratio: (times: Times) => number, most?: number): Row {
  return {
    name: `${name}: ${what}`,
    against,
    runtimes: ["deno"],
    ...(most !== undefined && { budget: { atMost: most } }),
    inside: () => measure(ratio),
  };
}

function measure(ratio: (times: Times) => number): Promise<Measurement> {
  return inFolder(async (folder) => {
    const kv = await Deno.openKv(`${folder}/load.db`);
    const store = new KvStore(kv, { ownsKv: true, limits: { checks: 10 } });
    const began = new Map<string, number>();
    const delivery: number[] = [];
    const receive: typeof fetch = (_, init) => {
      const { data: { name } } = JSON.parse(new TextDecoder().decode(init!.body as Uint8Array));
      delivery.push(performance.now() - began.get(name)!);
      return Promise.resolve(new Response(null, { status: 204 }));
    };
    const hooks = createHooks({ outbox: createOutbox(store, { prefix: newPrefix() }) });
    hooks.use(
      new WebhookHook({
        name: "bench",
        events: ["*"],
        url: "https://example.com/",
        concurrency: CALLERS,
        fetch: receive,
      }),
    );
    const ratios: number[] = [];
    for (let round = -ROUNDS.warmUp; round < ROUNDS.counted; round++) {
      delivery.length = 0;
      const emit: number[] = [];
      let next = 0;
      const call = async () => {
        for (let n = next++; n < EVENTS; n = next++) {
          const name = `${round} ${n}`;
          const start = performance.now();
          began.set(name, start);
          await hooks.emit("tool.called", { name }, { sessionId: event.sessionId });
          emit.push(performance.now() - start);
        }
      };
      await Promise.all(Array.from({ length: CALLERS }, call));
      while (delivery.length < EVENTS) await new Promise((resolve) => setTimeout(resolve, 5));
      if (round >= 0) ratios.push(ratio({ emit, delivery }));
      began.clear();
    }
    await hooks.close();
    store.close();
    return spread(ratios);
  });
}

/** A quantile. */
function at(values: readonly number[], part: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(part * (values.length - 1))]!;
}
