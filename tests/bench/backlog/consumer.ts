import { createOutbox } from "@omniagent/hooks/outbox";
import type { Sample } from "../sampler.ts";
import { counted, none } from "../rows/_kv.ts";
import { fill, TARGET } from "./fill.ts";
import { openStore } from "./open_store.ts";

/** Deliveries of a sample: less than half of the smaller file, which is to stay what it is. */
const TAKEN = 400;
/** As many as a commit of a Deno KV file has checks, so that one claim can fill it. */
const CONCURRENCY = 100;

/** Consumes deliveries of a store. */
type Consumer = {
  /** Claims and settles; the cost is the milliseconds of one delivery. */
  readonly sample: Sample;
  close(): Promise<void>;
};

/** An outbox over a store with a target that takes everything at once, while a sample is taken. */
export async function openConsumer(place: string): Promise<Consumer> {
  const operations = none();
  let settled = (): void => {};
  const store = counted(await openStore(place), operations, () => settled());
  const gate = newGate();
  const outbox = createOutbox(store);
  outbox.register({
    name: TARGET,
    timeout: 60_000,
    concurrency: CONCURRENCY,
    retry: { delay: () => undefined, total: 0 },
    async attempt() {
      await gate.opened;
      return { verdict: "delivered", duration: 0 };
    },
  });
  outbox.start();

  const sample = async (): Promise<number> => {
    const before = operations.settled;
    const taken = (): number => operations.settled - before;
    const start = performance.now();
    gate.open();
    while (taken() < TAKEN) await new Promise<void>((resolve) => settled = resolve);
    const cost = (performance.now() - start) / taken();
    gate.close();
    settled = () => {};
    await quiet(taken);
    await fill(store, taken());
    return cost;
  };
  const close = async (): Promise<void> => {
    gate.open();
    await outbox.stop();
    store.close();
  };
  return { sample, close };
}

/** Resolves when a number no longer grows: what was let through is settled, and the rest waits. */
async function quiet(number: () => number): Promise<void> {
  for (let before = -1; before !== number();) {
    before = number();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Something to wait at, again and again. */
function newGate(): { readonly opened: Promise<void>; open(): void; close(): void } {
  let { promise, resolve } = Promise.withResolvers<void>();
  return {
    get opened() {
      return promise;
    },
    open: () => resolve(),
    close: () => ({ promise, resolve } = Promise.withResolvers<void>()),
  };
}
