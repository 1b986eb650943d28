/**
 * A TCP proxy that can cut connections. (A server that cuts its own response isn't silent: Deno logs
 * why.)
 * @module
 */

/** Forwards connections to another port of this machine. */
export class Proxy {
  readonly #listener: Deno.TcpListener;
  readonly #to: number;
  /** Cuts connections, by the port that the server sees. */
  readonly #connections = new Map<number, () => void>();
  readonly #accepting: Promise<void>;

  constructor(port: number, to: number) {
    this.#listener = Deno.listen({ port, hostname: "127.0.0.1" });
    this.#to = to;
    this.#accepting = this.#accept();
  }

  /** The port it listens on. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** Cuts the connection that the server sees as coming from a port. */
  cut(port: number): void {
    this.#connections.get(port)?.();
  }

  async close(): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const cut of [...this.#connections.values()]) cut();
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      const far = await Deno.connect({ port: this.#to, hostname: "127.0.0.1" });
      near.setNoDelay();
      far.setNoDelay();
      const { port } = far.localAddr;
      const cut = (): void => {
        if (!this.#connections.delete(port)) return;
        near.close();
        far.close();
      };
      this.#connections.set(port, cut);
      for (const [from, to] of [[near, far], [far, near]] as const) {
        void forward(from, to).then(cut);
      }
    }
  }
}

/** Forwards bytes until one of the ends is closed. */
async function forward(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    for (let n = await from.read(buffer); n !== null; n = await from.read(buffer)) {
      for (let at = 0; at < n;) at += await to.write(buffer.subarray(at, n));
    }
  } catch {
    // It was cut.
  }
}
