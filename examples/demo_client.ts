/**
 * A client of the HTTP API, for the demo.
 * @module
 */
import type { HookEvent } from "@omniagent/hooks";

export type AgentEvent = HookEvent<string, Readonly<Record<string, unknown>>>;

/** The server's receipt of an event. */
export type Receipt = {
  /** The id that the server assigned. */
  readonly id: string;
  /** How many webhooks it is stored for. */
  readonly deliveries: number;
  /** Whether it was accepted before, with the same key. */
  readonly known: boolean;
};

/** A delivery in a list of the server. */
export type Delivery = {
  readonly target: string;
  readonly event_id: string;
  readonly state: string;
  readonly due_at?: string;
  readonly leased_until?: string;
  readonly made?: number;
};

export class Client {
  readonly #url: string;
  readonly #token: string;
  readonly #signal: AbortSignal;

  constructor(url: string, token: string, signal: AbortSignal) {
    this.#url = url;
    this.#token = token;
    this.#signal = signal;
  }

  /** Sends an event with its id as the idempotency key. */
  async send(event: AgentEvent): Promise<Receipt> {
    const response = await this.#fetch("/events", post(event, bodyOf(event)));
    const { receipts } = await response.json();
    return { ...receipts[0], known: response.headers.has("idempotent-replayed") };
  }

  /** Sends half an event and waits for a response: rejects when the server is killed. */
  async sendHalf(event: AgentEvent): Promise<void> {
    const half = new TextEncoder().encode(bodyOf(event).slice(0, 40));
    const body = new ReadableStream({ start: (controller) => controller.enqueue(half) });
    await this.#fetch("/events", post(event, body));
  }

  /** Lists all deliveries in a state. */
  async deliveries(state: "pending" | "attempted"): Promise<readonly Delivery[]> {
    const all: Delivery[] = [];
    let cursor = "";
    do {
      const response = await this.#fetch(`/deliveries?state=${state}${cursor}`);
      const { deliveries, next_cursor } = await response.json();
      all.push(...deliveries);
      cursor = next_cursor === undefined ? "" : `&cursor=${encodeURIComponent(next_cursor)}`;
    } while (cursor !== "");
    return all;
  }

  async #fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { ...init.headers, authorization: `Bearer ${this.#token}` };
    const response = await fetch(this.#url + path, { ...init, headers, signal: this.#signal });
    if (response.ok) return response;
    throw new Error(`The server responded with ${response.status}: ${await response.text()}`);
  }
}

function post({ id }: AgentEvent, body: BodyInit): RequestInit {
  const headers = { "content-type": "application/json", "idempotency-key": id };
  return { method: "POST", body, headers };
}

function bodyOf({ type, timestamp, sessionId, data }: AgentEvent): string {
  return JSON.stringify({ type, timestamp, session_id: sessionId, data });
}
