import { errorMessage } from "../../internal/issues.ts";
import type { AgentHooks } from "../options.ts";
import { type AllowedCall, denialText, openCall, type ToolOutcome } from "../tool_call.ts";
import { judgedParams, type Params, passedParams, type Pending, Requests } from "./requests.ts";

/** The part of a connection that its calls use. */
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
  readonly params?: Params;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string };
};
type Request = Message & { readonly id: string | number };

/** Receives messages: `onmessage` of a transport. */
type Listener = (message: Message, extra?: unknown) => void;

/** Where a request came from. Both sides count their requests from zero. */
type Direction = "incoming" | "outgoing";

/** Sends messages to both ends of a call. */
type Ends = {
  /** Passes the request on. */
  forward(request: Message): void | Promise<void>;
  /** Responds to it. */
  reply(response: Message): void | Promise<void>;
};

/** "Invalid Request", "Invalid params", and "Internal error" of JSON-RPC 2.0. */
const INVALID_REQUEST = -32600;
const INVALID_PARAMS = -32602;
const INTERNAL_ERROR = -32603;

/** Why tasks are neither created nor fetched: the result may be that of any call. */
const NO_TASKS = "gates judge results, but can't judge the result of a task";

/** Judges the tool calls of a connection, in both directions, and their results. */
export class ToolCalls {
  readonly #hooks: AgentHooks;
  readonly #connection: Connection;
  readonly #pending = { incoming: new Requests(), outgoing: new Requests() };
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
      const copy = this.#copy(message);
      if (copy === undefined) return; // it has no JSON form: no message
      const done = this.#pass("incoming", copy, { forward, reply });
      // If a message can't be sent, the transport reports the error to `onerror`.
      done?.catch(() => {});
    };
  }

  /** Sends a message. */
  async outgoing(message: unknown, options: unknown): Promise<void> {
    const forward = (message: Message): Promise<void> => this.#connection.send(message, options);
    const reply = (response: Message): void => this.#listener(response);
    const copy = this.#copy(message as Message);
    if (copy === undefined) throw new TypeError("Cannot send the message: it has no JSON form");
    await this.#pass("outgoing", copy, { forward, reply });
  }

  /** Ends the calls whose results can no longer arrive. */
  close(): void {
    const error = new Error("The connection was closed before the tool returned");
    for (const requests of Object.values(this.#pending)) requests.end(error);
  }

  /**
   * Copies a message if there are gates, so that nobody can change it while they decide. Returns undefined if it
   * has no JSON form.
   */
  #copy(message: Message): Message | undefined {
    if (!this.#judgesCalls && !this.#judgesResults) return message;
    try {
      return JSON.parse(JSON.stringify(message));
    } catch {
      return undefined;
    }
  }

  /** Passes on a message, perhaps changed. Anything but JSON-RPC is dropped: it may hide a message. */
  #pass(direction: Direction, message: Message, ends: Ends): Promise<void> | void {
    const { forward, reply } = ends;
    const { method, id, result, error } = message ?? {};
    if (result !== undefined || error !== undefined) {
      return this.#receive(direction === "incoming" ? "outgoing" : "incoming", message, forward);
    }
    if (method === "tools/call") {
      return isId(id) ? this.#call(direction, message as Request, ends) : undefined;
    }
    if (typeof method !== "string") return undefined;
    if (id === undefined) return forward(this.#notified(direction, message));
    if (method === "tasks/result" && this.#judgesResults) {
      return reply(failure(id, INVALID_PARAMS, `Cannot return the result: ${NO_TASKS}`));
    }
    // Its response must not be mistaken for that of a call, or the other way around.
    const problem = this.#pending[direction].add({ id });
    return problem ? reply(failure(id, INVALID_REQUEST, problem)) : forward(message);
  }

  /** Handles a notification. With gates of results, progress has no text, which may be part of a result. */
  #notified(direction: Direction, message: Message): Message {
    const { method, params = {} } = message;
    if (method === "notifications/cancelled") this.#pending[direction].cancel(params.requestId);
    if (method !== "notifications/progress" || !this.#judgesResults) return message;
    const { progressToken } = params;
    const counts = Object.entries({ progress: params.progress, total: params.total })
      .filter(([, count]) => typeof count === "number");
    return { jsonrpc: "2.0", method, params: { progressToken, ...Object.fromEntries(counts) } };
  }

  async #call(direction: Direction, request: Request, { forward, reply }: Ends): Promise<void> {
    const { id } = request;
    const params = request.params ?? {};
    const { name } = params;
    const requests = this.#pending[direction];
    const controller = new AbortController();
    const { signal } = controller;
    const pending: Pending = { id, controller };
    const problem = requests.add(pending);
    if (problem) return await reply(failure(id, INVALID_REQUEST, problem));
    /** Responds to the call without its tool, unless it was canceled: then nobody waits. */
    const respond = async (response: Message): Promise<void> => {
      requests.remove(pending);
      if (!signal.aborted) await reply(response);
    };
    try {
      if (typeof name !== "string") throw new TypeError("Cannot judge a call without a name");
      const call = { name, params: judgedParams(params), signal };
      const { agentId } = this.#connection;
      const caller = { agentId, sessionId: this.#connection.sessionId() };
      const opened = await openCall(this.#hooks, call, caller);
      if (opened.type === "denied") {
        return await respond(deniedResponse(id, denialText(opened.denial)));
      }
      pending.call = opened;
      if (signal.aborted) throw signal.reason;
      if (params.task !== undefined && this.#judgesResults) {
        const error = `Cannot run the call as a task: ${NO_TASKS}`;
        await opened.fail(new Error(error));
        return await respond(failure(id, INVALID_PARAMS, error));
      }
      const judged = { ...request, params: passedParams(opened.params, params) };
      await opened.within(() => forward(judged));
    } catch (error) {
      if (pending.call === undefined && error instanceof TypeError) {
        return await respond(failure(id, INVALID_PARAMS, error.message));
      }
      // Canceled before the decision, so nobody waits for a response, or the call can't be sent.
      requests.remove(pending);
      await pending.call?.fail(error);
      if (!signal.aborted) throw error;
    }
  }

  /** Passes on the first response to a request; the response to a call, as the gates allow it. */
  #receive(
    direction: Direction,
    response: Message,
    forward: Ends["forward"],
  ): Promise<void> | void {
    const requests = this.#pending[direction];
    // An error that belongs to no request.
    if (response.id === undefined && response.result === undefined) return forward(response);
    const pending = requests.get(response.id);
    if (pending === undefined || pending.hasResponse) return undefined;
    if (pending.controller === undefined) {
      requests.remove(pending);
      return forward(response);
    }
    // Before the decision, the tool can't have run: such a response is dropped.
    return pending.call && this.#respond(requests, pending, response, forward);
  }

  async #respond(
    requests: Requests,
    pending: Pending,
    response: Message,
    forward: Ends["forward"],
  ): Promise<void> {
    pending.hasResponse = true;
    const { id } = pending;
    const shown = await judged(pending.call!, { ...response, id }, this.#judgesResults);
    requests.remove(pending);
    // Nothing may be sent to a canceled call.
    if (!pending.controller!.signal.aborted) await forward(shown);
  }

  get #judgesCalls(): boolean {
    return this.#hooks.registry.gates.guards("tool.called");
  }

  get #judgesResults(): boolean {
    return this.#hooks.registry.gates.guards("tool.completed");
  }
}

function isId(id: unknown): id is string | number {
  return typeof id === "string" || typeof id === "number";
}

/**
 * Returns a response as the gates allow it. Unless they change it, it is the response itself; with gates,
 * without the parts that they didn't see.
 */
async function judged(
  call: AllowedCall,
  response: Message,
  isGuarded: boolean,
): Promise<Message> {
  const { id, error } = response;
  const result = response.result ?? {};
  if (error !== undefined && error !== null) {
    const thrown = new Error(error.message);
    const outcome = await call.fail(thrown);
    const isSame = outcome.type === "error" && outcome.error === thrown;
    if (isSame && !isGuarded) return response;
    const code = Number.isInteger(error.code) ? error.code : INTERNAL_ERROR;
    return failure(id!, code, isSame ? thrown.message : reasonOf(outcome));
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
      : deniedResponse(id!, reasonOf(outcome));
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

/** Returns a result as gates see it: its text, if it has nothing else, or else all of it. */
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

/** Returns the response to a denied call: a result with the reason, so that the model can do something else. */
function deniedResponse(id: string | number, text: string): Message {
  return { jsonrpc: "2.0", id, result: { content: [{ type: "text", text }], isError: true } };
}

function failure(id: string | number, code: number, message: string): Message {
  return { jsonrpc: "2.0", id, error: { code, message } };
}
