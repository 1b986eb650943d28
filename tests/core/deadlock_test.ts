import assert from "node:assert/strict";
import { DeadlockError, DispatchError, HookInitError } from "@omniagent/hooks";
import { deferred } from "../support/deferred.ts";
import { rejection } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { FakeQueue, quietHooks } from "./_fakes.ts";

/** Places in a handler from which it calls what would wait for it. */
const places: Readonly<Record<string, (call: () => Promise<void>) => Promise<void>>> = {
  "at once": (call) => call(),
  "after an await": async (call) => {
    await Promise.resolve();
    await call();
  },
  "after a timer": async (call) => {
    await new Promise((resolve) => setTimeout(resolve));
    await call();
  },
  "in a helper of a helper": async (call) => {
    const helper = async (): Promise<void> => {
      await null;
      await call();
    };
    await Promise.all([helper(), null]);
  },
};

for (const [place, from] of Object.entries(places)) {
  test(`drain() in a handler in the background is an error, and waits for nothing (${place})`, async () => {
    const hooks = quietHooks();
    hooks.on("a", () => from(() => hooks.drain()));
    hooks.emitInBackground("a", null);
    await hooks.drain();
    assert.equal(hooks.errors.length, 1);
    assert.ok(hooks.errors[0] instanceof DeadlockError, `${hooks.errors[0]}`);
    assert.match(String(hooks.errors[0]), /^DeadlockError: Cannot drain events: 'drain' waits for/);
  });

  test(`close() in a handler in the background is an error, and the hooks close (${place})`, async () => {
    const log: string[] = [];
    const hooks = quietHooks();
    hooks.use({ name: "h", events: ["b"], handle: () => {}, close: () => log.push("closed") });
    hooks.on("a", () => from(() => hooks.close()));
    await hooks.init();
    hooks.emitInBackground("a", null);
    await hooks.drain();
    await hooks.close();
    assert.ok(hooks.errors[0] instanceof DeadlockError, `${hooks.errors[0]}`);
    assert.deepEqual([log, hooks.errors.length], [["closed"], 1]);
  });

  test(`close() in a handler of hooks with schemas is an error (${place})`, async () => {
    const hooks = quietHooks({ schemas: {} });
    hooks.on("a", () => from(() => hooks.close()));
    const { failures } = await rejection(hooks.emit("a", null), DispatchError);
    assert.ok(failures[0]!.error instanceof DeadlockError);
    await hooks.close();
  });

  test(`close() in a durable hook is an error (${place})`, async () => {
    const outbox = new FakeQueue();
    const hooks = quietHooks({ outbox });
    const handle = (): Promise<void> => from(() => hooks.close());
    hooks.use({ name: "d", events: ["*"], durable: true, handle });
    await hooks.emit("a", null);
    const attempt = await outbox.attempt("d", outbox.batches[0]![0]!.event);
    assert.equal(attempt.verdict, "retry");
    assert.match(attempt.error!, /^Cannot close hooks: 'close' waits for/);
    await hooks.close();
  });

  test(`emit() and init() in init of a hook are errors when they are awaited (${place})`, async () => {
    for (const what of ["emit", "init"] as const) {
      const hooks = quietHooks();
      const init = (): Promise<void> =>
        from(async () => void await (what === "emit" ? hooks.emit("a", null) : hooks.init()));
      hooks.use({ name: "h", events: ["*"], init, handle: () => assert.fail("called") });
      const error = await rejection(hooks.init(), HookInitError);
      assert.ok(error.cause instanceof DeadlockError, `${error.cause}`);
      await hooks.close();
    }
  });

  test(`close() in close of a hook is an error of that hook (${place})`, async () => {
    const hooks = quietHooks();
    const errors: unknown[] = [];
    const close = (): Promise<void> =>
      from(() => hooks.close()).catch((error) => void errors.push(error));
    hooks.use({ name: "h", events: ["*"], handle: () => {}, close });
    await hooks.init();
    await hooks.close();
    assert.ok(errors[0] instanceof DeadlockError, `${errors[0]}`);
  });
}

test("close() at the beginning of a handler is an error, and the hooks close after it", async () => {
  const log: string[] = [];
  const hooks = quietHooks();
  hooks.use({ name: "h", events: ["b"], handle: () => {}, close: () => log.push("closed") });
  hooks.on("a", () => hooks.close());
  await hooks.init();
  const { failures } = await rejection(hooks.emit("a", null), DispatchError);
  assert.ok(failures[0]!.error instanceof DeadlockError);
  await hooks.close();
  assert.deepEqual(log, ["closed"]);
});

test("a handler closes its hooks without an error when it does not wait", async () => {
  const log: string[] = [];
  const hooks = quietHooks();
  hooks.use({ name: "h", events: ["b"], handle: () => {}, close: () => log.push("closed") });
  hooks.on("a", () => {
    void hooks.close();
    log.push("handled");
  });
  await hooks.init();
  await hooks.emit("a", null); // an unhandled rejection would fail the test
  await hooks.close();
  assert.deepEqual([log, hooks.errors], [["handled", "closed"], []]);
});

test("a close() that can't be awaited reports its error", async () => {
  const fault = new Error("no");
  const hooks = quietHooks();
  const close = (): Promise<never> => Promise.reject(fault);
  hooks.use({ name: "h", events: ["b"], handle: () => {}, close });
  hooks.on("a", () => void hooks.close());
  await hooks.init();
  await hooks.emit("a", null);
  await hooks.close().catch(() => {});
  assert.equal((hooks.errors[0] as Error).cause, fault);
});

test("drain() and close() may be called in code that is not awaited", async () => {
  const ends: string[] = [];
  const done = deferred();
  const hooks = quietHooks({
    async onError() {
      await hooks.drain();
      ends.push("drained");
      await hooks.close();
      ends.push("closed");
      done.resolve();
    },
  });
  hooks.on("a", () => {
    throw new Error("no");
  });
  await hooks.init();
  hooks.emitInBackground("a", null);
  await done.promise;
  assert.deepEqual(ends, ["drained", "closed"]);
});

test("background work of a handler may wait for drain() and close() after the handler ended", async () => {
  const ends: string[] = [];
  const later = deferred();
  const left = deferred();
  const hooks = quietHooks();
  hooks.on("a", () => {
    void later.promise.then(async () => {
      hooks.emitInBackground("b", null);
      await hooks.drain();
      ends.push("drained");
      await hooks.close();
      left.resolve();
    });
  });
  hooks.on("b", () => ends.push("b"));
  hooks.emitInBackground("a", null);
  await hooks.drain();
  later.resolve();
  await left.promise;
  assert.deepEqual(ends, ["b", "drained"]);
});

test("an awaited handler may drain events that others emitted", async () => {
  const ends: string[] = [];
  const hooks = quietHooks();
  hooks.on("a", async () => {
    hooks.emitInBackground("b", null);
    await hooks.drain();
    ends.push("drained");
  });
  hooks.on("b", () => ends.push("b"));
  await hooks.emit("a", null);
  assert.deepEqual(ends, ["b", "drained"]);
});

test("a handler may drain and close other hooks", async () => {
  const [hooks, others] = [quietHooks(), quietHooks()];
  others.on("b", () => {});
  hooks.on("a", async () => {
    others.emitInBackground("b", null);
    await others.drain();
    await others.close();
  });
  hooks.emitInBackground("a", null);
  await hooks.drain();
  assert.deepEqual(hooks.errors, []);
});

test("events of two registries that wait for each other are detected", async () => {
  const [hooks, others] = [quietHooks({ schemas: {} }), quietHooks({ schemas: {} })];
  hooks.on("a", async () => void await others.emit("b", null));
  others.on("b", async () => {
    await null;
    await hooks.drain();
  });
  hooks.emitInBackground("a", null);
  await hooks.drain();
  assert.ok(others.errors[0] instanceof DeadlockError, `${others.errors[0]}`);
});
