/**
 * A way to a port of this machine that can be cut. (A response that breaks off by itself is not silent:
 * Deno prints why.)
 * @module
 */

/** Connections to a port, each through one to another port. */
export class Cable {
  readonly #listener: Deno.TcpListener;
  readonly #to: number;
  /** By the port that the far end sees. */
  readonly #connections = new Map<number, () => void>();
  readonly #accepting: Promise<void>;

  constructor(port: number, to: number) {
    this.#listener = Deno.listen({ port, hostname: "127.0.0.1" });
    this.#to = to;
    this.#accepting = this.#accept();
  }

  /** Where it begins. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** Cuts the connection that the far end sees as coming from a port. */
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
      for (const [from, to] of [[near, far], [far, near]] as const) void pass(from, to).then(cut);
    }
  }
}

/** Passes bytes on until one of the ends is closed. */
async function pass(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    for (let n = await from.read(buffer); n !== null; n = await from.read(buffer)) {
      for (let at = 0; at < n;) at += await to.write(buffer.subarray(at, n));
    }
  } catch {
    // It was cut.
  }
}
