import { errorMessage } from "../../internal/issues.ts";
import type { AgentHooks } from "../options.ts";
import { type AllowedCall, denialText, openCall, type ToolOutcome } from "../tool_call.ts";

/** What the calls of a connection need of it. */
type Connection = {
  /** Sends a message to the other side. */
  send(message: Message, options?: unknown): Promise<void>;
  readonly agentId: string | undefined;
  sessionId(): string | undefined;
};

/** A message of JSON-RPC 2.0. */
type Message = {
  readonly jsonrpc: "2.0";
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string };
};
type Request = Message & { readonly id: string | number };

/** Receives messages: `onmessage` of a transport. */
type Listener = (message: Message, extra?: unknown) => void;

/** Where a request came from. Both sides count their requests from zero. */
type Direction = "incoming" | "outgoing";

/** How many canceled calls are kept, so that a result that comes late is not passed on. */
const MAX_CANCELED = 1_000;

/** A call that is decided about, or that runs. */
type Pending = { readonly controller: AbortController; call?: AllowedCall };

/** How the two ends of one call are reached. */
type Ends = {
  /** Passes the request on. */
  forward(request: Message): void | Promise<void>;
  /** Responds to it. */
  reply(response: Message): void | Promise<void>;
};

/** "Invalid Request" and "Invalid params" of JSON-RPC 2.0. */
const INVALID_REQUEST = -32600;
const INVALID_PARAMS = -32602;

/** Judges the tool calls of a connection, in both directions, and what they return. */
export class ToolCalls {
  readonly #hooks: AgentHooks;
  readonly #connection: Connection;
  readonly #pending = {
    incoming: new Map<string | number, Pending>(),
    outgoing: new Map<string | number, Pending>(),
  };
  /** What removes calls that were canceled, oldest first. */
  readonly #canceled: (() => void)[] = [];
  #listener: Listener = () => {};

  constructor(hooks: AgentHooks, connection: Connection) {
    this.#hooks = hooks;
    this.#connection = connection;
  }

  /** Returns the listener to use in place of another one. */
  incoming(listener: Listener): Listener {
    this.#listener = listener;
    const reply = (response: Message): Promise<void> => this.#connection.send(response);
    return (message, extra) => {
      const forward = (message: Message): void => listener(message, extra);
      const done = this.#pass("incoming", message, { forward, reply });
      // What can't be sent is the transport's error: it reports it to `onerror`.
      done?.catch(() => {});
    };
  }

  /** Sends a message. */
  async outgoing(message: unknown, options: unknown): Promise<void> {
    const forward = (message: Message): Promise<void> => this.#connection.send(message, options);
    const reply = (response: Message): void => this.#listener(response);
    await this.#pass("outgoing", message as Message, { forward, reply });
  }

  /** Ends the calls whose results can't arrive any more. */
  close(): void {
    const error = new Error("The connection was closed before the tool returned");
    for (const calls of Object.values(this.#pending)) {
      for (const { controller, call } of calls.values()) {
        controller.abort(error);
        void call?.fail(error);
      }
      calls.clear();
    }
  }

  #pass(direction: Direction, message: Message, ends: Ends): Promise<void> | undefined {
    const { forward } = ends;
    if (message.method === "tools/call" && message.id !== undefined) {
      return this.#call(direction, message as Request, ends);
    }
    if (message.method === "notifications/cancelled") this.#cancel(direction, message);
    if (message.method === undefined && message.id !== undefined) {
      // A response goes the other way than its request.
      const requests = this.#pending[direction === "incoming" ? "outgoing" : "incoming"];
      const pending = requests.get(message.id);
      if (pending !== undefined) {
        requests.delete(message.id);
        return this.#respond(pending, message, forward);
      }
    }
    return forward(message) as Promise<void> | undefined;
  }

  async #call(direction: Direction, request: Request, { forward, reply }: Ends): Promise<void> {
    const { id, params = {} } = request;
    const calls = this.#pending[direction];
    if (calls.has(id)) {
      return await reply(failure(id, INVALID_REQUEST, `The request id ${id} is in use`));
    }
    const pending: Pending = { controller: new AbortController() };
    calls.set(id, pending);
    try {
      const { signal } = pending.controller;
      const call = { name: String(params.name), params: params.arguments ?? {}, signal };
      const { agentId } = this.#connection;
      const caller = { agentId, sessionId: this.#connection.sessionId() };
      const opened = await openCall(this.#hooks, call, caller);
      if (opened.type === "denied") {
        calls.delete(id);
        if (signal.aborted) return; // nobody waits any more
        return await reply(refusal(id, denialText(opened.denial)));
      }
      pending.call = opened;
      if (signal.aborted) throw signal.reason;
      if (params.task !== undefined && this.#hooks.registry.gates.guards("tool.completed")) {
        const error = "Gates judge results, and the result of a task can't be judged";
        calls.delete(id);
        await opened.fail(new Error(error));
        return await reply(failure(id, INVALID_PARAMS, error));
      }
      const judged = { ...request, params: { ...params, arguments: opened.params } };
      await opened.within(() => forward(judged));
    } catch (error) {
      // Canceled before it was decided, and nobody waits for a response, or it can't be sent.
      calls.delete(id);
      await pending.call?.fail(error);
      if (!pending.controller.signal.aborted) throw error;
    }
  }

  /** Judges what a call came to, and passes on what gates let through. */
  async #respond(
    { call, controller }: Pending,
    response: Message,
    forward: Ends["forward"],
  ): Promise<void> {
    // To a call that was canceled, nothing may be sent any more.
    if (call === undefined || controller.signal.aborted) return;
    const isGuarded = this.#hooks.registry.gates.guards("tool.completed");
    await forward(await judged(call, response, isGuarded));
  }

  #cancel(direction: Direction, { params }: Message): void {
    const id = params?.requestId as string | number;
    const calls = this.#pending[direction];
    const pending = calls.get(id);
    if (pending === undefined) return;
    const error = new Error("The call was canceled");
    pending.controller.abort(error);
    void pending.call?.fail(error);
    this.#canceled.push(() => void calls.delete(id));
    if (this.#canceled.length > MAX_CANCELED) this.#canceled.shift()!();
  }
}

/**
 * Returns what gates let through of a response. Unless they change it, it is the response itself; with gates, it
 * has nothing that they didn't see.
 */
async function judged(
  call: AllowedCall,
  response: Message,
  isGuarded: boolean,
): Promise<Message> {
  const { id, result = {}, error } = response;
  if (error !== undefined) {
    const thrown = new Error(error.message);
    const outcome = await call.fail(thrown);
    const isSame = outcome.type === "error" && outcome.error === thrown;
    if (isSame && !isGuarded) return response;
    return failure(id!, error.code, isSame ? error.message : reasonOf(outcome));
  }
  const whole: Message = isGuarded ? { jsonrpc: "2.0", id: id!, result } : response;
  const value = valueOf(result);
  const thrown = result.isError === true
    ? new Error(typeof value === "string" ? value : JSON.stringify(value))
    : undefined;
  const outcome = await (thrown ? call.fail(thrown) : call.complete(value));
  if (outcome.type !== "result") {
    return outcome.type === "error" && outcome.error === thrown
      ? whole
      : refusal(id!, reasonOf(outcome));
  }
  const isSame = JSON.stringify(outcome.value) === JSON.stringify(value);
  const { context } = call;
  if (isSame && context === undefined) return whole;
  const shown = isSame ? result : resultOf(outcome.value);
  if (context === undefined) return { ...whole, result: shown };
  const content = [...(shown.content ?? []) as object[], { type: "text", text: context }];
  return { ...whole, result: { ...shown, content } };
}

type Result = NonNullable<Message["result"]>;

/** Returns a result as gates see it: its text, if that is all that it has, or else all of it. */
function valueOf({ isError: _, content = [], ...others }: Result): unknown {
  const [block] = content as readonly Readonly<Record<string, unknown>>[];
  const isText = block?.type === "text" && typeof block.text === "string" &&
    Object.keys(block).length === 2 && (content as object[]).length === 1 &&
    Object.values(others).every((other) => other === undefined);
  return isText ? block.text : { content, ...others };
}

/** The opposite of `valueOf`. Something else is shown as text. */
function resultOf(value: unknown): Result {
  const { content } = (value ?? {}) as Result;
  if (Array.isArray(content)) return value as Result;
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
  return { content: [{ type: "text", text }] };
}

function reasonOf(outcome: ToolOutcome): string {
  if (outcome.type === "denied") return denialText(outcome.denial);
  return outcome.type === "error" ? errorMessage(outcome.error) : "";
}

/** A call that was denied is a result with a reason, so that the model can do something else. */
function refusal(id: string | number, text: string): Message {
  return { jsonrpc: "2.0", id, result: { content: [{ type: "text", text }], isError: true } };
}

function failure(id: string | number, code: number, message: string): Message {
  return { jsonrpc: "2.0", id, error: { code, message } };
}
