import { setTimer } from "../internal/async.ts";
import { joinBytes } from "../internal/bytes.ts";

/** The part of Node's `net.Socket` that is used, named here so that nobody needs Node's types. */
export interface ByteSocket {
  write(data: Uint8Array, done: (error?: Error | null) => void): unknown;
  end(): unknown;
  destroy(): unknown;
  resetAndDestroy(): unknown;
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  on(event: "end" | "close" | "error", listener: () => void): unknown;
}

/** A client's connection. Whatever is awaited here ends when the connection does. */
export class Connection {
  /** Resolves when it is closed, by either side. */
  readonly closed: Promise<void>;
  readonly #socket: ByteSocket;
  #unread: Uint8Array = new Uint8Array();
  #isOpen = true;
  #isClosed = false;
  readonly #closing = new Set<() => void>();
  #wasCut = false;
  #wake: () => void = () => {};

  /** Takes over a socket. It is read all the time, or nobody would hear that the client hangs up. */
  constructor(socket: ByteSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#stop();
        resolve();
        for (const closed of this.#closing) closed();
        this.#isClosed = true;
      });
    });
    socket.on("error", () => {}); // "close" follows
    socket.on("end", () => this.#stop());
    socket.on("data", (chunk) => {
      this.#unread = joinBytes([this.#unread, chunk]);
      this.#wake();
    });
  }

  /** Whether both sides are there. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether it was this side that cut it. */
  get wasCut(): boolean {
    return this.#wasCut;
  }

  /** The text up to the next line break, a character a byte; undefined if none comes within `limit`. */
  async readLine(limit: number): Promise<string | undefined> {
    for (;;) {
      const end = this.#unread.indexOf(0x0a);
      if (end >= 0 && end <= limit) {
        const line = Array.from(this.#take(end + 1), (byte) => String.fromCharCode(byte)).join("");
        return line.replace(/\r?\n$/, "");
      }
      if (this.#unread.length > limit || !await this.#more()) return undefined;
    }
  }

  /** The next bytes; undefined if the client sends fewer. */
  async read(length: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const parts: Uint8Array[] = []; // memory follows what has arrived, not what was declared
    for (let missing = length; missing > 0;) {
      if (this.#unread.length === 0 && !await this.#more()) return undefined;
      const part = this.#take(missing);
      parts.push(part);
      missing -= part.length;
    }
    return joinBytes(parts);
  }

  /**
   * Resolves as some work does, or to undefined when the connection closes first. `Promise.race` would leave
   * a reaction on `closed` for each request of a connection that lives on.
   */
  orClosed<T>(work: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const closed = (): void => resolve(undefined);
      if (this.#isClosed) return closed();
      this.#closing.add(closed);
      void work.then(resolve, reject).then(() => this.#closing.delete(closed));
    });
  }

  /** Hands bytes to the system, and waits until it took them: a slow client is not outrun. */
  async write(bytes: Uint8Array): Promise<boolean> {
    if (!this.#isOpen) return false;
    const written = new Promise<boolean>((resolve) => {
      this.#socket.write(bytes, (error) => resolve(!error));
    });
    const isWritten = await this.orClosed(written);
    return isWritten === true && this.#isOpen;
  }

  /** Waits so many milliseconds. */
  async sleep(delay: number): Promise<void> {
    if (delay === 0) return;
    let cancel = (): void => {};
    const slept = new Promise<void>((resolve) => void (cancel = setTimer(delay, resolve)));
    await this.orClosed(slept);
    cancel();
  }

  /** Closes it when everything is sent. */
  end(): void {
    this.#socket.end();
  }

  /** Closes it at once. */
  cut(): void {
    this.#wasCut = true;
    this.#socket.destroy();
    this.#stop();
  }

  /** Closes it at once, by a TCP RST. */
  reset(): void {
    this.#wasCut = true;
    this.#socket.resetAndDestroy();
    this.#stop();
  }

  /** Waits for bytes; false if no more come. */
  async #more(): Promise<boolean> {
    const before = this.#unread.length;
    if (this.#isOpen) await new Promise<void>((resolve) => this.#wake = resolve);
    return this.#unread.length > before;
  }

  #take(length: number): Uint8Array {
    const bytes = this.#unread.subarray(0, length);
    this.#unread = this.#unread.subarray(length);
    return bytes;
  }

  #stop(): void {
    this.#isOpen = false;
    this.#wake();
  }
}

/** Listens on a free port of 127.0.0.1. */
export async function listen(
  accept: (socket: ByteSocket) => void,
): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const { createServer } = await import("node:net"); // here, because it costs at import
  const server = createServer(accept);
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as { readonly port: number };
  const stop = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { url: `http://127.0.0.1:${port}/`, stop };
}
