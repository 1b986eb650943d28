/**
 * The far end of the demo's webhook: verifies every signature, and counts.
 * @module
 */
import { generateSecret, webhookReceiver } from "@omniagent/hooks/webhook";

/** It takes so many requests, and then none until it has recovered. */
const ENOUGH = 5;

export class Receiver {
  readonly secret: string = generateSecret();
  /** Requests that were answered with 200. */
  delivered = 0;
  /** The ids of the events whose signature was right, in the order in which they first came. */
  readonly verified: string[] = [];
  /** Requests that were answered with 503. */
  refused = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #receive: (request: Request) => Promise<Response>;
  #taken = 0;
  #well = false;

  constructor() {
    this.#receive = webhookReceiver((event) => void this.verified.push(event.id), {
      secrets: this.secret,
    });
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#answer(request),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  recover(): void {
    this.#well = true;
  }

  close(): Promise<void> {
    return this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    if (!this.#well && ++this.#taken > ENOUGH) {
      this.refused++;
      return new Response("out of order", { status: 503 });
    }
    const response = await this.#receive(request);
    if (response.ok) this.delivered++;
    return response;
  }
}
