import { MAX_PAGE_SIZE, PAGE_SIZE } from "../../internal/page_size.ts";
import { checkKnown, readCount } from "../../internal/options.ts";
import { checkOneOf, inspect } from "../../internal/validate.ts";
import type { HookEvent } from "../events.ts";
import type { GateAskedData, GateResolvedData } from "../gate_payloads.ts";
import type { QueueRecords } from "../delivery.ts";
import type { Asking } from "./asking.ts";
import type { ReadAsk } from "./ask_records.ts";
import type { FinalDecision } from "./decision.ts";
import type { AskResolution } from "./resolve_ask.ts";
import type { AskChoice } from "./verdict.ts";

/** What an id of an ask looks like: a UUID. */
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** An ask: an event that waits for a person, or did. */
export type Ask = {
  /** A UUID v7: ids sort by the time of the ask. */
  readonly id: string;
  /** `pending`: waits for a response. The others say how it ended. */
  readonly state: "pending" | "allowed" | "denied" | "edited" | "expired";
  readonly question: string;
  /** The gate that asks. */
  readonly gate?: string;
  /** What may be chosen. Denying is always possible. */
  readonly allow: readonly AskChoice[];
  /** The type of the event that was judged. */
  readonly eventType: string;
  /** Its data, redacted. */
  readonly data: unknown;
  /** The digest of the data that was judged: an approval is valid for nothing else. */
  readonly digest: string;
  readonly sessionId?: string;
  readonly runId?: string;
  readonly callId?: string;
  readonly agentId?: string;
  /** The decision that waits for it. */
  readonly decisionId: string;
  readonly askedAt: Date;
  /** When it expires, and counts as denied. */
  readonly expiresAt: Date;
  /** When someone responded. */
  readonly resolvedAt?: Date;
  /** Who responded. */
  readonly by?: string;
  /** Why, in their words. */
  readonly note?: string;
  /** The data that was approved in place of `data`. */
  readonly edited?: unknown;
  /**
   * Waits until someone responds, in this process or another, and resolves to the final decision, whose event
   * is stored by then. Edited data is checked again: a process without the gates that judged waits for one
   * that has them, and denies when the ask expires.
   *
   * @throws {AskError} when `redact` kept the data out of the store. Call `decide` or `call` again, with the
   *   same session, call id and data: that waits for the same ask
   * @throws the reason of the signal
   */
  wait(options?: { readonly signal?: AbortSignal | undefined }): Promise<FinalDecision>;
};

/** Options of `asks.list`. */
export type AskListOptions = {
  /** Only asks that wait for a response, or all that are stored. @default {"pending"} */
  readonly state?: "pending" | "all" | undefined;
  /** Number of asks, 1 to 1000. @default {100} */
  readonly limit?: number | undefined;
  /** Where an earlier page with the same other options ended. */
  readonly cursor?: string | undefined;
};

/** A page of asks. */
export type AskPage = {
  /** Newest first. May be fewer than the limit, or none, even if there are more. */
  readonly items: readonly Ask[];
  /** Where the list continues; absent at its end. */
  readonly cursor?: string;
};

/** The asks of gates, stored in the outbox, so that they can be resolved in any process. */
export interface Asks {
  /**
   * Lists asks, newest first.
   *
   * @throws {TypeError | RangeError} when an option is wrong, or there is no outbox
   */
  list(options?: AskListOptions): Promise<AskPage>;
  /**
   * Returns an ask; undefined if there is none, or it is no longer kept.
   *
   * @throws {TypeError} when there is no outbox
   */
  get(askId: string): Promise<Ask | undefined>;
  /**
   * Responds to an ask. The first response wins. It is stored in one commit with `gate.resolved`.
   *
   * @returns The ask as it is now
   * @throws {AskError} when it was already resolved, has expired, or isn't stored, or the response is not
   *   one that the gate offers
   * @throws {TypeError} when the response is invalid, or there is no outbox
   */
  resolve(askId: string, resolution: AskResolution): Promise<Ask>;
}

/** Reads asks from the outbox, and resolves them. */
export class StoredAsks implements Asks {
  readonly #asking: Asking | undefined;
  readonly #records: QueueRecords | undefined;

  constructor(asking: Asking | undefined, records: QueueRecords | undefined) {
    this.#asking = asking;
    this.#records = records;
  }

  async list(options: AskListOptions = {}): Promise<AskPage> {
    const subject = "Cannot list asks";
    const { records } = this.#require(subject);
    checkKnown(subject, options, ["state", "limit", "cursor"]);
    const { state = "pending", cursor } = options;
    checkOneOf(subject, "state", state, ["pending", "all"]);
    if (cursor !== undefined && !ID.test(cursor)) {
      throw new TypeError(`${subject}: 'cursor' must come from this list, got ${inspect(cursor)}`);
    }
    const limit = readCount(subject, "limit", options.limit ?? PAGE_SIZE, { max: MAX_PAGE_SIZE });
    const { asks, last } = await records.list(state === "pending", { limit, before: cursor });
    const items: Ask[] = [];
    for (const ask of asks) {
      const item = await this.#read(ask);
      if (item !== undefined) items.push(item);
    }
    return { items, ...(last !== undefined && { cursor: last }) };
  }

  async get(askId: string): Promise<Ask | undefined> {
    const { records } = this.#require("Cannot get ask");
    if (typeof askId !== "string" || !ID.test(askId)) return undefined;
    const ask = await records.read(askId);
    return ask && await this.#read(ask);
  }

  async resolve(askId: string, resolution: AskResolution): Promise<Ask> {
    const subject = "Cannot resolve ask";
    const { asking } = this.#require(subject);
    if (typeof askId !== "string" || askId === "") {
      throw new TypeError(`${subject}: the id must be a non-empty string, got ${inspect(askId)}`);
    }
    await asking.resolve(askId, resolution);
    return (await this.get(askId))!;
  }

  #require(subject: string): { readonly asking: Asking; readonly records: Asking["records"] } {
    const asking = this.#asking;
    if (asking !== undefined) return { asking, records: asking.records };
    throw new TypeError(
      `${subject}: asks need an outbox. Pass createHooks({ outbox })`,
    );
  }

  async #read(ask: ReadAsk): Promise<Ask | undefined> {
    const { event, resolved } = ask.record;
    const [asked, response] = await Promise.all(
      [event, resolved].map((id) => id === undefined ? undefined : this.#records!.event(id)),
    );
    return asked && this.#askOf(ask, asked, response);
  }

  #askOf(ask: ReadAsk, asked: HookEvent, response: HookEvent | undefined): Ask {
    const { id, record } = ask;
    const data = asked.data as GateAskedData;
    const { by = record.by, note, data: edited } = (response?.data ?? {}) as Partial<
      GateResolvedData
    >;
    const { sessionId, runId } = asked;
    const { call_id: callId, agent_id: agentId, gate } = data;
    return {
      id,
      state: this.#stateOf(ask),
      question: data.question,
      ...(gate !== undefined && { gate }),
      allow: record.allow,
      eventType: data.event_type,
      data: data.data,
      digest: record.digest,
      ...(sessionId !== undefined && { sessionId }),
      ...(runId !== undefined && { runId }),
      ...(callId !== undefined && { callId }),
      ...(agentId !== undefined && { agentId }),
      decisionId: record.decision,
      askedAt: asked.timestamp,
      expiresAt: new Date(record.expires),
      ...(record.at !== undefined && { resolvedAt: new Date(record.at) }),
      ...(by !== undefined && { by }),
      ...(note !== undefined && { note }),
      ...(edited !== undefined && { edited }),
      wait: ({ signal } = {}) => this.#asking!.waitFor(id, signal),
    };
  }

  #stateOf(ask: ReadAsk): Ask["state"] {
    const { state } = ask.record;
    if (state === "pending") return this.#asking!.records.isPending(ask) ? "pending" : "expired";
    return ({ allow: "allowed", deny: "denied", edit: "edited", expired: "expired" } as const)[
      state
    ];
  }
}
