/**
 * Readers of event streams over real sockets.
 * @module
 */
import { connect, type Socket } from "node:net";

/** A message of a stream. */
type Message = { readonly id: string; readonly event: string; readonly data: string };

/** Reads a stream as an EventSource does: it comes again after the last id when the connection ends. */
export class ResumingReader {
  readonly messages: Message[] = [];
  connections = 0;
  #lastId = "";
  #abort = new AbortController();
  #done: Promise<void>;
  #url: () => string;
  #connected: (() => void) | undefined;

  constructor(url: () => string) {
    this.#url = url;
    this.#done = this.#run();
  }

  /** The ids of the events, in the order in which they came. */
  get ids(): readonly string[] {
    return this.messages.map(({ id }) => id);
  }

  /** Resolves when it is connected for the next time. */
  connected(): Promise<void> {
    return new Promise((resolve) => this.#connected = resolve);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        const headers: Record<string, string> = this.#lastId
          ? { "last-event-id": this.#lastId }
          : {};
        const response = await fetch(this.#url(), { headers, signal });
        if (response.status !== 200) await response.body?.cancel();
        else await this.#read(response.body!.pipeThrough(new TextDecoderStream()));
      } catch { // the server is gone: it comes again
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async #read(stream: ReadableStream<string>): Promise<void> {
    let text = "";
    for await (const part of stream) {
      const blocks = (text + part).split("\n\n");
      text = blocks.pop()!;
      for (const block of blocks) this.#take(block);
    }
  }

  #take(block: string): void {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1] ?? "";
    if (block.includes(": connected")) {
      this.connections++;
      this.#connected?.();
    }
    if (field("data") === "") return;
    if (field("id") !== "") this.#lastId = field("id");
    this.messages.push({ id: field("id"), event: field("event"), data: field("data") });
  }
}

/** Asks for a stream, and then reads nothing until `readToEnd`. */
export class StalledReader {
  readonly #socket: Socket;
  readonly #requested: Promise<void>;

  constructor(port: number, path: string) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.pause();
    this.#socket.on("error", () => {});
    this.#requested = new Promise((resolve) =>
      this.#socket.on("connect", () => {
        this.#socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
        resolve();
      })
    );
  }

  /** Resolves when the request is sent. */
  requested(): Promise<void> {
    return this.#requested;
  }

  /** Reads all that there is; resolves with it when the server has ended the stream. */
  readToEnd(): Promise<string> {
    return new Promise((resolve) => {
      let text = "";
      this.#socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        if (text.endsWith("\r\n0\r\n\r\n")) resolve(text);
      });
      this.#socket.on("close", () => resolve(text));
      this.#socket.resume();
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
