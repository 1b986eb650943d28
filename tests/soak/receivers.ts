/**
 * Receivers of webhooks on the loopback interface, each with a character, and what they got.
 * @module
 */
import { createWebhookVerifier, generateSecret } from "@omniagent/hooks/webhook";

/** How receivers answer: at once, with 500 to 30 % of all, or so after a time without listening. */
export const CHARACTERS = ["healthy", "failing", "down"] as const;

const FAILING_PART = 0.3;
/** An answer takes so long, in milliseconds, so that requests are in flight. */
const ANSWER_TIME = 8;

/** Receivers, and what they took. */
export class Receivers {
  readonly secret: string = generateSecret();
  /** By target and event: the run of each request that was answered with 200. */
  readonly taken = new Map<string, number[]>();
  /** Requests, by target. */
  readonly requests: Record<string, number> = {};
  /** Targets that take requests and never answer. */
  readonly hanging = new Set<string>();
  /** What must not happen, in words. */
  readonly faults: string[] = [];
  readonly #verifier = createWebhookVerifier({ secrets: this.secret });
  readonly #end = Promise.withResolvers<void>();
  readonly #bodies = new Map<string, string>();
  readonly #ids = new Map<string, string>();
  readonly #servers = new Map<string, Deno.HttpServer<Deno.NetAddr>>();
  readonly #ports = new Map<string, number>();

  constructor(readonly targets: readonly string[] = CHARACTERS) {
    for (const target of targets) this.start(target);
  }

  /** Where each target listens. */
  get urls(): Record<string, string> {
    return Object.fromEntries(
      this.targets.map((target) => [target, `http://127.0.0.1:${this.#ports.get(target)}/`]),
    );
  }

  /** Listens, on the same port each time. */
  start(target: string): void {
    if (this.#servers.has(target)) return;
    const server = Deno.serve({
      hostname: "127.0.0.1",
      port: this.#ports.get(target) ?? 0,
      onListen() {},
    }, (request) => this.#answer(target, request));
    this.#ports.set(target, server.addr.port);
    this.#servers.set(target, server);
  }

  /** Ends requests under way, then refuses connections. */
  async stop(target: string): Promise<void> {
    const server = this.#servers.get(target);
    this.#servers.delete(target);
    await server?.shutdown();
  }

  async close(): Promise<void> {
    this.#end.resolve();
    await Promise.all(this.targets.map((target) => this.stop(target)));
  }

  /** The accepted events that a target did not get. */
  missing(target: string, accepted: ReadonlySet<string>): string[] {
    return [...accepted].filter((id) => !this.taken.has(`${target}/${id}`));
  }

  /** Whether each target got every event. */
  gotAll(accepted: ReadonlySet<string>): boolean {
    return this.targets.every((target) => this.missing(target, accepted).length === 0);
  }

  async #answer(target: string, request: Request): Promise<Response> {
    this.requests[target] = (this.requests[target] ?? 0) + 1;
    const body = await request.text(); // throws when the sender died before all was sent
    const id = request.headers.get("webhook-id") ?? "";
    await this.#verifier.verify(body, request.headers).catch((error) =>
      this.faults.push(`${target}/${id} is not signed: ${error}`)
    );
    this.#compare(id, body);
    if (this.hanging.has(target)) {
      await this.#end.promise;
      return new Response(null, { status: 500 });
    }
    const refused = target === "failing" && Math.random() < FAILING_PART;
    if (!refused) {
      const key = `${target}/${id}`;
      const run = Number(request.headers.get("x-run"));
      this.taken.set(key, [...this.taken.get(key) ?? [], run]);
    }
    await new Promise((resolve) => setTimeout(resolve, ANSWER_TIME * 2 * Math.random()));
    return new Response(null, { status: refused ? 500 : 200 });
  }

  /** An id stands for one body, and what was published once has one id. */
  #compare(id: string, body: string): void {
    if ((this.#bodies.get(id) ?? body) !== body) this.faults.push(`${id} has two bodies`);
    this.#bodies.set(id, body);
    const event = JSON.parse(body);
    if (event.id !== id) this.faults.push(`${id} has the body of ${event.id}`);
    const { number } = event.data.params;
    if ((this.#ids.get(number) ?? id) !== id) this.faults.push(`${number} has two ids`);
    this.#ids.set(number, id);
  }
}
