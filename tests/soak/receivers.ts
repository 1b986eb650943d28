/**
 * Receivers of webhooks on the loopback interface, each with a character, and what they got.
 * @module
 */
import { faultOf } from "./events.ts";
import { createWebhookVerifier, generateSecret } from "@omniagent/hooks/webhook";

/** How receivers respond: at once, with 500 to 30 % of all, or so after a time without listening. */
export const CHARACTERS = ["healthy", "failing", "down"] as const;

const FAILING_PART = 0.3;
/** How long a response takes, in milliseconds, so that requests are in flight. */
const RESPONSE_TIME = 8;

/** A call of a durable hook. */
type Call = { readonly id: string; readonly ok: boolean; readonly fault?: string };

/** Receivers, and what they took. */
export class Receivers {
  readonly secret: string = generateSecret();
  /** By target and event: the run of each request that got a 200. */
  readonly taken = new Map<string, number[]>();
  /** Requests, by target. */
  readonly requests: Record<string, number> = {};
  /** Targets that accept requests and never respond. */
  readonly hanging = new Set<string>();
  /** What must not happen, in words. */
  readonly faults: string[] = [];
  readonly #verifier = createWebhookVerifier({ secrets: this.secret });
  readonly #end = Promise.withResolvers<void>();
  readonly #bodies = new Map<string, string>();
  readonly #ids = new Map<number, string>();
  readonly #servers = new Map<string, Deno.HttpServer<Deno.NetAddr>>();
  readonly #ports = new Map<string, number>();

  /** Everything that events are delivered to: webhooks, and a durable hook when there is one. */
  readonly targets: readonly string[];

  constructor(webhooks: readonly string[] = CHARACTERS, hook?: string) {
    this.targets = hook === undefined ? webhooks : [...webhooks, hook];
    for (const webhook of webhooks) this.start(webhook);
  }

  /** Where each webhook goes. */
  get urls(): Record<string, string> {
    return Object.fromEntries(
      [...this.#ports].map(([target, port]) => [target, `http://127.0.0.1:${port}/`]),
    );
  }

  /** Listens, on the same port each time. */
  start(target: string): void {
    if (this.#servers.has(target)) return;
    const server = Deno.serve({
      hostname: "127.0.0.1",
      port: this.#ports.get(target) ?? 0,
      onListen() {},
    }, (request) => this.#respond(target, request));
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

  async #respond(target: string, request: Request): Promise<Response> {
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
    if (!refused) this.#take(target, id, Number(request.headers.get("x-run")));
    await new Promise((resolve) => setTimeout(resolve, RESPONSE_TIME * 2 * Math.random()));
    return new Response(null, { status: refused ? 500 : 200 });
  }

  /** A durable hook was called: its output counts as a request. */
  called(hook: string, { id, ok, fault }: Call, run: number): void {
    this.requests[hook] = (this.requests[hook] ?? 0) + 1;
    if (fault !== undefined) this.faults.push(`${hook}: ${fault}`);
    if (ok) this.#take(hook, id, run);
  }

  /** What was published once has one id, no matter where it is seen. */
  identify(number: number, id: string): void {
    if ((this.#ids.get(number) ?? id) !== id) this.faults.push(`event ${number} has two ids`);
    this.#ids.set(number, id);
  }

  #take(target: string, id: string, run: number): void {
    const key = `${target}/${id}`;
    this.taken.set(key, [...this.taken.get(key) ?? [], run]);
  }

  /** An id belongs to one body, and that is what was sent. */
  #compare(id: string, body: string): void {
    if ((this.#bodies.get(id) ?? body) !== body) this.faults.push(`${id} has two bodies`);
    this.#bodies.set(id, body);
    const event = JSON.parse(body);
    if (event.id !== id) this.faults.push(`${id} has the body of ${event.id}`);
    const fault = faultOf(event);
    if (fault !== undefined) this.faults.push(fault);
    this.identify(event.data.params.number, id);
  }
}
