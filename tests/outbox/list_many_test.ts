import { fixedRetry } from "@omniagent/hooks";
import type { Store } from "@omniagent/hooks/store";
import { createOutbox, type DeliveryListOptions, type Outbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";
import { idAt, START } from "../support/event_ids.ts";

/** Deliveries by target: of `held`, this process has no target. */
const MANY = { busy: 40_000, brisk: 40_000, held: 20_000 };

const idOf = (n: number): string => idAt(START + n, n);

/** Events and their live deliveries, as a publisher of another process stores them. */
async function seed(store: Store): Promise<void> {
  const unleased = { v: 1, until: 0, by: "", claims: 0 };
  for (let from = 0; from < MANY.busy; from += 250) {
    const atomic = store.atomic();
    for (let n = from; n < from + 250; n++) {
      const [id, at] = [idOf(n), START + n];
      const to = Object.entries(MANY).filter(([, many]) => n < many).map(([target]) => target);
      const event = { id, type: "a", timestamp: new Date(at).toISOString(), data: n };
      atomic.set(["hooks", "event", id], { v: 1, to, at, event });
      for (const target of to) atomic.set(["hooks", "due", target, at, id], unleased);
    }
    await atomic.commit();
  }
}

/** Every delivery of a list, page by page; `between` is called after each. */
async function list(
  outbox: Outbox,
  options: DeliveryListOptions,
  between: () => Promise<void>,
): Promise<readonly string[]> {
  const names: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await outbox.listDeliveries({ ...options, limit: 1000, cursor });
    names.push(...page.items.map(({ target, eventId }) => `${target} ${eventId}`));
    cursor = page.cursor;
    await between();
  } while (cursor !== undefined);
  return names;
}

test("listDeliveries() lists each of 100,000 deliveries once while others are settled", async () => {
  const store = memoryStore({ limits: { checks: 100 } });
  await seed(store);
  const outbox = createOutbox(store, { logger: silentLogger });
  const attempts: string[] = [];
  const waiting: (() => void)[] = [];
  let allowed = 0;
  for (const name of ["busy", "brisk"]) {
    outbox.register({
      name,
      timeout: 1000,
      concurrency: 200,
      retry: fixedRetry({ delay: 0, retries: 3 }),
      async attempt({ id }) {
        while (attempts.length >= allowed) await new Promise<void>((go) => waiting.push(go));
        attempts.push(`${name} ${id}`);
        return { verdict: "delivered", duration: 1 };
      },
    });
  }
  outbox.start();
  const allow = (more: number): void => {
    allowed += more;
    waiting.splice(0).forEach((go) => go());
  };
  const between = async (): Promise<void> => {
    allow(250);
    await until(() => attempts.length >= allowed);
  };
  const pending = await list(outbox, { state: "pending" }, between);
  const during = attempts.length;
  const seen = new Set(pending);
  assert.equal(seen.size, pending.length);
  // Undelivered events, and those attempted after the list ended, were stored all the time.
  for (let n = 0; n < MANY.held; n++) assert.ok(seen.has(`held ${idOf(n)}`), `held ${n}`);
  const attempted = await list(outbox, { state: "attempted" }, between);
  const found = new Set(attempted);
  assert.equal(found.size, attempted.length);
  // The latest may still have waited for their commit.
  for (const name of attempts.slice(0, during - 1000)) assert.ok(found.has(name), name);
  for (const name of attempts.slice(during)) assert.ok(seen.has(name), name);
  assert.ok(during > 20_000 && attempts.length > during, `${during}, ${attempts.length}`);
  allow(Infinity);
  await outbox.stop();
  console.log(`${pending.length} pending listed while ${during} were attempted`);
  console.log(`${attempted.length} attempted listed while ${attempts.length - during} were`);
});
