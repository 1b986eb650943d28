/**
 * The result of an attempt by its response, or the lack of one: status x header x policy, over real sockets.
 * @module
 */
import assert from "node:assert/strict";
import type { Attempt } from "@omniagent/hooks/outbox";
import { WebhookError, type WebhookHookOptions } from "@omniagent/hooks/webhook";
import { type ReceiverBehavior, WebhookReceiver } from "@omniagent/hooks/testing";
import { rejection } from "../support/failures.ts";
import { test } from "../support/harness.ts";
import { attempt, contextOf, EVENT, fakeFetch, hookOf, withReceiver } from "./hook_checks.ts";

type Expected = Omit<Attempt, "duration">;
type Row = readonly [
  kind: string,
  behavior: ReceiverBehavior,
  expected: Expected,
  options?: Partial<WebhookHookOptions>,
];

/** The attempt that a status gives. The body of every response here is `ok`. */
function made(
  verdict: Attempt["verdict"],
  status: number,
  more: Partial<Expected> = {},
): Expected {
  const error = verdict === "delivered" ? {} : { error: `the response was ${status}` };
  return { verdict, status, response: "ok", ...error, ...more };
}

const redirected = (status: number, verdict: Attempt["verdict"] = "final"): Expected =>
  made(verdict, status, {
    error: `the response was a redirect (${status}), which is not followed`,
  });
const DAY = 86_400_000;
const inFuture = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000);
const disable = { "webhook-delivery": "disable" };
const abort = { "webhook-delivery": "abort-message" };
const after = (value: string) => ({ headers: { "retry-after": value } });

const rows: readonly Row[] = [
  ["200", {}, made("delivered", 200)],
  ["200 without a body", { body: "" }, { verdict: "delivered", status: 200 }],
  ["204", { status: 204 }, { verdict: "delivered", status: 204 }],
  ["299", { status: 299 }, made("delivered", 299)],
  ["200 that asks to be disabled", { headers: disable }, made("delivered", 200)],
  ["304", { status: 304 }, { verdict: "final", status: 304, error: "the response was 304" }],
  ["400", { status: 400 }, made("final", 400)],
  ["401", { status: 401 }, made("final", 401)],
  ["404", { status: 404 }, made("final", 404)],
  ["404, to be retried", { status: 404 }, made("retry", 404), { retryOn: [403, 404] }],
  ["404, while 403 is to be retried", { status: 404 }, made("final", 404), { retryOn: [403] }],
  ["404 that asks to be disabled", { status: 404, headers: disable }, made("disable", 404)],
  ["408", { status: 408 }, made("retry", 408)],
  ["409", { status: 409 }, made("retry", 409)],
  ["410", { status: 410 }, made("disable", 410)],
  ["410, to be retried", { status: 410 }, made("disable", 410), { retryOn: [410] }],
  ["410 that aborts the message", { status: 410, headers: abort }, made("disable", 410)],
  ["425", { status: 425 }, made("retry", 425)],
  ["429", { status: 429 }, made("retry", 429)],
  ["500", { status: 500 }, made("retry", 500)],
  ["500 that aborts the message", { status: 500, headers: abort }, made("final", 500)],
  ["500 that asks to be disabled", { status: 500, headers: disable }, made("disable", 500)],
  [
    "500 with an unknown word",
    { status: 500, headers: { "webhook-delivery": "later" } },
    made("retry", 500),
  ],
  [
    "404 that aborts, to be retried",
    { status: 404, headers: abort },
    made("final", 404),
    { retryOn: [404] },
  ],
  ["503", { status: 503 }, made("retry", 503)],
  ["a redirect to be retried", { redirect: "/x" }, redirected(302, "retry"), { retryOn: [302] }],
];

const YEAR = new Date().getUTCFullYear();
/** The form of RFC 850 has two digits for the year. */
const inTwoDigits = (years: number) =>
  `Sunday, 06-Nov-${String((YEAR + years) % 100).padStart(2, "0")} 08:49:37 GMT`;

const waits: readonly (readonly [kind: string, value: string, retryAfter?: number])[] = [
  ["seconds", "7", 7000],
  ["no seconds", "0", 0],
  ["a year in seconds", "31536000", DAY],
  ["400 digits", "9".repeat(400), DAY],
  ["a date in the past", "Sun, 06 Nov 1994 08:49:37 GMT", 0],
  ["a date in a year", new Date(Date.now() + 365 * DAY).toUTCString(), DAY],
  ["a date in the form of RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", 0],
  ["a date of 25 years ahead in two digits", inTwoDigits(25), DAY],
  ["a date of 60 years ahead in two digits, which is 40 years ago", inTwoDigits(60), 0],
  ["a date in the form of asctime()", "Sun Nov  6 08:49:37 1994", 0],
  ["a date in the form of asctime() in a year", `Sun Nov 16 08:49:37 ${YEAR + 1}`, DAY],
  ["a leap second", "Sat, 31 Dec 2016 23:59:60 GMT", 0],
  ["a negative number", "-1"],
  ["a number with a plus", "+5"],
  ["two numbers", "5, 5"],
  ["a date with another time zone", "Sun, 06 Nov 2094 08:49:37 PST"],
  ["a day that there is not", "Mon, 30 Feb 2094 08:49:37 GMT"],
  ["an hour that there is not", "Sun, 06 Nov 2094 24:49:37 GMT"],
  ["a date with a short day in the form of RFC 850", "Sun, 06-Nov-94 08:49:37 GMT"],
  ["half a second", "0.5"],
  ["seconds with a unit", "5s"],
  ["junk after digits", "123junk"],
  ["an ISO date", "2030-01-01T00:00:00Z"],
  ["words", "soon"],
  ["nothing", ""],
];

async function judged(
  behavior: ReceiverBehavior,
  expected: Expected,
  options: Partial<WebhookHookOptions> = {},
): Promise<void> {
  await withReceiver([behavior], async ({ url, requests }) => {
    const { duration, ...made } = await attempt(hookOf({ url, ...options }));
    assert.deepEqual(made, expected);
    assert.ok(Number.isInteger(duration) && duration >= 0 && duration < 10_000, `${duration}`);
    assert.equal(requests.length, 1);
  });
}

for (const [kind, behavior, expected, options] of rows) {
  test(`a response of ${kind} gives '${expected.verdict}'`, () =>
    judged(behavior, expected, options));
}

for (const [kind, value, retryAfter] of waits) {
  test(`a 429 whose Retry-After is ${kind} asks to wait ${retryAfter ?? "for nothing"}`, () =>
    judged(
      { status: 429, ...after(value) },
      made("retry", 429, retryAfter === undefined ? {} : { retryAfter }),
    ));
}

test("a 503 whose Retry-After is a date in an hour asks to wait until then", () =>
  withReceiver([{ retryAfter: inFuture }], async ({ url }) => {
    const before = Date.now();
    const { retryAfter } = await attempt(hookOf({ url }));
    const latest = inFuture.getTime() - before;
    assert.ok(retryAfter! <= latest && retryAfter! > latest - 10_000, `${retryAfter}`);
  }));

for (const status of [301, 302, 303, 307, 308]) {
  test(`a ${status} to another host is final, and its location gets no request`, () =>
    withReceiver(
      [],
      (elsewhere) =>
        withReceiver([{ status, redirect: elsewhere.url }], async ({ url, requests }) => {
          const { duration: _, ...made } = await attempt(hookOf({ url }));
          assert.deepEqual(made, redirected(status));
          assert.equal(requests.length, 1);
          assert.equal(elsewhere.stats.connections, 0);
        }),
    ));
}

const broken: readonly (readonly [kind: string, behavior: ReceiverBehavior])[] = [
  ["resets the connection before its response", { reset: "headers" }],
  ["closes the connection before its response", { close: "headers" }],
];

for (const [kind, behavior] of broken) {
  test(`a receiver that ${kind} makes 'retry', and the next attempt is another connection`, () =>
    withReceiver([behavior, {}], async ({ url }) => {
      const hook = hookOf({ url });
      const failed = await attempt(hook);
      assert.equal(failed.verdict, "retry");
      assert.ok(failed.error, "without an error");
      assert.equal(failed.retryAfter, undefined);
      assert.equal((await attempt(hook)).verdict, "delivered");
    }));
}

test("a refused connection gives 'retry', with a short error without the URL's path", async () => {
  const receiver = await WebhookReceiver.start();
  const { url } = receiver;
  await receiver.close();
  const { verdict, error, ...rest } = await attempt(hookOf({ url: `${url}path?query` }));
  assert.equal(verdict, "retry");
  assert.match(error!, /refused|connect/i);
  assert.doesNotMatch(error!, /path|query/);
  assert.deepEqual(Object.keys(rest), ["duration"]);
});

test("a name that does not exist makes 'retry'", async () => {
  const { verdict, error, ...rest } = await attempt(hookOf({ url: "https://name.invalid/path" }));
  assert.equal(verdict, "retry");
  assert.ok(error && !error.includes("path"), error);
  assert.deepEqual(Object.keys(rest), ["duration"]);
});

test("a receiver that stalls before its headers gives 'retry' at the timeout, and is disconnected", () =>
  withReceiver([{ hold: "headers" }], async (receiver) => {
    const { duration, ...made } = await attempt(hookOf({ url: receiver.url, timeout: 40 }));
    const error = "it was not complete within 40 ms";
    assert.deepEqual(made, { verdict: "retry", error });
    assert.ok(duration >= 35, `${duration}`);
    await receiver.waitFor(({ stats }) => stats.abandoned === 1);
  }));

for (const status of [200, 202, 400, 503]) {
  test(`a receiver that stalls in the body of a ${status} is judged by the status, and disconnected`, () =>
    withReceiver([{ status, hold: "body", body: "x".repeat(5000) }], async (receiver) => {
      const { verdict, ...made } = await attempt(hookOf({ url: receiver.url, timeout: 1_500 }));
      assert.equal(verdict, status < 300 ? "delivered" : status === 400 ? "final" : "retry");
      assert.equal(made.status, status);
      await receiver.waitFor(({ stats }) => stats.abandoned === 1);
    }));
}

test("an endless response is read up to 16 KiB, and its connection is closed every time", () =>
  withReceiver([{ endless: true, chunkSize: 1024 }], async (receiver) => {
    const hook = hookOf({ url: receiver.url });
    for (let n = 1; n <= 5; n++) {
      const { verdict, status, response } = await attempt(hook);
      assert.deepEqual({ verdict, status }, { verdict: "delivered", status: 200 });
      assert.equal(response, ".".repeat(4096));
      await receiver.waitFor(({ stats }) => stats.abandoned === n);
    }
    // What the system's buffers take is not memory of ours; a sender that read on would take gigabytes.
    assert.ok(receiver.stats.bodyBytes < 5 * 16_777_216, receiver.toString());
    await receiver.waitFor(({ stats }) => stats.openConnections === 0);
  }));

test("a response that drips forever counts as delivered, and is disconnected at the timeout", () =>
  withReceiver([{ endless: true, chunkSize: 1, chunkDelay: 5 }], async (receiver) => {
    const { verdict, status } = await attempt(hookOf({ url: receiver.url, timeout: 1_500 }));
    assert.deepEqual([verdict, status], ["delivered", 200]);
    await receiver.waitFor(({ stats }) => stats.abandoned === 1);
  }));

test("an abort during the body of a 200 changes nothing about the delivery", () =>
  withReceiver([{ hold: "body", body: "x".repeat(5000) }], async (receiver) => {
    const controller = new AbortController();
    const made = attempt(hookOf({ url: receiver.url }), { signal: controller.signal });
    await receiver.waitFor(({ stats }) => stats.bodyBytes > 0);
    setTimeout(() => controller.abort(), 1_000); // the client has the headers by then
    const { verdict, status } = await made;
    assert.deepEqual([verdict, status], ["delivered", 200]);
    await receiver.waitFor(({ stats }) => stats.abandoned === 1);
  }));

test("a response's body is kept up to 4 KiB, in bytes, in any script", async () => {
  for (const letter of ["x", "ü", "世", "😀"]) {
    await withReceiver([{ body: letter.repeat(20_000) }], async ({ url }) => {
      const { response = "" } = await attempt(hookOf({ url }));
      const { length } = new TextEncoder().encode(response);
      assert.ok(length > 4000 && length <= 4096, `${letter}: ${length} bytes`);
      assert.ok(response.isWellFormed?.() ?? true, "half a character");
    });
  }
});

/** What `fetch` says before it sends anything, by platform. */
const fetchErrors: readonly (readonly [message: string, code?: string])[] = [
  ["invalid connection header", "UND_ERR_INVALID_ARG"],
  ["expect header not supported", "UND_ERR_NOT_SUPPORTED"],
  [
    "Request body length does not match content-length header",
    "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH",
  ],
  ["bad port"],
  ["Fetch failed: Requests to port 22 are blocked"],
];

for (const [message, code] of fetchErrors) {
  test(`a request that fetch rejects, '${message}', is not retried`, async () => {
    const cause = Object.assign(new Error(message), code ? { code } : {});
    for (const error of [cause, new TypeError("fetch failed", { cause })]) {
      const { fetch } = fakeFetch(error);
      const { verdict, error: said } = await attempt(hookOf({ fetch }));
      assert.equal(verdict, "final");
      assert.ok(said!.endsWith(message), said);
    }
  });
}

const deliveries: readonly (readonly [behavior: ReceiverBehavior, attempts: number])[] = [
  [{ status: 500 }, 3],
  [{ status: 429 }, 3],
  [{ reset: "headers" }, 3],
  [{ status: 400 }, 1],
  [{ status: 410 }, 1],
  [{ status: 302, redirect: "/" }, 1],
  [{ status: 503, headers: abort }, 1],
  [{ status: 503, headers: disable }, 1],
  [{ status: 429, ...after("31") }, 1],
  [{ status: 429, ...after("soon") }, 3],
];

for (const [behavior, attempts] of deliveries) {
  test(`inline, with 2 retries, ${JSON.stringify(behavior)} ends after ${attempts}`, () =>
    withReceiver([behavior], async ({ url, requests }) => {
      const hook = hookOf({ url, retryCount: 2, retryDelay: 0 });
      const error = await rejection(hook.deliver(EVENT, contextOf()), WebhookError);
      assert.equal(error.attempts.length, attempts);
      // A client may send a request again itself when its connection was reset: never less often.
      assert.ok(behavior.reset ? requests.length >= attempts : requests.length === attempts);
      const { webhook, code, message } = error;
      assert.deepEqual({ webhook, code }, { webhook: "hook", code: "webhook_failed" });
      const count = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
      assert.equal(
        message,
        `Webhook 'hook' failed after ${count}: ${error.attempts.at(-1)?.error}`,
      );
    }));
}
