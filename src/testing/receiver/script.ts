import { checkKnown, OR_INFINITE, readCount, readDuration } from "../../internal/options.ts";

/** A request that a receiver received completely. */
export interface RecordedRequest {
  /** Its number in the order of arrival, from 1. */
  readonly number: number;
  /** The method, such as `"POST"`. */
  readonly method: string;
  /** Path and query, such as `"/hooks?a=1"`. */
  readonly path: string;
  /** The headers. Values of one name are joined by a comma. */
  readonly headers: Headers;
  /** The bytes of the body. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** When its last byte arrived. */
  readonly receivedAt: Date;
  /** Returns the body as text. */
  text(): string;
  /** Returns the value of a JSON body. @throws {SyntaxError} when the body isn't JSON */
  json(): unknown;
}

/**
 * When a receiver acts: `"headers"` is before the first byte of the response, `"body"` after its headers
 * and half of its body.
 */
export type ReceiverMoment = "headers" | "body";

/** How a receiver responds to a request. Without any field, it sends 200 with the body `ok`. */
export interface ReceiverBehavior {
  /** How many requests get this response before the script continues. @default {1} */
  readonly times?: number | undefined;
  /** Milliseconds before the first byte of the response. @default {0} */
  readonly delay?: number | undefined;
  /** Pauses at a moment until `release()` is called or the client disconnects. */
  readonly hold?: ReceiverMoment | undefined;
  /** Resets the connection at a moment. A client may lose data that was sent before. */
  readonly reset?: ReceiverMoment | undefined;
  /** Closes the connection at a moment, without the rest of the response. */
  readonly close?: ReceiverMoment | undefined;
  /** The status. @default {200}, with `redirect` 302, with `retryAfter` 503 */
  readonly status?: number | undefined;
  /** Headers, with lowercase names. They replace those that other fields set. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The `location` header. */
  readonly redirect?: string | URL | undefined;
  /** The `retry-after` header, in seconds or as a date. */
  readonly retryAfter?: number | Date | undefined;
  /** The body. @default {"ok"} */
  readonly body?: string | Uint8Array | undefined;
  /** Whether the body is the headers of the request, as a JSON object. @default {false} */
  readonly echo?: boolean | undefined;
  /** Whether the body continues, as fast as the client reads, until it disconnects. @default {false} */
  readonly endless?: boolean | undefined;
  /** Bytes of the body that are sent at a time. @default {16384} */
  readonly chunkSize?: number | undefined;
  /** Milliseconds between two chunks. @default {0} */
  readonly chunkDelay?: number | undefined;
}

/** A step of a receiver's script: a behavior, or a function that returns one for a request. */
export type ReceiverStep =
  | ReceiverBehavior
  | ((request: RecordedRequest) => ReceiverBehavior | Promise<ReceiverBehavior>);

/** Bytes of the largest chunk, because a chunk is created as a whole: 64 MiB. */
const MAX_CHUNK_SIZE = 64 * 1024 * 1024;

/** Every field of a behavior. */
const FIELDS: readonly string[] = [
  "times",
  "delay",
  "hold",
  "reset",
  "close",
  "status",
  "headers",
  "redirect",
  "retryAfter",
  "body",
  "echo",
  "endless",
  "chunkSize",
  "chunkDelay",
];

/** Steps: each responds to one request, or to `times` requests. The last one never ends. */
export class Script {
  readonly #steps: readonly ReceiverStep[];
  #index = 0;
  #used = 0;

  /** Creates a script. @throws {RangeError} when a number is out of range */
  constructor(steps: readonly ReceiverStep[]) {
    for (const step of steps) if (typeof step !== "function") checkBehavior(step);
    this.#steps = steps;
  }

  /** Returns the behavior for the next request. If its function throws, the client gets the error. */
  async next(request: RecordedRequest): Promise<ReceiverBehavior> {
    const step = this.#take();
    if (typeof step !== "function") return step;
    try {
      return checkBehavior(await step(request));
    } catch (error) {
      return { status: 500, body: `The receiver's step threw: ${error}` };
    }
  }

  #take(): ReceiverStep {
    const step = this.#steps[this.#index] ?? {};
    const times = typeof step === "function" ? 1 : step.times ?? 1;
    if (++this.#used >= times && this.#index < this.#steps.length - 1) {
      this.#index++;
      this.#used = 0;
    }
    return step;
  }
}

function checkBehavior(behavior: ReceiverBehavior): ReceiverBehavior {
  const subject = "Cannot use receiver step";
  checkKnown(subject, behavior, FIELDS);
  const { times, status, chunkSize, delay, chunkDelay, retryAfter } = behavior;
  readCount(subject, "times", times, OR_INFINITE);
  readCount(subject, "status", status, { min: 200, max: 999 });
  readCount(subject, "chunkSize", chunkSize, { max: MAX_CHUNK_SIZE });
  readDuration(subject, "delay", delay, { min: 0, infinite: true });
  readDuration(subject, "chunkDelay", chunkDelay, { min: 0, infinite: true });
  if (!(retryAfter instanceof Date)) readCount(subject, "retryAfter", retryAfter, { min: 0 });
  return behavior;
}
