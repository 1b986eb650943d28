import { setTimer } from "../internal/async.ts";
import { checkKnown, OR_INFINITE, readCount, readDuration } from "../internal/options.ts";
import { Gate } from "./_gate.ts";
import { Answer } from "./_receiver_answer.ts";
import { chooseBehavior, type ReceiverStep, Script } from "./_receiver_behavior.ts";
import { type ByteSocket, Connection, listen } from "./_receiver_connection.ts";
import {
  BadRequest,
  type RawRequest,
  readRequest,
  type RecordedRequest,
  toRecord,
} from "./_receiver_request.ts";
import type { ReceiverStats } from "./_receiver_stats.ts";
import { ExpectationError } from "./expectation_error.ts";

export type { ReceiverBehavior, ReceiverMoment, ReceiverStep } from "./_receiver_behavior.ts";
export type { RecordedRequest } from "./_receiver_request.ts";
export type { ReceiverStats } from "./_receiver_stats.ts";

/** Options of `WebhookReceiver.waitFor`. */
export interface WaitForOptions {
  /** Milliseconds until it gives up. @default {5000} */
  readonly timeout?: number | undefined;
}

/**
 * An HTTP server on loopback that misbehaves on demand, for tests of senders. It records every
 * request. It runs on Deno, Bun and Node.
 *
 * ```ts
 * import { WebhookReceiver } from "@omniagent/hooks/testing";
 *
 * const receiver = await WebhookReceiver.start({ reset: "headers" }, { retryAfter: 5 });
 * const send = () => fetch(receiver.url, { method: "POST", body: "{}" });
 * await send().catch((error) => console.log(error.name)); // TypeError
 * await send().then(async (answer) => console.log(answer.status, await answer.text())); // 503 ok
 * console.log(receiver.requests.map((request) => request.text())); // [ "{}", "{}" ]
 * await receiver.close();
 * ```
 */
export class WebhookReceiver {
  readonly #requests: RecordedRequest[] = [];
  readonly #connections = new Map<Connection, Promise<void>>();
  readonly #released = new Gate();
  readonly #changed = new Gate();
  readonly #counts = {
    connections: 0,
    activeRequests: 0,
    maxActiveRequests: 0,
    abandoned: 0,
    bodyBytes: 0,
  };
  #script: Script;
  #url = "";
  #stopListening: () => Promise<void> = () => Promise.resolve();
  #closing: Promise<unknown> | undefined;

  /** A receiver that does not listen. Use `WebhookReceiver.start`. */
  constructor(script: readonly ReceiverStep[] = []) {
    this.#script = new Script(script);
  }

  /**
   * Listens on a free port of 127.0.0.1. Each step of the script answers one request, or as many as
   * its `times` says; the last one also answers all that follow.
   *
   * @throws {RangeError} if a number in a step can't be
   */
  static async start(...script: readonly ReceiverStep[]): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(script);
    const { url, stop } = await listen((socket) => receiver.#accept(socket));
    receiver.#url = url;
    receiver.#stopListening = stop;
    return receiver;
  }

  /** Where it listens, such as `"http://127.0.0.1:49152/"`. */
  get url(): string {
    return this.#url;
  }

  /** Every request that came in whole, in the order of arrival. */
  get requests(): readonly RecordedRequest[] {
    return this.#requests;
  }

  /** The counters, as they are now. */
  get stats(): ReceiverStats {
    return { ...this.#counts, openConnections: this.#connections.size };
  }

  /** Answers the next requests by another script. Answers that have begun go on. */
  respond(...script: readonly ReceiverStep[]): void {
    this.#script = new Script(script);
  }

  /** Lets the answers to all requests that are recorded by now go on, wherever they are held. */
  release(): void {
    this.#released.open();
  }

  /**
   * Waits until so many requests are recorded, or until a condition holds, which is asked again
   * whenever something has changed.
   *
   * @throws {ExpectationError} when the time is over; its message shows everything that was recorded
   */
  async waitFor(
    condition: number | ((receiver: WebhookReceiver) => boolean),
    options: WaitForOptions = {},
  ): Promise<void> {
    checkKnown("Cannot wait", options, ["timeout"]);
    const timeout = readDuration("Cannot wait", "timeout", options.timeout, OR_INFINITE) ?? 5000;
    if (typeof condition !== "function") readCount("Cannot wait", "condition", condition);
    const holds = typeof condition === "number"
      ? () => this.#requests.length >= condition
      : () => condition(this);
    const wanted = typeof condition === "number" ? `${condition} requests` : `${condition}`;
    let isLate = false;
    const cancel = setTimer(timeout, () => {
      isLate = true;
      this.#changed.open();
    });
    try {
      while (!holds()) {
        if (isLate) throw new ExpectationError(`Gave up after ${timeout} ms on ${wanted}: ${this}`);
        await this.#changed.opened;
      }
    } finally {
      cancel();
    }
  }

  /** What was recorded and counted, for messages of tests. */
  toString(): string {
    const lines = this.#requests.map(({ number, method, path, headers, text }) =>
      `\n${number}. ${method} ${path} ${JSON.stringify(Object.fromEntries(headers))}\n   ${text()}`
    );
    return `${lines.length} requests, ${JSON.stringify(this.stats)}${lines.join("")}`;
  }

  /** Stops listening and cuts every connection. Resolves when all are closed. */
  async close(): Promise<void> {
    this.#closing ??= this.#stopListening();
    for (const connection of this.#connections.keys()) connection.cut();
    await Promise.all([this.#closing, ...this.#connections.values()]);
  }

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(socket: ByteSocket): void {
    const connection = new Connection(socket);
    this.#counts.connections++;
    const served = this.#serve(connection).finally(() => {
      this.#connections.delete(connection);
      this.#changed.open();
    });
    this.#connections.set(connection, served);
    this.#changed.open();
  }

  async #serve(connection: Connection): Promise<void> {
    try {
      for (let goesOn = true; goesOn;) {
        const request = await readRequest(connection);
        goesOn = request !== undefined && await this.#answer(connection, request);
      }
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error;
      await connection.write(
        new TextEncoder().encode("HTTP/1.1 400 \r\nconnection: close\r\n\r\n"),
      );
    }
    connection.end();
    await connection.closed;
  }

  /** Resolves to whether the connection stays for another request. */
  async #answer(connection: Connection, raw: RawRequest): Promise<boolean> {
    const request = toRecord(raw, this.#requests.length + 1);
    const counts = this.#counts;
    const released = this.#released.opened; // before anyone can see the request, and release it
    this.#requests.push(request);
    counts.maxActiveRequests = Math.max(counts.maxActiveRequests, ++counts.activeRequests);
    this.#changed.open();
    const chosen = chooseBehavior(this.#script.next(), request);
    const behavior = await connection.orClosed(chosen) ?? {};
    const answer = new Answer(connection, raw, behavior, {
      released,
      wrote: (count) => {
        counts.bodyBytes += count;
        this.#changed.open();
      },
    });
    const isWhole = await answer.send();
    counts.activeRequests--;
    if (!isWhole && !connection.wasCut) counts.abandoned++;
    this.#changed.open();
    return isWhole && answer.isPersistent;
  }
}
