/**
 * Connects the tools of [MCP](https://modelcontextprotocol.io) to hooks, on either side: wrap the transport of a
 * client or a server of `@modelcontextprotocol/sdk` 1.x, and gates judge every `tools/call` and its result.
 *
 * ```ts ignore
 * import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
 * import { createHooks } from "@omniagent/hooks";
 * import { mcpHooks } from "@omniagent/hooks/mcp";
 *
 * const hooks = createHooks();
 * await server.connect(mcpHooks(hooks, new StdioServerTransport()));
 * ```
 *
 * @module
 */
import { checkFunctions, checkObject } from "../../internal/validate.ts";
import { type AgentHooks, type AgentOptions, checkAgentOptions } from "../options.ts";
import { ToolCalls } from "./tool_calls.ts";

export type { AgentHooks } from "../options.ts";

/** Options of `mcpHooks`. */
export type McpOptions = Pick<AgentOptions, "sessionId" | "agentId">;

/** A transport of MCP, for `connect` of a client or a server. */
export interface McpTransport {
  /** Sends a message. */
  // deno-lint-ignore no-explicit-any -- the SDK's types of messages are those of its schemas
  send(message: any, options?: any): Promise<void>;
  /** Starts to receive messages. */
  start(): Promise<void>;
  /** Closes the connection. */
  close(): Promise<void>;
  /** The session of the connection, over HTTP. */
  readonly sessionId?: string | undefined;
}

/**
 * Returns a transport whose tool calls emit events and are judged by gates. Pass it to `connect` of a client
 * or a server. Everything else, such as `handleRequest` of an HTTP transport, works on the original as
 * before.
 *
 * @throws {TypeError} when an argument is invalid
 */
export function mcpHooks<Transport extends McpTransport>(
  hooks: AgentHooks,
  transport: Transport,
  options: McpOptions = {},
): Transport {
  const subject = "Cannot connect MCP";
  checkAgentOptions(subject, hooks, options);
  checkObject(subject, "the transport", transport);
  checkFunctions(`${subject} with this transport`, transport, ["send", "start", "close"]);
  const calls = new ToolCalls(hooks, {
    send: (message, sendOptions) => transport.send(message, sendOptions),
    agentId: options.agentId,
    sessionId: () => options.sessionId ?? transport.sessionId,
  });
  const wrapped: Readonly<Record<PropertyKey, unknown>> = {
    send: (message: unknown, sendOptions: unknown) => calls.outgoing(message, sendOptions),
  };
  const listeners: Readonly<Record<PropertyKey, (listener: never) => unknown>> = {
    onmessage: (listener) => calls.incoming(listener),
    onclose: (listener: (() => void) | undefined) => () => {
      calls.close();
      listener?.();
    },
  };
  /** The original listeners, by ours: the SDK chains the ones that it finds. */
  const originals = new WeakMap<object, unknown>();
  /** Returns the value that a property gets: of a listener, ours. */
  const valueOf = (name: PropertyKey, value: unknown): unknown => {
    if (!Object.hasOwn(listeners, name) || typeof value !== "function") return value;
    const listener = listeners[name]!(value as never) as object;
    originals.set(listener, value);
    return listener;
  };
  return new Proxy(transport, {
    get: (target, name) => {
      if (Object.hasOwn(wrapped, name)) return wrapped[name];
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return Object.hasOwn(listeners, name) ? originals.get(value) ?? value : value.bind(target);
    },
    set: (target, name, value) => Reflect.set(target, name, valueOf(name, value), target),
    defineProperty: (target, name, property) => {
      if (!Object.hasOwn(listeners, name)) return Reflect.defineProperty(target, name, property);
      const { value, get } = property;
      return get === undefined &&
        Reflect.defineProperty(target, name, { ...property, value: valueOf(name, value) });
    },
  });
}
