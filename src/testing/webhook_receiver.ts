import { setTimer } from "../internal/async.ts";
import { joinBytes } from "../internal/bytes.ts";
import { checkKnown, OR_INFINITE, readCount, readDuration } from "../internal/options.ts";
import { ExpectationError } from "./expectation_error.ts";
import { Exchange, type ReceiverStep, type RecordedRequest, Script } from "./receiver_script.ts";

// Node's types stay in private members: users of the package may not have them.
type Http = typeof import("node:http");
type HttpServer = InstanceType<Http["Server"]>;
type HttpRequest = InstanceType<Http["IncomingMessage"]>;
type HttpResponse = InstanceType<Http["ServerResponse"]>;
type Socket = HttpRequest["socket"];

/** Longest request body: 64 MiB. A test that sends more has a bug. */
const MAX_BODY = 64 * 1024 * 1024;

/** Counters of a receiver. */
export interface ReceiverStats {
  /** Connections that were opened so far. */
  readonly connections: number;
  /** Connections that are open now. */
  readonly openConnections: number;
  /** Requests that are being responded to now. */
  readonly activeRequests: number;
  /** The most requests that were responded to at once. */
  readonly maxActiveRequests: number;
  /** Responses during which the client disconnected. */
  readonly abandoned: number;
  /** Bytes of bodies that the system accepted. It buffers a few megabytes that a client may never read. */
  readonly bodyBytes: number;
}

/** Options of `WebhookReceiver.waitFor`. */
export interface WaitForOptions {
  /** Milliseconds until it gives up. @default {5000} */
  readonly timeout?: number | undefined;
}

/**
 * An HTTP server on loopback that misbehaves on demand, for tests of senders. It records every request.
 * It runs on Deno, Bun and Node.
 *
 * ```ts
 * import { WebhookReceiver } from "@omniagent/hooks/testing";
 *
 * const receiver = await WebhookReceiver.start({ reset: "headers" }, { retryAfter: 5 });
 * const send = () => fetch(receiver.url, { method: "POST", body: "{}" });
 * await send().catch((error) => console.log(error.name)); // TypeError
 * await send().then(async (response) => console.log(response.status, await response.text())); // 503 ok
 * console.log(receiver.requests.map((request) => request.text())); // [ "{}", "{}" ]
 * await receiver.close();
 * ```
 */
export class WebhookReceiver {
  readonly #requests: RecordedRequest[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #released = new Pulse();
  readonly #changed = new Pulse();
  readonly #counts = {
    connections: 0,
    activeRequests: 0,
    maxActiveRequests: 0,
    abandoned: 0,
    bodyBytes: 0,
  };
  #script: Script;
  #url = "";
  #server: HttpServer | undefined;
  #isClosed = false;

  /** Creates a receiver that doesn't listen. Use `WebhookReceiver.start`. */
  constructor(script: readonly ReceiverStep[] = []) {
    this.#script = new Script(script);
  }

  /**
   * Listens on a free port of 127.0.0.1. Each step of the script responds to one request, or to `times`
   * requests; the last one also responds to all that follow.
   *
   * @throws {RangeError} when a number in a step is out of range
   */
  static async start(...script: readonly ReceiverStep[]): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(script);
    await receiver.#listen();
    return receiver;
  }

  /** Where it listens, such as `"http://127.0.0.1:49152/"`. */
  get url(): string {
    return this.#url;
  }

  /** Every request that arrived completely, in the order of arrival. */
  get requests(): readonly RecordedRequest[] {
    return this.#requests;
  }

  /** The current counters. */
  get stats(): ReceiverStats {
    return { ...this.#counts, openConnections: this.#sockets.size };
  }

  /** Replaces the script for the next requests. Responses that have begun continue. */
  respond(...script: readonly ReceiverStep[]): void {
    this.#script = new Script(script);
  }

  /** Continues the responses to all requests that are recorded so far, wherever they are held. */
  release(): void {
    this.#released.emit();
  }

  /**
   * Waits until this many requests are recorded, or until a condition holds. The condition is checked again
   * after each change.
   *
   * @throws {ExpectationError} after the timeout; its message shows everything that was recorded
   */
  async waitFor(
    condition: number | ((receiver: WebhookReceiver) => boolean),
    options: WaitForOptions = {},
  ): Promise<void> {
    const subject = "Cannot wait for requests";
    checkKnown(subject, options, ["timeout"]);
    const timeout = readDuration(subject, "timeout", options.timeout, OR_INFINITE) ?? 5000;
    if (typeof condition !== "function") readCount(subject, "condition", condition);
    const holds = typeof condition === "number"
      ? () => this.#requests.length >= condition
      : () => condition(this);
    const wanted = typeof condition === "number" ? `${condition} requests` : `${condition}`;
    let isLate = false;
    const cancel = setTimer(timeout, () => {
      isLate = true;
      this.#changed.emit();
    });
    try {
      while (!holds()) {
        if (isLate) throw new ExpectationError(`Gave up after ${timeout} ms on ${wanted}: ${this}`);
        await this.#changed.next;
      }
    } finally {
      cancel();
    }
  }

  /** Describes everything that was recorded and counted, for messages of tests. */
  toString(): string {
    const lines = this.#requests.map(({ number, method, path, headers, text }) =>
      `\n${number}. ${method} ${path} ${JSON.stringify(Object.fromEntries(headers))}\n   ${text()}`
    );
    return `${lines.length} requests, ${JSON.stringify(this.stats)}${lines.join("")}`;
  }

  /** Stops listening and cuts every connection. Resolves when all are closed. */
  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#server?.close();
    }
    for (const socket of this.#sockets) socket.destroy();
    while (this.#sockets.size > 0 || this.#counts.activeRequests > 0) await this.#changed.next;
  }

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #listen(): Promise<void> {
    const { createServer } = await import("node:http"); // here, because importing it takes time
    const server = createServer((request, response) => void this.#serve(request, response));
    // Only the script decides how long something takes.
    server.keepAliveTimeout = 0;
    server.headersTimeout = 0;
    server.requestTimeout = 0;
    server.on("connection", (socket: Socket) => this.#track(socket));
    await new Promise<void>((resolve, reject) => {
      server.on("error", reject);
      server.listen(0, "127.0.0.1", resolve);
    });
    this.#server = server;
    this.#url = `http://127.0.0.1:${(server.address() as { readonly port: number }).port}/`;
  }

  #track(socket: Socket): void {
    this.#counts.connections++;
    this.#sockets.add(socket);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#changed.emit();
    });
    this.#changed.emit();
  }

  async #serve(incoming: HttpRequest, outgoing: HttpResponse): Promise<void> {
    const body = await readBody(incoming);
    if (body === "disconnected") return;
    if (body === "too_large") {
      outgoing.writeHead(400, { connection: "close" }).end();
      return;
    }
    const request = toRecord(incoming, body, this.#requests.length + 1);
    const released = this.#released.next; // before anyone can see the request, and release it
    const counts = this.#counts;
    this.#requests.push(request);
    counts.maxActiveRequests = Math.max(counts.maxActiveRequests, ++counts.activeRequests);
    this.#changed.emit();
    const exchange = new Exchange(outgoing, (bytes) => {
      counts.bodyBytes += bytes;
      this.#changed.emit();
    });
    const outcome = await exchange.respond(this.#script.next(request), request, released);
    counts.activeRequests--;
    if (outcome === "abandoned" && !this.#isClosed) counts.abandoned++;
    this.#changed.emit();
  }
}

/** Reads a body as it arrives. */
async function readBody(
  request: HttpRequest,
): Promise<Uint8Array<ArrayBuffer> | "too_large" | "disconnected"> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    if (Number(request.headers["content-length"] ?? 0) > MAX_BODY) return "too_large";
    for await (const part of request) {
      size += part.length;
      if (size > MAX_BODY) return "too_large";
      parts.push(part);
    }
  } catch {
    return "disconnected";
  }
  return joinBytes(parts);
}

function toRecord(
  { method, url, rawHeaders }: HttpRequest,
  body: Uint8Array<ArrayBuffer>,
  number: number,
): RecordedRequest {
  const headers = new Headers();
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
  const text = () => new TextDecoder().decode(body);
  return {
    number,
    method: method!,
    path: url!,
    headers,
    body,
    receivedAt: new Date(),
    text,
    json: () => JSON.parse(text()),
  };
}

/** Something that happens again and again, and can be waited for. */
class Pulse {
  #emit: () => void = () => {};
  #next: Promise<void> = this.#arm();

  /** Resolves at the next `emit`. */
  get next(): Promise<void> {
    return this.#next;
  }

  emit(): void {
    this.#emit();
    this.#next = this.#arm();
  }

  #arm(): Promise<void> {
    return new Promise((resolve) => this.#emit = resolve);
  }
}
