/**
 * Helpers for the tests of `WebhookHook`: an event, one attempt, a receiver on loopback, a `fetch` that
 * responds from a list, and a virtual clock.
 * @module
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { type HookEvent, type Logger, WebhookHook } from "@omniagent/hooks";
import type { Attempt } from "@omniagent/hooks/outbox";
import type { WebhookHookOptions } from "@omniagent/hooks/webhook";
import { type ReceiverStep, WebhookReceiver } from "@omniagent/hooks/testing";
import { mock } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

export const EVENT: HookEvent = {
  id: "0192f0c1-7c1e-7a3b-8f55-2f6f0a5c9d10",
  type: "tool.called",
  timestamp: new Date("2026-04-22T10:30:00.125Z"),
  sessionId: "s-1",
  data: { name: "bash" },
};

/** Creates a webhook that subscribes to everything. */
export function hookOf(options: Partial<WebhookHookOptions> = {}): WebhookHook {
  return new WebhookHook({ name: "hook", events: ["*"], url: "https://hook.example/", ...options });
}

/** What attempts and deliveries are given. */
export function contextOf(
  signal: AbortSignal = new AbortController().signal,
  logger = silentLogger,
) {
  const emit = () => assert.fail("a webhook emits nothing");
  return { attempt: 1, signal, logger, emit, emitInBackground: emit };
}

/** One attempt of a hook at an event. */
export function attempt(
  hook: WebhookHook,
  { event = EVENT, signal, logger }: {
    event?: HookEvent;
    signal?: AbortSignal;
    logger?: Logger;
  } = {},
): Promise<Attempt> {
  return hook.attempt(event, contextOf(signal, logger));
}

/** Runs a test against a receiver, which is closed at the end. */
export async function withReceiver(
  script: readonly ReceiverStep[],
  run: (receiver: WebhookReceiver) => Promise<void>,
): Promise<void> {
  const receiver = await WebhookReceiver.start(...script);
  try {
    await run(receiver);
  } finally {
    await receiver.close();
  }
}

/** The response to a request: a status, a whole response, or a network error. */
export type FakeResponse =
  | number
  | Error
  | ((request: Request) => Response | Promise<Response>);

/** A `fetch` without a network. The last response is repeated. */
export function fakeFetch(...responses: readonly FakeResponse[]) {
  const requests: { readonly request: Request; readonly at: number }[] = [];
  const send = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const response = responses[Math.min(requests.length, responses.length - 1)] ?? 200;
    requests.push({ request, at: Date.now() });
    if (response instanceof Error) throw response;
    return typeof response === "number"
      ? new Response(null, { status: response })
      : await response(request);
  };
  return { fetch: send as typeof fetch, requests };
}

/** Never responds, and fails when the signal of the request aborts. */
export function neverResponds({ signal }: Request): Promise<Response> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

/** Runs everything that does not wait for a timer. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((done) => setImmediate(done));
}

/** Waits for a condition that WebCrypto, streams or stores bring about. */
export async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!holds()) {
    assert.ok(performance.now() < end, `${holds} never held`);
    await settle();
  }
}

// A hook loads what redacts with its first failure. In virtual time that would come too late.
await attempt(hookOf({ fetch: () => Promise.reject(new Error("not sent")) }));

/** The start of virtual time, in milliseconds; a whole second. */
export const START = Date.parse("2026-11-22T12:00:00.000Z");

/** Time that passes when the test says so. */
type Clock = {
  /** Advances the clock by a number of milliseconds, and runs what is due then. */
  pass(milliseconds: number): Promise<void>;
};

/** Runs a test in virtual time: `Date` and timers only advance when the test does it. */
export async function inVirtualTime(run: (clock: Clock) => Promise<void>): Promise<void> {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: START });
  try {
    await run({
      async pass(milliseconds) {
        await settle();
        mock.timers.tick(milliseconds);
        await settle();
      },
    });
  } finally {
    mock.timers.reset();
  }
}
