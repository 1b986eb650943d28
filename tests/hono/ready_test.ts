import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import { type Store, type StoreAtomic, StoreError } from "@omniagent/hooks/store";
import { createHooksApp } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

/** What a commit does; without it, it succeeds. */
type Failing = { fail?: (bytes: number) => Error | undefined; commits: number };

/** A store in memory whose commits fail on demand. */
function failingStore(state: Failing): Store {
  const store = memoryStore();
  const begin = store.atomic.bind(store);
  const atomic = (): StoreAtomic => {
    const draft = begin();
    let bytes = 0;
    const same = (call: () => unknown): StoreAtomic => (call(), wrapped);
    const wrapped: StoreAtomic = {
      check: (...checks) => same(() => draft.check(...checks)),
      set: (key, value, options) => {
        bytes += JSON.stringify(value).length;
        return same(() => draft.set(key, value, options));
      },
      delete: (key) => same(() => draft.delete(key)),
      sum: (key, by) => same(() => draft.sum(key, by)),
      commit: () => {
        state.commits++;
        const error = state.fail?.(bytes);
        return error ? Promise.reject(error) : draft.commit();
      },
    };
    return wrapped;
  };
  return Object.assign(store, { atomic });
}

const FULL = (): Error => new StoreError("Cannot commit: database or disk is full", "full");
const EVENT = JSON.stringify({
  type: "tool.called",
  data: { name: "bash", text: "x".repeat(500) },
});

async function asking(
  state: Failing,
  use: (send: (path: string, body?: string) => Promise<Response>) => Promise<void>,
): Promise<void> {
  const outbox = createOutbox(failingStore(state), { logger: silentLogger });
  const hooks = createHooks({ outbox, logger: silentLogger });
  const app = createHooksApp(hooks, { auth: false, logger: silentLogger });
  const headers = { "content-type": "application/json" };
  try {
    await use(async (path, body) =>
      await app.request(path, body === undefined ? {} : { method: "POST", headers, body })
    );
  } finally {
    await hooks.close();
  }
}

test("on a full disk a POST fails immediately, and reports that nothing is stored", async () => {
  const state: Failing = { commits: 0 };
  await asking(state, async (send) => {
    assert.equal((await send("/events", EVENT)).status, 202);
    state.fail = FULL;
    const before = state.commits;
    const response = await send("/events", EVENT);
    assert.equal(response.status, 503);
    assert.equal(state.commits, before + 1); // it is not tried again
    const { code, stored, detail } = await response.json();
    assert.deepEqual({ code, stored }, { code: "outbox_unavailable", stored: false });
    assert.equal(
      detail,
      "The store failed: its disk is full: free up space, or move the store to a larger disk",
    );
  });
});

test("/ready is 503 with advice on a full disk, even if a small commit still fits", async () => {
  const state: Failing = { commits: 0 };
  await asking(state, async (send) => {
    assert.equal((await send("/ready")).status, 200);
    state.fail = (bytes) => bytes > 400 ? FULL() : undefined;
    assert.equal((await send("/events", EVENT)).status, 503);
    const response = await send("/ready");
    assert.equal(response.status, 503);
    assert.equal(response.headers.get("retry-after"), "5");
    const { code, detail } = await response.json();
    assert.equal(code, "outbox_unavailable");
    assert.match(detail, /disk is full: free up space/);
    // Recovered by traffic.
    delete state.fail;
    assert.equal((await send("/events", EVENT)).status, 202);
    assert.equal((await send("/ready")).status, 200);
  });
});

for (
  const [failure, advice] of [
    ["read_only", "permissions"],
    ["cannot_open", "directory"],
    ["corrupt", "backup"],
  ] as const
) {
  test(`/ready has advice for an operator of a failed store: ${failure}`, async () => {
    const fail = () => new StoreError("Cannot commit", failure);
    await asking({ commits: 0, fail }, async (send) => {
      const response = await send("/ready");
      assert.equal(response.status, 503);
      assert.ok((await response.json()).detail.includes(advice));
    });
  });
}

test("/ready shares a probe between callers, and writes at most one per second", async () => {
  const state: Failing = { commits: 0 };
  await asking(state, async (send) => {
    await send("/ready");
    const before = state.commits;
    const all = await Promise.all(Array.from({ length: 100 }, () => send("/ready")));
    assert.ok(all.every(({ status }) => status === 200));
    assert.ok(state.commits - before <= 1);
  });
});
