import { type ModelMessage, type Tokens, usageOf } from "./model_calls.ts";
import type { Session, Sessions } from "./sessions.ts";

/** How many messages are buffered for a reader that is slower than Claude Code. Then `wrap` stops reading. */
const MAX_UNREAD = 1_000;

/** A message of `query()`. */
export type Message = {
  readonly type: string;
  readonly subtype?: string;
  readonly session_id?: string;
  readonly agent_id?: string;
  readonly parent_tool_use_id?: string | null;
  /** Of "assistant". */
  readonly message?: ModelMessage;
  readonly error?: string;
  /** Of "stream_event". */
  readonly event?: {
    readonly type: string;
    readonly message?: ModelMessage;
    readonly delta?: { readonly stop_reason?: string | null };
    readonly usage?: Tokens;
  };
  readonly ttft_ms?: number;
  /** Of "result". */
  readonly result?: string;
  readonly is_error?: boolean;
  readonly errors?: readonly string[] | null;
  readonly total_cost_usd?: number;
  readonly usage?: Tokens | null;
  readonly terminal_reason?: string;
  readonly permission_denials?: readonly { readonly tool_use_id: string }[];
  /** Of a "system" message about a background subagent: the task's id, which is also the subagent's. */
  readonly task_id?: string;
  readonly status?: string;
  readonly summary?: string;
};

/**
 * Returns the query with its methods. Messages are observed as they arrive, and then wait for the caller:
 * Claude Code also calls hooks as messages arrive, so this keeps their events in order.
 */
export function observe<Query extends AsyncGenerator<Message, void>>(
  sessions: Sessions,
  query: Query,
): Query {
  sessions.isWrapped = true;
  const messages = new ArrivedMessages(sessions, query);
  const methods: Readonly<Record<PropertyKey, unknown>> = {
    next: () => messages.next(),
    return: () => messages.leave(query.return()),
    throw: (error: unknown) => messages.leave(query.throw(error)),
    [Symbol.asyncIterator]: () => observed,
  };
  const observed = new Proxy(query, {
    get: (target, name) => {
      if (Object.hasOwn(methods, name)) return methods[name];
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return observed;
}

/** The messages of a query that its caller has not read yet. They are observed when they arrive. */
class ArrivedMessages {
  readonly #sessions: Sessions;
  readonly #query: AsyncGenerator<Message, void>;
  readonly #observer: Observer;
  readonly #arrived: Message[] = [];
  /** Calls of `next` that wait for a message: each looks again when one arrives. */
  readonly #waiting = new Set<() => void>();
  /** Resolves when the query has ended. Never rejects. */
  readonly #pumped: Promise<void>;
  #isOver = false;
  /** Whether the caller has stopped reading. */
  #isLeft = false;
  #failure: { readonly error: unknown } | undefined;
  #readOn = (): void => {};

  constructor(sessions: Sessions, query: AsyncGenerator<Message, void>) {
    this.#sessions = sessions;
    this.#query = query;
    this.#observer = new Observer(sessions);
    this.#pumped = this.#pump();
  }

  /** Resolves to the next message. Rejects once with the query's error, after all messages. */
  async next(): Promise<IteratorResult<Message, void>> {
    while (this.#arrived.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
    this.#readOn();
    if (this.#arrived.length > 0) return { done: false, value: this.#arrived.shift()! };
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
    return { done: true, value: undefined };
  }

  /** Ends the query for a caller that has stopped reading. */
  async leave(
    end: Promise<IteratorResult<Message, void>>,
  ): Promise<IteratorResult<Message, void>> {
    this.#isLeft = true;
    this.#readOn();
    try {
      return await end;
    } finally {
      await this.#observer.end({ aborted: true });
      await this.#pumped;
      this.#arrived.length = 0;
      this.#failure = undefined;
    }
  }

  /** Reads the query to its end, but not far ahead of its caller. */
  async #pump(): Promise<void> {
    const observer = this.#observer;
    try {
      for (let next = await this.#query.next(); !next.done; next = await this.#query.next()) {
        await this.#sessions.arrive(observer.see(next.value));
        this.#arrived.push(next.value);
        this.#wake();
        const isFull = this.#arrived.length >= MAX_UNREAD && !this.#isLeft;
        if (isFull) await this.#sessions.pause((resume) => this.#readOn = resume);
      }
      await observer.end({ aborted: true }); // nothing, if there was a result
    } catch (error) {
      this.#failure = { error };
      await observer.end(isAbort(error) ? { aborted: true } : { error });
    }
    this.#isOver = true;
    this.#wake();
  }

  #wake(): void {
    for (const look of this.#waiting) look();
    this.#waiting.clear();
  }
}

/** The SDK's abort errors have no distinctive name. */
function isAbort(error: unknown): boolean {
  const { name, errorClass } = (error ?? {}) as { name?: string; errorClass?: string };
  return name === "AbortError" || errorClass === "aborted";
}

/** Observes the messages of one query. */
class Observer {
  readonly #sessions: Sessions;
  readonly #seen = new Set<Session>();

  constructor(sessions: Sessions) {
    this.#sessions = sessions;
  }

  async see(message: Message): Promise<void> {
    const { type, subtype, session_id: id } = message;
    if (id === undefined || id === "") return;
    const session = this.#sessions.get(id);
    this.#seen.add(session);
    session.isClaimed = true;
    if (type === "system" && subtype === "init") {
      await session.run().flush();
    } else if (type === "system" && subtype === "task_notification") {
      await endTask(session, message);
    } else if (type === "assistant") {
      const run = responding(session, message);
      if (run === undefined) return;
      const call = await session.models.begin(run, message.message ?? {});
      // A response that failed is a message about it.
      const failure = message.error && (textOf(message.message) || message.error);
      if (call !== undefined && failure) await session.models.complete(run, failure);
    } else if (type === "stream_event") {
      await this.#streamed(session, message);
    } else if (type === "user") {
      const run = session.runOf(message.agent_id);
      if (run !== undefined) await session.models.complete(run);
    } else if (type === "result") {
      await this.#result(session, message);
    }
  }

  /** Ends the runs that a query without a result leaves open. */
  async end(result: { readonly aborted?: boolean; readonly error?: unknown }): Promise<void> {
    // A process that ends before its first message has only called hooks.
    const sessions = this.#seen.size > 0 ? [...this.#seen] : this.#sessions.unclaimed();
    this.#seen.clear();
    for (const session of sessions) {
      session.isClaimed = false;
      await session.close(result);
    }
  }

  /** With `includePartialMessages`, the exact times and tokens of a call are known. */
  async #streamed(session: Session, { event, ttft_ms: ttftMs, ...more }: Message): Promise<void> {
    const { models } = session;
    const isStart = event?.type === "message_start";
    const run = isStart ? responding(session, more) : session.runOf(more.agent_id);
    if (run === undefined) return;
    if (isStart) await models.begin(run, event.message ?? {});
    const call = models.of(run);
    if (call === undefined) return;
    if (ttftMs !== undefined) call.ttftMs = ttftMs;
    if (event?.type === "message_delta") {
      call.usage = { ...call.usage, ...event.usage };
      if (event.delta?.stop_reason) call.finishReason = event.delta.stop_reason;
    }
    if (event?.type === "message_stop") await models.complete(run);
  }

  async #result(session: Session, message: Message): Promise<void> {
    const { result, is_error: isError, errors, subtype, usage, terminal_reason: why } = message;
    for (const { tool_use_id: id } of message.permission_denials ?? []) {
      await session.calls.take(id)?.fail(new Error("Claude Code denied it"));
    }
    const total = message.total_cost_usd;
    const before = session.cost;
    session.cost = total ?? before;
    const aborted = why === "aborted_streaming" || why === "aborted_tools";
    const isFailed = !aborted && (isError || subtype !== "success");
    session.run(); // so that every result has a run, and ends it
    await session.end({
      response: result,
      error: isFailed ? new Error(errors?.join("\n") || result || subtype) : undefined,
      aborted,
      usage: usage ? usageOf(usage) : undefined,
      // Each result has the total of the query so far.
      costUsd: total === undefined || before === undefined
        ? undefined
        : Math.max(0, total - before),
    });
  }
}

/** Returns the run whose model responds; undefined for a subagent if its run and the session's have ended. */
function responding(session: Session, { agent_id: id }: Omit<Message, "type">) {
  return id === undefined ? session.run() : session.runOf(id);
}

/** Ends a background subagent that didn't stop by itself, which no hook reports. */
async function endTask(session: Session, { task_id: id, status, summary }: Message): Promise<void> {
  if (id === undefined || (status !== "failed" && status !== "stopped")) return;
  const isFailed = status === "failed";
  const error = isFailed ? new Error(summary || "The task failed") : undefined;
  await session.endSubagent(id, { aborted: !isFailed, error });
}

function textOf({ content }: ModelMessage = {}): string | undefined {
  return Array.isArray(content) ? content.find(({ text }) => text)?.text : undefined;
}
