/**
 * Observers that fail: whatever becomes of them, a tool's result is its own, and its end is emitted once.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, type Hooks, WebhookHook } from "@omniagent/hooks";
import { createOutbox, type DeliveryQueue } from "@omniagent/hooks/outbox";
import type { Store } from "@omniagent/hooks/store";
import { memoryStore } from "@omniagent/hooks/testing";
import { bindStore } from "../support/bind_store.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

/** Pays 7 with the tool `pay` through hooks. Resolves to what the model was told. */
export type Pay = (hooks: Hooks) => Promise<string | undefined>;

/** A port that nothing listens on: Linux gives it to nobody. */
const DEAD = "http://127.0.0.1:2/";

/** What a store does with a commit until it works again. */
type Commit = (commit: () => Promise<object>, healed: Promise<void>) => Promise<object>;

type Failing = {
  readonly observe?: (hooks: Hooks) => void;
  /** What becomes of the commits of an outbox. @default no outbox */
  readonly commit?: Commit;
};

const OBSERVERS: Readonly<Record<string, Failing>> = {
  "a handler that throws": {
    observe: (hooks) =>
      void hooks.on("*", () => {
        throw new Error("handler down");
      }),
  },
  "a handler that rejects": {
    observe: (hooks) => void hooks.on("*", () => Promise.reject(new Error("handler down"))),
  },
  "a handler that never ends": {
    observe: (hooks) => void hooks.on("*", () => new Promise(() => {})),
  },
  "a webhook whose host is down": { observe: withDeadWebhook },
  "a durable webhook whose host is down": {
    observe: withDeadWebhook,
    commit: (commit) => commit(),
  },
};

/** Stores that fail, each of which keeps an agent waiting for a second: they are tested at once. */
const STORES: readonly Failing[] = [
  { commit: (commit, healed) => healed.then(commit) },
  { commit: () => Promise.reject(new Error("store down")) },
];

/** Registers a test for each observer. */
export function testObservers(name: string, pay: Pay, { leaks = false } = {}): void {
  for (const [observer, failing] of Object.entries(OBSERVERS)) {
    test(`${name}: ${observer} changes no result`, () => play(pay, failing), { leaks });
  }
  test(`${name}: a store that fails, or does not respond, changes no result`, async () => {
    await Promise.all(STORES.map((failing) => play(pay, failing)));
  }, { leaks });
}

async function play(pay: Pay, { observe, commit }: Failing): Promise<void> {
  const ends: string[] = [];
  const note = (type: string): void => {
    if (type === "tool.completed" || type === "tool.denied") ends.push(type);
  };
  const healed = Promise.withResolvers<void>();
  const store = commit && withCommits(memoryStore(), commit, healed.promise);
  const outbox = store && noting(createOutbox(store, { logger: silentLogger }), note);
  // A handler that never ends keeps hooks from closing. A store gets as long as it needs.
  const options = outbox ? { outbox } : { closeTimeout: 100 };
  const hooks = createHooks({ logger: silentLogger, ...options });
  // Events get to handlers when they are stored.
  if (outbox === undefined) hooks.on("*", ({ type }) => note(type));
  observe?.(hooks);
  const told = await pay(hooks);
  healed.resolve();
  await hooks.close().catch(() => {});
  store?.close();
  assert.deepEqual([told, ends], ["paid 7", ["tool.completed"]]);
}

function withDeadWebhook(hooks: Hooks): void {
  hooks.use(new WebhookHook({ name: "dead", url: DEAD, events: ["*"], retryCount: 0 }));
}

/** Returns a store whose commits something else becomes of. */
function withCommits(store: Store, apply: Commit, healed: Promise<void>): Store {
  let isHealed = false;
  void healed.then(() => isHealed = true);
  return {
    ...bindStore(store),
    atomic() {
      const atomic = store.atomic();
      const commit = atomic.commit.bind(atomic);
      atomic.commit = () =>
        (isHealed ? commit() : apply(commit, healed)) as ReturnType<typeof commit>;
      return atomic;
    },
  };
}

/** Returns an outbox that notes the types of the events that it is given. */
function noting(outbox: DeliveryQueue, note: (type: string) => void): DeliveryQueue {
  return {
    publish(batch, options) {
      for (const { event } of batch) note(event.type);
      return outbox.publish(batch, options);
    },
    register: (target) => outbox.register(target),
    connect: (host) => outbox.connect!(host),
    start: () => outbox.start(),
    stop: () => outbox.stop(),
  };
}
