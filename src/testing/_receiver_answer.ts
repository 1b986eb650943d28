import { joinBytes } from "../internal/bytes.ts";
import type { ReceiverBehavior, ReceiverMoment } from "./_receiver_behavior.ts";
import type { Connection } from "./_receiver_connection.ts";
import type { RawRequest } from "./_receiver_request.ts";

/** What an answer waits for, and what it reports. */
export type AnswerContext = {
  /** Resolves when the request is released. */
  readonly released: Promise<void>;
  /** Bytes of the body were handed to the system. */
  wrote(count: number): void;
};

const CHUNK_SIZE = 16_384;

/** One answer on its way. Its methods resolve to whether the connection is still there for more. */
export class Answer {
  readonly #connection: Connection;
  readonly #request: RawRequest;
  readonly #behavior: ReceiverBehavior;
  readonly #context: AnswerContext;
  readonly #status: number;
  readonly #body: Uint8Array;

  /** An answer to a request that does what a behavior says. */
  constructor(
    connection: Connection,
    request: RawRequest,
    behavior: ReceiverBehavior,
    context: AnswerContext,
  ) {
    this.#connection = connection;
    this.#request = request;
    this.#behavior = behavior;
    this.#context = context;
    const { redirect, retryAfter, status } = behavior;
    this.#status = status ?? (redirect !== undefined ? 302 : retryAfter !== undefined ? 503 : 200);
    this.#body = toBody(behavior, request.headers);
  }

  /** Sends all of it. */
  async send(): Promise<boolean> {
    await this.#connection.sleep(this.#behavior.delay ?? 0);
    if (!await this.#reach("headers")) return false;
    if (!await this.#connection.write(new TextEncoder().encode(this.#head()))) return false;
    if (!this.#hasBody()) return true;
    const { endless = false, chunkSize = CHUNK_SIZE } = this.#behavior;
    const half = endless ? chunkSize : this.#body.length >> 1;
    const total = endless ? Infinity : this.#body.length;
    return await this.#sendBody(0, half) && await this.#reach("body") &&
      await this.#sendBody(half, total);
  }

  /** Whether the client wants the connection to stay, and the answer did not say otherwise. */
  get isPersistent(): boolean {
    const told = [this.#request.headers.get("connection"), this.#behavior.headers?.connection];
    return !told.some((value) => value?.toLowerCase() === "close");
  }

  /** Does what is to be done at a moment. */
  async #reach(moment: ReceiverMoment): Promise<boolean> {
    const { hold, reset, close } = this.#behavior;
    if (hold === moment) await this.#connection.orClosed(this.#context.released);
    if (reset === moment) this.#connection.reset();
    else if (close === moment) this.#connection.cut();
    return this.#connection.isOpen;
  }

  async #sendBody(from: number, to: number): Promise<boolean> {
    const { endless, chunkSize = CHUNK_SIZE, chunkDelay = 0 } = this.#behavior;
    const filler = endless ? toChunk(new Uint8Array(chunkSize).fill(0x2e)) : undefined;
    for (let sent = from; sent < to;) {
      const length = Math.min(chunkSize, to - sent);
      if (chunkDelay > 0 && sent > 0) await this.#connection.sleep(chunkDelay);
      const bytes = filler ?? this.#body.subarray(sent, sent + length);
      if (!await this.#connection.write(bytes)) return false;
      this.#context.wrote(length);
      sent += length;
    }
    return true;
  }

  /** RFC 9110, section 6.4.1, has these answers without content. */
  #hasBody(): boolean {
    return this.#request.method !== "HEAD" && this.#status !== 204 && this.#status !== 304;
  }

  #head(): string {
    const { headers, redirect, retryAfter, echo, endless } = this.#behavior;
    const lines = {
      ...(endless
        ? { "transfer-encoding": "chunked" }
        : this.#hasBody() && { "content-length": this.#body.length }),
      ...(echo && { "content-type": "application/json" }),
      ...(redirect !== undefined && { location: redirect }),
      ...(retryAfter !== undefined && { "retry-after": toRetryAfter(retryAfter) }),
      ...headers,
    };
    const text = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    return `HTTP/1.1 ${this.#status} \r\n${text}\r\n`;
  }
}

function toBody({ echo, body = "ok" }: ReceiverBehavior, headers: Headers): Uint8Array {
  const content = echo ? JSON.stringify(Object.fromEntries(headers)) : body;
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}

/** Seconds, or a date as HTTP writes it (RFC 9110, section 10.2.3). */
function toRetryAfter(value: number | Date): string {
  return typeof value === "number" ? String(value) : value.toUTCString();
}

/** One chunk of `Transfer-Encoding: chunked` (RFC 9112, section 7.1). */
function toChunk(data: Uint8Array): Uint8Array {
  const encoder = new TextEncoder();
  return joinBytes([
    encoder.encode(`${data.length.toString(16)}\r\n`),
    data,
    encoder.encode("\r\n"),
  ]);
}
