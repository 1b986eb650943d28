import type { Attempt, DeliveryTarget } from "@omniagent/hooks/outbox";
import { openStore } from "@omniagent/hooks/kv";
import { createOutbox } from "@omniagent/hooks/outbox";
import { delay } from "../../../src/internal/async.ts";
import { createEventId } from "../../../src/internal/uuid.ts";
import { TARGET } from "./fill.ts";

/** How the other webhook, for which everything waits, is sick; `none`: there is none. */
export type Sickness = "none" | "down" | "saturated" | "off";

/** How long one look at it takes, in milliseconds. */
const DURATION = 2_000;
/** Events come in bursts: four are attempted as they are stored, the others are claimed when a slot is free. */
const BURST = { events: 6, every: 50, concurrency: 4 };
/** How long the healthy receiver takes, and the saturated one, in milliseconds. */
const RESPONSE_TIME = { healthy: 5, saturated: 5_000 };
const HEALTHY = "healthy";
const retry = { delay: () => 5_000, total: 5_000 };

/**
 * The milliseconds from the publication of events to their attempts at a healthy webhook, beside a sick
 * one for which a million are due.
 */
export async function delaysBeside(sickness: Sickness, file: string): Promise<readonly number[]> {
  const store = await openStore(file);
  const outbox = createOutbox(store);
  const published = new Map<string, number>();
  const delays: number[] = [];
  outbox.register({
    name: HEALTHY,
    timeout: 10_000,
    concurrency: BURST.concurrency,
    retry,
    async attempt({ id }) {
      delays.push(performance.now() - published.get(id)!);
      await delay(RESPONSE_TIME.healthy);
      return { verdict: "delivered", duration: RESPONSE_TIME.healthy };
    },
  });
  const over = new AbortController();
  if (sickness !== "none") outbox.register(sick(sickness, over.signal));
  if (sickness === "off") await outbox.disable(TARGET);
  outbox.start();
  await publishSteadily(async () => {
    const id = createEventId();
    published.set(id, performance.now());
    const event = { id, type: "bench.tick", timestamp: new Date(), data: {} };
    await outbox.publish([{ fresh: true, event, to: [HEALTHY] }]);
  });
  while (delays.length < published.size) await delay(10);
  over.abort();
  await outbox.stop();
  if (sickness === "off") await outbox.enable(TARGET);
  store.close();
  return delays;
}

/** Responds immediately when the run is over. */
function sick(sickness: Exclude<Sickness, "none">, over: AbortSignal): DeliveryTarget {
  return {
    name: TARGET,
    timeout: 10_000,
    concurrency: 16,
    retry,
    async attempt(): Promise<Attempt> {
      if (sickness === "down") return { verdict: "retry", duration: 0, error: "refused" };
      await delay(RESPONSE_TIME.saturated, over);
      return { verdict: "delivered", status: 204, duration: RESPONSE_TIME.saturated };
    },
  };
}

async function publishSteadily(publish: () => Promise<void>): Promise<void> {
  const published: Promise<void>[] = [];
  const start = performance.now();
  for (let burst = 0; burst * BURST.every < DURATION; burst++) {
    await delay(start + burst * BURST.every - performance.now());
    for (let n = 0; n < BURST.events; n++) published.push(publish());
  }
  await Promise.all(published);
}
