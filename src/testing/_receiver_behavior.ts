import { checkKnown, OR_INFINITE, readCount, readDuration } from "../internal/options.ts";
import type { RecordedRequest } from "./_receiver_request.ts";

/**
 * When a receiver does something: `"headers"` before the first byte of the answer, `"body"` after
 * its headers and half of its body.
 */
export type ReceiverMoment = "headers" | "body";

/** How a receiver answers a request. Without any field it is 200 with the body `ok`. */
export interface ReceiverBehavior {
  /** How many requests are answered so before the script goes on. @default {1} */
  readonly times?: number | undefined;
  /** Milliseconds before the first byte of the answer. @default {0} */
  readonly delay?: number | undefined;
  /** Waits at a moment until `release()` is called or the client hangs up. */
  readonly hold?: ReceiverMoment | undefined;
  /** Resets the connection at a moment. A client may notice before it has read what came earlier. */
  readonly reset?: ReceiverMoment | undefined;
  /** Closes the connection at a moment, as if the answer were over. */
  readonly close?: ReceiverMoment | undefined;
  /** The status. @default {200}, with `redirect` 302, with `retryAfter` 503 */
  readonly status?: number | undefined;
  /** Headers, names in lower case. They stand for those that the other fields would make. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The header `location`. */
  readonly redirect?: string | URL | undefined;
  /** The header `retry-after`, in either form: seconds, or a date. */
  readonly retryAfter?: number | Date | undefined;
  /** The body. @default {"ok"} */
  readonly body?: string | Uint8Array | undefined;
  /** Whether the body is the headers of the request, as a JSON object. @default {false} */
  readonly echo?: boolean | undefined;
  /** Whether the body goes on, as fast as the client reads, until it hangs up. @default {false} */
  readonly endless?: boolean | undefined;
  /** Bytes of the body that are sent at a time. @default {16384} */
  readonly chunkSize?: number | undefined;
  /** Milliseconds between two chunks. @default {0} */
  readonly chunkDelay?: number | undefined;
}

/** A step of a receiver's script: a behavior, or what chooses one for a request. */
export type ReceiverStep =
  | ReceiverBehavior
  | ((request: RecordedRequest) => ReceiverBehavior | Promise<ReceiverBehavior>);

/** Bytes of the largest chunk: it is made as a whole. */
const LARGEST_CHUNK = 64 * 1024 * 1024;

/** Every field of a behavior. */
const KNOWN: readonly string[] = [
  ...["times", "delay", "hold", "reset", "close", "status", "headers", "redirect", "retryAfter"],
  ...["body", "echo", "endless", "chunkSize", "chunkDelay"],
];

/** @throws {RangeError} for a number that can't be */
function checkBehavior(behavior: ReceiverBehavior): ReceiverBehavior {
  const subject = "Cannot behave";
  checkKnown(subject, behavior, KNOWN);
  const { times, status, chunkSize, delay, chunkDelay, retryAfter } = behavior;
  readCount(subject, "times", times, OR_INFINITE);
  readCount(subject, "status", status, { min: 200, max: 999 });
  readCount(subject, "chunkSize", chunkSize, { max: LARGEST_CHUNK });
  readDuration(subject, "delay", delay, { min: 0, infinite: true });
  readDuration(subject, "chunkDelay", chunkDelay, { min: 0, infinite: true });
  if (!(retryAfter instanceof Date)) readCount(subject, "retryAfter", retryAfter, { min: 0 });
  return behavior;
}

/** What a step wants. An error of its function is what the client reads. */
export async function chooseBehavior(
  step: ReceiverStep,
  request: RecordedRequest,
): Promise<ReceiverBehavior> {
  if (typeof step !== "function") return step;
  try {
    return checkBehavior(await step(request));
  } catch (error) {
    return { status: 500, body: `The receiver's step threw: ${error}` };
  }
}

/** Steps that are taken one request after the other; the last one never ends. */
export class Script {
  readonly #steps: readonly ReceiverStep[];
  #index = 0;
  #used = 0;

  /** A script. @throws {RangeError} for a number that can't be */
  constructor(steps: readonly ReceiverStep[]) {
    for (const step of steps) if (typeof step !== "function") checkBehavior(step);
    this.#steps = steps;
  }

  /** The step for the next request. */
  next(): ReceiverStep {
    const step = this.#steps[this.#index] ?? {};
    const times = typeof step === "function" ? 1 : step.times ?? 1;
    if (++this.#used >= times && this.#index < this.#steps.length - 1) {
      this.#index++;
      this.#used = 0;
    }
    return step;
  }
}
