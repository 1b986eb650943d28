import { setTimer } from "../internal/async.ts";
import type { StoredEvent } from "../outbox/mod.ts";
import type { FeedReader } from "./_feed.ts";
import { isAfter, type Position } from "./_position.ts";
import { wireEvent } from "./_wire.ts";

/** After a lost connection, readers wait for so long, in milliseconds. */
const RETRY = 2_000;
/** Who reads nothing of what is past for so long has gone, in milliseconds. */
const PATIENCE = 60_000;

const encoder = /* @__PURE__ */ new TextEncoder();
const HEARTBEAT: Uint8Array = /* @__PURE__ */ encoder.encode(": heartbeat\n\n");
/** All readers of an event share its bytes. */
const encoded: WeakMap<StoredEvent, Uint8Array> = /* @__PURE__ */ new WeakMap();

/** What one reader is about. */
export type StreamReaderOptions = {
  readonly wants: (stored: StoredEvent) => boolean;
  /** What it has got. */
  readonly after: Position;
  /** What may wait for it, in bytes. */
  readonly limit: number;
  /** Whether it may no longer read. */
  readonly isOver: () => boolean;
  /** Called once, when it is over. */
  readonly ended: () => void;
};

/**
 * One reader of the event stream. What waits for it is bounded by bytes: one that does not keep up is told so
 * by a last event, and closed; it resumes from the store when it comes again.
 */
export class StreamReader implements FeedReader {
  /** What it reads. */
  readonly body: ReadableStream<Uint8Array>;
  readonly #options: StreamReaderOptions;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #ended = false;
  /** What came live before all that is past was read; undefined: it is live. */
  #held: Uint8Array[] | undefined = [];
  #heldBytes = 0;
  #pulled: (() => void) | undefined;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
    const source: UnderlyingDefaultSource<Uint8Array> = {
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#pulled?.(),
      cancel: () => this.#finish(),
    };
    const strategy = new ByteLengthQueuingStrategy({ highWaterMark: options.limit });
    this.body = new ReadableStream(source, strategy);
  }

  push(stored: StoredEvent & Position): void {
    const { after, wants, isOver } = this.#options;
    if (this.#ended || !isAfter(stored, after) || !wants(stored)) return;
    if (isOver()) return this.end();
    const bytes = encode(stored);
    if (this.#held === undefined) return this.#write(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > this.#options.limit) this.#overflow();
    else this.#held.push(bytes);
  }

  beat(): void {
    if (this.#ended) return;
    if (this.#options.isOver()) return this.end();
    // While the past is searched as well: nothing in it may match.
    if (this.#held === undefined || this.#controller.desiredSize! > 0) this.#write(HEARTBEAT);
  }

  end(): void {
    if (this.#ended) return;
    this.#finish();
    this.#controller.close();
  }

  /** Greets a reader that gets what comes from now on, and tells it the id behind which that is. */
  begin(id: string): void {
    this.#greet(`id: ${id}\n`);
    this.#goLive();
  }

  #greet(place: string): void {
    this.#write(encoder.encode(`retry: ${RETRY}\n: connected\n${place}\n`));
  }

  /** From now on it gets what comes. */
  #goLive(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const bytes of held) this.#write(bytes);
  }

  /** Reads what is past, as fast as it is read; then what has come meanwhile. */
  async catchUp(missed: AsyncIterable<StoredEvent>): Promise<void> {
    this.#greet("");
    for await (const stored of missed) {
      if (!this.#options.wants(stored)) continue;
      await this.#roomy();
      if (this.#ended) return;
      if (this.#options.isOver()) return this.end();
      this.#controller.enqueue(encode(stored));
    }
    await this.#roomy();
    if (!this.#ended) this.#goLive();
  }

  /** Resolves when there is room, or when nobody reads any more. */
  async #roomy(): Promise<void> {
    if (this.#ended || this.#controller.desiredSize! > 0) return;
    const cancel = setTimer(PATIENCE, () => this.end());
    await new Promise<void>((resolve) => this.#pulled = resolve);
    cancel();
    this.#pulled = undefined;
  }

  #write(bytes: Uint8Array): void {
    if (this.#ended) return;
    if (this.#controller.desiredSize! <= 0) return this.#overflow();
    this.#controller.enqueue(bytes);
  }

  /** The last event: what follows is in the store, behind the last id. */
  #overflow(): void {
    const data = JSON.stringify({ code: "overflow" });
    this.#controller.enqueue(encoder.encode(`event: overflow\ndata: ${data}\n\n`));
    this.end();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#held = undefined;
    this.#pulled?.();
    this.#options.ended();
  }
}

function encode(stored: StoredEvent): Uint8Array {
  const known = encoded.get(stored);
  if (known !== undefined) return known;
  const { event } = stored;
  const bytes = encoder.encode(`id: ${event.id}\ndata: ${JSON.stringify(wireEvent(event))}\n\n`);
  encoded.set(stored, bytes);
  return bytes;
}
