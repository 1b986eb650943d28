import assert from "node:assert/strict";
import { DispatchError, EmitDepthError, type Hooks } from "@omniagent/hooks";
import { test } from "../support/harness.ts";
import { type AnyEvents, eventOf, quietHooks } from "./_helpers.ts";

/** Emissions inside of one another, at most. */
const LIMIT = 64;

/** What is at the end of `cause` after `cause`. */
function rootOf(error: unknown): unknown {
  while (error instanceof DispatchError) error = error.cause;
  return error;
}

/** Ways in which a handler causes an event before its first `await`. */
const ways: Readonly<Record<string, (hooks: Hooks<AnyEvents>) => Promise<unknown>>> = {
  "hooks.emit": (hooks) => hooks.emit("a", null),
  "registry.dispatch": (hooks) => hooks.registry.dispatch(eventOf({ type: "a" })),
  "dispatcher.emitWithSession": (hooks) => hooks.dispatcher.emitWithSession("a", "s", null),
};

for (const [way, cause] of Object.entries(ways)) {
  test(`${way} in a handler of the same type fails with an EmitDepthError, not a stack overflow`, async () => {
    let calls = 0;
    const errors: unknown[] = [];
    const hooks = quietHooks();
    hooks.on("a", () => {
      calls++;
      return cause(hooks).catch((error) => {
        errors.push(rootOf(error));
        throw error;
      });
    });
    await hooks.init();
    const error = rootOf(await cause(hooks).catch((error) => error));
    assert.ok(error instanceof EmitDepthError, `${error}`);
    assert.deepEqual([calls, error.chain.length, error.chain[0]], [LIMIT, LIMIT + 1, "a"]);
    assert.ok(error.message.length < 300, error.message);
    assert.ok(errors.every((one) => one === error));
    // The count goes back: what comes next is at the beginning.
    const single = quietHooks();
    single.on("b", () => {});
    await single.emit("b", null);
  });
}

test("two registries that emit into each other fail with an EmitDepthError", async () => {
  let calls = 0;
  const [one, other] = [quietHooks(), quietHooks()];
  one.on("a", () => (calls++, other.emit("b", null)));
  other.on("b", () => (calls++, one.emit("a", null)));
  await Promise.all([one.init(), other.init()]);
  const error = rootOf(await one.emit("a", null).catch((error) => error));
  assert.ok(error instanceof EmitDepthError, `${error}`);
  assert.deepEqual([calls, error.chain.slice(0, 3)], [LIMIT, ["a", "b", "a"]]);
});

test("handlers with deep stacks of their own reach the limit before a stack overflow", async () => {
  const hooks = quietHooks();
  const deep = (frames: number): Promise<unknown> =>
    frames > 0 ? deep(frames - 1) : hooks.emit("a", null);
  hooks.on("a", () => deep(50));
  await hooks.init();
  const error = rootOf(await hooks.emit("a", null).catch((error) => error));
  assert.ok(error instanceof EmitDepthError, `${error}`);
});

test("a handler that emits without waiting gets a rejection, and its event is complete", async () => {
  const hooks = quietHooks();
  const ends: unknown[] = [];
  hooks.on("a", () => {
    hooks.emit("a", null).then(() => ends.push("ok"), (error) => ends.push(rootOf(error)));
  });
  await hooks.init();
  await hooks.emit("a", null);
  await Promise.resolve();
  assert.equal(ends.length, LIMIT);
  assert.ok(ends[0] instanceof EmitDepthError);
  assert.ok(ends.slice(1).every((end) => end === "ok"));
});

test("filters, payloads and schemas that emit are counted as handlers are", async () => {
  const roots: unknown[] = [];
  const note = (emitted: Promise<unknown>): void =>
    void emitted.catch((error) => roots.push(rootOf(error)));
  const filtering = quietHooks();
  filtering.on("a", () => {}, { filter: () => (note(filtering.emit("a", null)), true) });
  await filtering.init();
  await filtering.emit("a", null);
  const payload = quietHooks();
  const data = {
    get again() {
      note(payload.emit("a", data));
      return 1;
    },
  };
  await payload.init();
  await payload.emit("a", data);
  const again = (): void => note(validating.emit("a", null));
  const validate = (value: unknown) => (again(), { value });
  const a = { "~standard": { version: 1 as const, vendor: "test", validate } };
  const validating: Hooks<AnyEvents> = quietHooks({ schemas: { a } });
  await validating.init();
  await validating.emit("a", null);
  await Promise.resolve();
  assert.equal(roots.length, 3);
  for (const root of roots) assert.ok(root instanceof EmitDepthError, `${root}`);
});

test("an onError that emits failing events is called no deeper than the limit", async () => {
  let reports = 0;
  const hooks = quietHooks({
    onError() {
      reports++;
      void hooks.emit("failure", null).catch(() => {});
    },
  });
  hooks.on("failure", () => {
    throw new Error("the report fails, too");
  });
  await hooks.init();
  await hooks.emit("failure", null).catch(() => {});
  assert.ok(reports <= LIMIT, `${reports}`);
});

test("an onError that emits in the background after close is called no deeper than the limit", async () => {
  let reports = 0;
  const hooks = quietHooks({
    onError() {
      reports++;
      hooks.emitInBackground("failure", null);
    },
  });
  await hooks.close();
  hooks.emitInBackground("a", null);
  assert.ok(reports > 0 && reports <= LIMIT, `${reports}`);
});

test("handlers that emit one event after the other, however many, are not nested", async () => {
  let calls = 0;
  const hooks = quietHooks();
  hooks.on("a", async () => {
    for (let n = 0; n < 3 * LIMIT; n++) await hooks.emit("b", n);
  });
  hooks.on("b", () => void calls++);
  await hooks.init();
  await hooks.emit("a", null);
  assert.equal(calls, 3 * LIMIT);
});

test("handlers that await an emission of their own type end, even if validation is async", async () => {
  const validate = (value: unknown) => Promise.resolve({ value });
  const schema = { "~standard": { version: 1, vendor: "test", validate } } as const;
  let calls = 0;
  const hooks = quietHooks({ schemas: { a: schema } as never });
  hooks.on("a", async () => {
    calls++;
    await hooks.emit("a", null);
  });
  const error = await hooks.emit("a", null).catch((error) => error);
  assert.ok(rootOf(error) instanceof EmitDepthError, String(error));
  assert.equal(calls, LIMIT);
});

test("events that cause each other without waiting are not nested", async () => {
  const validate = (value: unknown) => Promise.resolve({ value });
  const schema = { "~standard": { version: 1, vendor: "test", validate } } as const;
  let calls = 0;
  const hooks = quietHooks({ schemas: { a: schema } as never });
  const done = new Promise<void>((resolve) => {
    hooks.on("a", () => {
      if (++calls === 3 * LIMIT) resolve();
      else void Promise.resolve().then(() => hooks.emit("a", null));
    });
  });
  await hooks.emit("a", null);
  await done;
});
