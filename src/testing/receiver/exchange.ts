import { abortable, delay } from "../../internal/async.ts";
import type { ReceiverBehavior, ReceiverMoment, RecordedRequest } from "./script.ts";

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

/** Seconds, or a date as HTTP writes it (RFC 9110, section 10.2.3). */
function toRetryAfter(value: number | Date): string {
  return typeof value === "number" ? String(value) : value.toUTCString();
}
