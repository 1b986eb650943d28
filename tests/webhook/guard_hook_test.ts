/**
 * `WebhookHook` with an address guard, as a webhook has that came in over HTTP.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, DispatchError } from "@omniagent/hooks";
import { WebhookError, type WebhookHookOptions } from "@omniagent/hooks/webhook";
import { type AddressResolver, createAddressGuard } from "@omniagent/hooks/webhook";
import { rejection } from "../support/failures.ts";
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
} from "./hook_checks.ts";

const PUBLIC = "93.184.215.14";

/** A guard whose resolver returns these results in order, and repeats the last. */
function guardOf(...results: readonly (string | Error)[]) {
  const asked: string[] = [];
  const resolve: AddressResolver = (hostname) => {
    const result = results[Math.min(asked.push(hostname), results.length) - 1]!;
    return result instanceof Error ? Promise.reject(result) : Promise.resolve(result.split(" "));
  };
  return { guard: createAddressGuard({ resolve }), asked };
}

test("with a guard, a webhook requires https when it is created", () => {
  const { guard } = guardOf(PUBLIC);
  assert.throws(() => hookOf({ guard, url: "http://h.example/hidden" }), {
    name: "TypeError",
    message: "Cannot create webhook 'hook': 'url' must be https when there is a 'guard'",
  });
  hookOf({ url: "http://h.example/" });
});

test("a webhook sends to a public address, and resolves its name without the path", async () => {
  const { fetch, requests } = fakeFetch(200);
  const { guard, asked } = guardOf(PUBLIC);
  const made = await attempt(hookOf({ fetch, guard, url: "https://h.example:8443/path?query" }));
  assert.equal(made.verdict, "delivered", made.error);
  assert.deepEqual([asked, requests.length], [["h.example"], 1]);
});

const rejected: readonly (readonly [kind: string, url: string, result: string, error: RegExp])[] = [
  [
    "a private address",
    "https://h.example/hidden",
    "10.1.2.3",
    /10\.1\.2\.3 is in 10\.0\.0\.0\/8 \(private\).*allowAddresses/,
  ],
  [
    "one private address of several",
    "https://h.example/hidden",
    `${PUBLIC} 127.0.0.1`,
    /127\.0\.0\.0\/8/,
  ],
  ["a metadata address", "https://h.example/hidden", "169.254.169.254", /169\.254/],
  ["an address in the URL", "https://0x7f.1/hidden", "", /127\.0\.0\.1 is in/],
  ["this machine", "https://localhost/hidden", PUBLIC, /this machine/],
  ["IPv6 loopback", "https://[::1]/hidden", "", /::1 is in/],
  ["IPv4 within IPv6", "https://[::ffff:10.0.0.1]/hidden", "", /allowAddresses/],
];

for (const [kind, url, result, error] of rejected) {
  test(`${kind} is final: nothing is sent, nothing retried, and the error says how to allow it`, async () => {
    const { fetch, requests } = fakeFetch(200);
    const { guard } = guardOf(result);
    const hook = hookOf({ fetch, guard, url, retryCount: 5, retryDelay: 0 });
    const failure = await rejection(hook.deliver(EVENT, contextOf()), WebhookError);
    assert.equal(requests.length, 0);
    assert.equal(failure.attempts.length, 1);
    const { duration: _, ...made } = failure.attempts[0]!;
    assert.deepEqual(Object.keys(made).sort(), ["error", "verdict"]);
    assert.equal(made.verdict, "final");
    assert.match(made.error!, error);
    assert.doesNotMatch(made.error!, /hidden/);
  });
}

test("a webhook sends to any address that its guard allows", async () => {
  const { fetch, requests } = fakeFetch(200);
  const resolve = () => Promise.resolve(["10.1.2.3"]);
  const guard = createAddressGuard({ resolve, allowAddresses: ["10.0.0.0/8"] });
  assert.equal((await attempt(hookOf({ fetch, guard }))).verdict, "delivered");
  assert.equal(requests.length, 1);
});

test("a name that can't be resolved is retried, and delivered when it can", () =>
  inVirtualTime(async ({ pass }) => {
    const { fetch, requests } = fakeFetch(200);
    const { guard, asked } = guardOf(new Error("SERVFAIL"), new Error("SERVFAIL"), PUBLIC);
    const failed = await attempt(hookOf({ fetch, guard: guardOf(new Error("SERVFAIL")).guard }));
    assert.equal(failed.verdict, "retry");
    assert.match(failed.error!, /'hook\.example'.*could not be resolved: SERVFAIL$/);
    const delivered = hookOf({ fetch, guard, retryCount: 2 }).deliver(EVENT, contextOf());
    await pass(1000);
    assert.deepEqual([asked.length, requests.length], [2, 0]);
    await pass(1000);
    await delivered;
    assert.equal(requests.length, 1);
  }));

test("a name without an address is rejected", async () => {
  const { fetch, requests } = fakeFetch(200);
  const guard = createAddressGuard({ resolve: () => Promise.resolve([]) });
  const { verdict, error } = await attempt(hookOf({ fetch, guard }));
  assert.deepEqual([verdict, requests.length], ["final", 0]);
  assert.match(error!, /its name has no address$/);
});

test("the guard checks every attempt: a name that changes its address is rejected at the next", () =>
  inVirtualTime(async ({ pass }) => {
    const { fetch, requests } = fakeFetch(503);
    const { guard, asked } = guardOf(PUBLIC, PUBLIC, "192.168.0.1");
    const hook = hookOf({ fetch, guard, retryCount: 9 });
    const failed = rejection(hook.deliver(EVENT, contextOf()), WebhookError);
    for (let n = 0; n < 2; n++) await pass(1000);
    const { attempts } = await failed;
    assert.deepEqual(attempts.map(({ verdict }) => verdict), ["retry", "retry", "final"]);
    assert.deepEqual([asked.length, requests.length], [3, 2]);
  }));

test("a redirect is not followed past the guard", async () => {
  const location = "https://169.254.169.254/latest/meta-data";
  const { fetch, requests } = fakeFetch(() =>
    new Response(null, { status: 307, headers: { location } })
  );
  const { verdict } = await attempt(hookOf({ fetch, guard: guardOf(PUBLIC).guard }));
  assert.deepEqual([verdict, requests.length], ["final", 1]);
  assert.equal(requests[0]!.request.redirect, "manual");
});

test("a resolver that never responds counts towards the timeout, and an abort ends the wait", () =>
  inVirtualTime(async ({ pass }) => {
    const { fetch, requests } = fakeFetch(neverResponds);
    const guard = createAddressGuard({ resolve: () => new Promise(() => {}) });
    const hook = hookOf({ fetch, guard, timeout: 2000 });
    const late = attempt(hook);
    await pass(2000);
    const { duration: _, ...made } = await late;
    const error = "it was not complete within 2000 ms";
    assert.deepEqual(made, { verdict: "retry", error });
    const caller = new AbortController();
    const aborted = attempt(hook, { signal: caller.signal });
    await pass(0);
    caller.abort();
    assert.equal((await aborted).error, "the attempt was aborted");
    assert.equal(requests.length, 0);
    await hook.close();
  }));

test("an attempt is retried if a custom guard throws an unknown error", async () => {
  const { fetch, requests } = fakeFetch(200);
  const { capabilities } = guardOf(PUBLIC).guard;
  const check = () => Promise.reject(new RangeError("out of memory"));
  const guard: WebhookHookOptions["guard"] = { capabilities, check };
  const { verdict, error } = await attempt(hookOf({ fetch, guard }));
  assert.deepEqual([verdict, error, requests.length], ["retry", "out of memory", 0]);
});

test("through a registry, the error reaches the caller of emit", async () => {
  const hooks = createHooks({ logger: silentLogger });
  hooks.use(hookOf({ guard: guardOf("10.0.0.1").guard, fetch: fakeFetch(200).fetch }));
  const { message } = await rejection(hooks.emit("tool.called", { name: "bash" }), DispatchError);
  assert.match(message, /Webhook 'hook' failed after 1 attempt: Cannot send to 'hook\.example':/);
  await hooks.close();
});
