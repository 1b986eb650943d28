import { setTimer } from "../../internal/async.ts";
import type { StoredEvent } from "../../outbox/mod.ts";
import { isAfter, type Listener, type Position, type PositionedEvent } from "./live.ts";

/** How long clients wait before they reconnect, in milliseconds. */
const RECONNECT_DELAY = 2_000;

/** How long a client may read nothing while missed events are sent, in milliseconds. */
const STALL_TIMEOUT = 60_000;

const encoder = /* @__PURE__ */ new TextEncoder();
const HEARTBEAT: Uint8Array = /* @__PURE__ */ encoder.encode(": heartbeat\n\n");
const OVERFLOW: Uint8Array = /* @__PURE__ */ encoder.encode(
  'event: overflow\ndata: {"code":"overflow"}\n\n',
);

/** Options of a `StreamReader`. */
type StreamReaderOptions = {
  /** Returns whether the reader gets an event. */
  readonly accepts: (stored: StoredEvent) => boolean;
  /** Returns an event as a server-sent event. */
  readonly encode: (stored: StoredEvent) => Uint8Array;
  /** The last event that the client has. */
  readonly after: Position;
  /** Maximum number of bytes that wait for the client. */
  readonly limit: number;
  /** Returns whether the client may no longer read. */
  readonly isExpired: () => boolean;
  /** Called once, at the end. */
  readonly onEnd: () => void;
};

/**
 * A client of the event stream, as server-sent events. What waits for it is bounded by bytes: a client
 * that doesn't keep up gets a last event named `overflow` and is disconnected, and can resume from the
 * store.
 */
export class StreamReader implements Listener {
  /** The body of the response. */
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: StreamReaderOptions;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #hasEnded = false;
  /** Live events that arrive before all missed ones are sent; undefined once the reader is live. */
  #held: Uint8Array[] | undefined = [];
  #heldBytes = 0;
  #onPull: (() => void) | undefined;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
    const source: UnderlyingDefaultSource<Uint8Array> = {
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#onPull?.(),
      cancel: () => this.#finish(),
    };
    const strategy = new ByteLengthQueuingStrategy({ highWaterMark: options.limit });
    this.body = new ReadableStream(source, strategy);
  }

  /** Starts with live events. `id` is the position that the client resumes from before its first event. */
  start(id: string): void {
    this.#greet(`id: ${id}\n`);
    this.#goLive();
  }

  /** Starts with missed events, at the speed of the client. Live events follow. */
  async resume(missed: AsyncIterable<StoredEvent>): Promise<void> {
    const { accepts, encode, isExpired } = this.#options;
    this.#greet("");
    for await (const stored of missed) {
      if (!accepts(stored)) continue;
      await this.#waitForSpace();
      if (this.#hasEnded) return;
      if (isExpired()) return this.end();
      this.#controller.enqueue(encode(stored));
    }
    await this.#waitForSpace();
    if (!this.#hasEnded) this.#goLive();
  }

  push(stored: PositionedEvent): void {
    const { after, accepts, encode, isExpired, limit } = this.#options;
    if (this.#hasEnded || !isAfter(stored, after) || !accepts(stored)) return;
    if (isExpired()) return this.end();
    const bytes = encode(stored);
    if (this.#held === undefined) return this.#write(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > limit) this.#overflow();
    else this.#held.push(bytes);
  }

  beat(): void {
    if (this.#hasEnded) return;
    if (this.#options.isExpired()) return this.end();
    // Also while missed events are read: none of them may match.
    if (this.#held === undefined || this.#controller.desiredSize! > 0) this.#write(HEARTBEAT);
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#finish();
    this.#controller.close();
  }

  #greet(position: string): void {
    this.#write(encoder.encode(`retry: ${RECONNECT_DELAY}\n: connected\n${position}\n`));
  }

  #goLive(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const bytes of held) this.#write(bytes);
  }

  /** Resolves once the client has read enough, or is gone. */
  async #waitForSpace(): Promise<void> {
    if (this.#hasEnded || this.#controller.desiredSize! > 0) return;
    const cancel = setTimer(STALL_TIMEOUT, () => this.end());
    await new Promise<void>((resolve) => this.#onPull = resolve);
    cancel();
    this.#onPull = undefined;
  }

  #write(bytes: Uint8Array): void {
    if (this.#hasEnded) return;
    if (this.#controller.desiredSize! <= 0) return this.#overflow();
    this.#controller.enqueue(bytes);
  }

  #overflow(): void {
    this.#controller.enqueue(OVERFLOW);
    this.end();
  }

  #finish(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#held = undefined;
    this.#onPull?.();
    this.#options.onEnd();
  }
}
