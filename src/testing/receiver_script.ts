/**
 * What a receiver does with requests: the script of its behaviors, and how each is carried out.
 *
 * @module
 */
import { abortable, delay } from "../internal/async.ts";
import { checkKnown, OR_INFINITE, readCount, readDuration } from "../internal/options.ts";

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

type HttpResponse = InstanceType<typeof import("node:http").ServerResponse>;

/** Bytes of a chunk, unless a behavior sets another size. */
const CHUNK_SIZE = 16_384;

/** One response on its way. Everything that it waits for ends when the connection does. */
export class Exchange {
  readonly #response: HttpResponse;
  readonly #disconnected = new AbortController();
  readonly #onWrite: (bytes: number) => void;
  #behavior: ReceiverBehavior = {};

  /** Prepares a response; `onWrite` receives the number of bytes of its body that the system accepted. */
  constructor(response: HttpResponse, onWrite: (bytes: number) => void) {
    this.#response = response;
    this.#onWrite = onWrite;
    response.sendDate = false;
    response.on("error", () => {}); // "close" follows
    response.on("close", () => {
      if (!response.writableFinished) this.#disconnected.abort();
    });
  }

  /** Resolves when the response is complete, was cut by its behavior, or the client disconnected. */
  async respond(
    chosen: Promise<ReceiverBehavior>,
    request: RecordedRequest,
    released: Promise<void>,
  ): Promise<"complete" | "cut" | "abandoned"> {
    try {
      this.#behavior = await abortable(chosen, this.#disconnected.signal);
      return await this.#send(request, released) ? "complete" : "cut";
    } catch (error) {
      if (this.#disconnected.signal.aborted) return "abandoned";
      throw error;
    }
  }

  /** Resolves to whether the response is complete. */
  async #send(request: RecordedRequest, released: Promise<void>): Promise<boolean> {
    const { delay, endless, chunkSize = CHUNK_SIZE } = this.#behavior;
    await this.#delay(delay);
    if (!await this.#reach("headers", released)) return false;
    const body = endless ? new Uint8Array(chunkSize).fill(0x2e) : toBody(this.#behavior, request);
    const status = statusOf(this.#behavior);
    // RFC 9110, section 6.4.1: these have no content.
    if (request.method === "HEAD" || status === 204 || status === 304) {
      this.#response.writeHead(status, headersOf(this.#behavior));
    } else {
      const length = endless ? {} : { "content-length": String(body.length) };
      this.#response.writeHead(status, { ...length, ...headersOf(this.#behavior) });
      this.#response.flushHeaders();
      const half = endless ? chunkSize : body.length >> 1;
      await this.#writeBody(body.subarray(0, half));
      if (!await this.#reach("body", released)) return false;
      if (endless) { for (;;) await this.#writeBody(body, true); }
      await this.#writeBody(body.subarray(half), half > 0);
    }
    await this.#wait((done) => this.#response.end(done));
    return true;
  }

  /** Writes chunks. Each waits until the system accepted the one before: a slow client isn't outrun. */
  async #writeBody(bytes: Uint8Array, continues = false): Promise<void> {
    const { chunkSize = CHUNK_SIZE, chunkDelay } = this.#behavior;
    for (let at = 0; at < bytes.length; at += chunkSize) {
      if (at > 0 || continues) await this.#delay(chunkDelay);
      const chunk = bytes.subarray(at, at + chunkSize);
      await this.#wait((done) => this.#response.write(chunk, done));
      this.#onWrite(chunk.length);
    }
  }

  /** Does what the behavior says for a moment. Resolves to whether the connection is still open. */
  async #reach(moment: ReceiverMoment, released: Promise<void>): Promise<boolean> {
    const { hold, reset, close } = this.#behavior;
    if (hold === moment) await abortable(released, this.#disconnected.signal);
    if (reset === moment) this.#response.socket?.resetAndDestroy();
    else if (close === moment) this.#response.socket?.destroy();
    return reset !== moment && close !== moment;
  }

  async #delay(milliseconds = 0): Promise<void> {
    const { signal } = this.#disconnected;
    if (milliseconds > 0) await delay(milliseconds, signal);
    signal.throwIfAborted();
  }

  /** Waits for a callback of Node. After its error, the connection closes. */
  async #wait(call: (done: (error?: Error | null) => void) => void): Promise<void> {
    const called = new Promise<void>((resolve) => {
      call((error) => {
        if (!error) resolve();
      });
    });
    await abortable(called, this.#disconnected.signal);
  }
}

function statusOf({ status, redirect, retryAfter }: ReceiverBehavior): number {
  if (status !== undefined) return status;
  if (redirect !== undefined) return 302;
  return retryAfter === undefined ? 200 : 503;
}

function headersOf(behavior: ReceiverBehavior): Readonly<Record<string, string>> {
  const { headers, redirect, retryAfter, echo } = behavior;
  return {
    ...(echo && { "content-type": "application/json" }),
    ...(redirect !== undefined && { location: String(redirect) }),
    ...(retryAfter !== undefined && { "retry-after": toRetryAfter(retryAfter) }),
    ...headers,
  };
}

function toBody({ echo, body = "ok" }: ReceiverBehavior, request: RecordedRequest): Uint8Array {
  const content = echo ? JSON.stringify(Object.fromEntries(request.headers)) : body;
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}

/** Returns seconds, or a date as HTTP writes it (RFC 9110, section 10.2.3). */
function toRetryAfter(value: number | Date): string {
  return typeof value === "number" ? String(value) : value.toUTCString();
}
