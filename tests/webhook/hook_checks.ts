/**
 * What the tests of `WebhookHook` share: an event, one attempt, a receiver on loopback, a `fetch` that
 * answers from a list, and time that only the test moves.
 * @module
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import {
  type Attempt,
  type HookEvent,
  type Logger,
  WebhookHook,
  type WebhookHookOptions,
} from "@omniagent/hooks";
import { type ReceiverStep, WebhookReceiver } from "@omniagent/hooks/testing";
import { mock } from "../harness.ts";
import { quiet } from "../quiet.ts";

export { rejection } from "../core/_helpers.ts";

export const EVENT: HookEvent = {
  id: "0192f0c1-7c1e-7a3b-8f55-2f6f0a5c9d10",
  type: "tool.called",
  timestamp: new Date("2026-04-22T10:30:00.125Z"),
  sessionId: "s-1",
  data: { name: "bash" },
};

/** A webhook that hears everything and, unless told otherwise, is sent nowhere. */
export function hookOf(options: Partial<WebhookHookOptions> = {}): WebhookHook {
  return new WebhookHook({ name: "hook", events: ["*"], url: "https://hook.example/", ...options });
}

/** What attempts and deliveries are given. */
export function contextOf(signal: AbortSignal = new AbortController().signal, logger = quiet) {
  const emit = () => assert.fail("a webhook emits nothing");
  return { attempt: 1, signal, logger, emit, emitAsync: emit };
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

/** How a request is answered: a status, a whole answer, or an error of the network. */
export type FakeAnswer =
  | number
  | Error
  | ((request: Request) => Response | Promise<Response>);

/** A `fetch` that goes nowhere. The last answer is given again and again. */
export function fakeFetch(...answers: readonly FakeAnswer[]) {
  const requests: { readonly request: Request; readonly at: number }[] = [];
  const send = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const answer = answers[Math.min(requests.length, answers.length - 1)] ?? 200;
    requests.push({ request, at: Date.now() });
    if (answer instanceof Error) throw answer;
    return typeof answer === "number"
      ? new Response(null, { status: answer })
      : await answer(request);
  };
  return { fetch: send as typeof fetch, requests };
}

/** A request that is answered never, and fails when its signal aborts. */
export function unanswered({ signal }: Request): Promise<Response> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

/** Lets everything run that does not wait for time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((done) => setImmediate(done));
}

/** Waits until something holds that WebCrypto, streams and stores bring about. */
export async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000 && !holds(); turn++) await settle();
  assert.ok(holds(), `${holds} never held`);
}

// A hook loads what redacts with its first failure. In virtual time that would come too late.
await attempt(hookOf({ fetch: () => Promise.reject(new Error("not sent")) }));

/** Where virtual time begins, in milliseconds; a whole second. */
export const START = Date.parse("2026-11-22T12:00:00.000Z");

/** Time that passes when the test says so. */
export type Clock = {
  /** Lets so many milliseconds pass, and what is due then happen. */
  pass(milliseconds: number): Promise<void>;
};

/** Runs a test in virtual time: `Date` and timers stand still unless it lets time pass. */
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
