/**
 * How many attempts of a webhook run at once, and who waits for them: `concurrency` and `close()`.
 * @module
 */
import assert from "node:assert/strict";
import { rejection } from "../support/failures.ts";
import fc from "../support/fast_check.ts";
import { createHooks, DispatchError, HookCloseError } from "@omniagent/hooks";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import {
  attempt,
  contextOf,
  EVENT,
  fakeFetch,
  hookOf,
  inVirtualTime,
  neverResponds,
  settle,
  withReceiver,
} from "./hook_checks.ts";

test("close() of the registry waits for attempts that run", () =>
  withReceiver([{ hold: "headers" }], async (receiver) => {
    const hooks = createHooks({ logger: silentLogger });
    hooks.use(hookOf({ url: receiver.url }));
    const emitted = hooks.emit("tool.called", { name: "bash" });
    await receiver.waitFor(1);
    let closed = false;
    const closing = hooks.close().then(() => closed = true);
    await settle();
    assert.equal(closed, false);
    receiver.release();
    await Promise.all([emitted, closing]);
  }));

test("close() of the registry gives up at closeTimeout, and stops the attempts then", () =>
  inVirtualTime(async ({ pass }) => {
    const { fetch, requests } = fakeFetch(neverResponds);
    const hooks = createHooks({ logger: silentLogger, closeTimeout: 5000 });
    hooks.use(hookOf({ fetch, timeout: 60_000, retryCount: 9 }));
    const emitted = rejection(hooks.emit("tool.called", { name: "bash" }), DispatchError);
    await pass(0);
    const closing = rejection(hooks.close(), HookCloseError);
    await pass(4000);
    assert.equal(requests[0]!.request.signal.aborted, false);
    await pass(1000);
    await Promise.all([emitted, closing]);
    assert.deepEqual(requests.map(({ request }) => request.signal.aborted), [true]);
  }));

test("close() of a webhook resolves when its attempts end, immediately if there are none", async () => {
  let respond = (_: Response): void => {};
  const { fetch } = fakeFetch(() => new Promise((resolve) => respond = resolve));
  const hook = hookOf({ fetch });
  await hook.close();
  const running = attempt(hook);
  let closed = false;
  const closing = hook.close().then(() => closed = true);
  await settle();
  assert.equal(closed, false);
  respond(new Response());
  await Promise.all([running, closing, hook.close()]);
});

test("concurrency is never exceeded, always used, and every event is delivered", () =>
  withReceiver([{ hold: "headers" }], async (receiver) => {
    const hook = hookOf({ url: receiver.url, concurrency: 3 });
    const delivered = Promise.all(
      Array.from({ length: 12 }, () => hook.deliver(EVENT, contextOf())),
    );
    for (let begun = 3; begun <= 12; begun += 3) {
      await receiver.waitFor(begun);
      await settle();
      assert.equal(receiver.requests.length, begun);
      receiver.release();
    }
    await delivered;
  }));

test("an attempt that waits for a slot gives up at its abort, and sends nothing", async () => {
  let respond = (_: Response): void => {};
  const { fetch, requests } = fakeFetch(() => new Promise((resolve) => respond = resolve), 200);
  const hook = hookOf({ fetch, concurrency: 1 });
  const first = attempt(hook);
  const caller = new AbortController();
  const waiting = attempt(hook, { signal: caller.signal });
  await settle();
  caller.abort();
  const aborted = { verdict: "retry", duration: 0, error: "the attempt was aborted" };
  assert.deepEqual(await waiting, aborted);
  respond(new Response());
  assert.equal((await first).verdict, "delivered");
  assert.equal((await attempt(hook)).verdict, "delivered");
  assert.equal(requests.length, 2);
});

test("concurrency is kept exactly, whichever attempts are aborted", () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.tuple(fc.nat(6), fc.nat(8), fc.boolean()), { minLength: 1, maxLength: 12 }),
      async (concurrency, plans) => {
        let [running, most] = [0, 0];
        const turns = async (n: number) => {
          for (; n > 0; n--) await null;
        };
        const { fetch } = fakeFetch(({ signal }) => {
          signal.throwIfAborted();
          most = Math.max(most, ++running);
          signal.addEventListener("abort", () => running--);
          return Promise.race([
            neverResponds({ signal } as Request),
            turns(3).then(() => (signal.aborted || running--, new Response())),
          ]);
        });
        const hook = hookOf({ fetch, concurrency });
        await Promise.all(plans.map(async ([start, abortAfter, aborts]) => {
          const caller = new AbortController();
          await turns(start);
          const made = attempt(hook, { signal: caller.signal });
          await turns(abortAfter);
          if (aborts) caller.abort();
          await made;
        }));
        await hook.close();
        const after = await Promise.all(Array.from({ length: concurrency }, () => attempt(hook)));
        assert.ok(after.every(({ verdict }) => verdict === "delivered"));
        assert.ok(most <= concurrency, `${most} at once`);
      },
    ),
  ));
