import { frames, handOver } from "./frame.ts";
import { connectModel } from "./models.ts";
import type { InvokeDetails, SdkAgent, SdkTool } from "./sdk.ts";
import { endCall, judgeNextCall } from "./tools.ts";

/** The connected prototypes of agents. */
const connected = new WeakSet<object>();

/**
 * Connects an agent, and with it every agent of the SDK that takes part in a connected run: agents as tools,
 * copies that the SDK prepares for a sandbox, and agents of a stored state appear only when they run, as do
 * the tools that a search loads. They share a class, which announces each tool before it runs.
 *
 * @throws {TypeError} when it is not an agent of the SDK
 */
export function connectAgent(agent: SdkAgent): void {
  const base = baseOf(agent);
  if (!connected.has(base)) {
    const { emit, getAllTools } = base;
    if (typeof emit !== "function" || typeof getAllTools !== "function") {
      throw new TypeError(
        "Cannot run an agent that is not an Agent of @openai/agents 0.20 or newer",
      );
    }
    override(base, "getAllTools", function (...args) {
      if (frames().getStore() !== undefined) observe(this);
      return getAllTools.apply(this, args);
    });
    override(base, "emit", function (type, ...args) {
      if (frames().getStore() === undefined) return emit.call(this, type, ...args);
      announce(this, type, args);
      try {
        return emit.call(this, type, ...args);
      } catch (error) {
        if (type === "agent_tool_start") endToolCall(args[1], args[2]);
        throw error;
      }
    });
    connected.add(base);
  }
  observe(agent);
}

/** Handles an announcement of an agent, which the SDK emits right before the action. */
function announce(agent: SdkAgent, type: string, [, subject, ...rest]: readonly unknown[]): void {
  if (type === "agent_tool_end") endToolCall(subject, rest.at(-1));
  if (type === "agent_handoff") {
    connectAgent(subject as SdkAgent);
    takeTurn(subject as SdkAgent);
  }
  if (type !== "agent_tool_start") return;
  takeTurn(agent);
  judgeNextCall(subject as SdkTool, callIdIn(rest[0]));
}

function endToolCall(tool: unknown, details: unknown): void {
  endCall(tool as SdkTool, callIdIn(details));
}

function callIdIn(details: unknown): string | undefined {
  return ((details ?? {}) as InvokeDetails).toolCall?.callId;
}

/** Makes an agent the one whose turn it is: it took over, or a runner of a second copy of the SDK runs it. */
function takeTurn(agent: SdkAgent): void {
  const frame = frames().getStore();
  if (frame !== undefined && frame.name !== agent.name) handOver(frame, agent);
}

/** Lets the model of an agent emit events. */
function observe(agent: SdkAgent): void {
  const model = connectModel(agent.model);
  if (model !== agent.model) agent.model = model;
}

/** Returns the base of all classes of agents: the last prototype that has tools. */
function baseOf(agent: SdkAgent): SdkAgent {
  for (let base = agent;;) {
    const next = Object.getPrototypeOf(base) as SdkAgent | null;
    if (typeof next?.getAllTools !== "function") return base;
    base = next;
  }
}

function override<Name extends "emit" | "getAllTools">(
  base: SdkAgent,
  name: Name,
  value: (this: SdkAgent, ...args: Parameters<SdkAgent[Name]>) => ReturnType<SdkAgent[Name]>,
): void {
  Object.defineProperty(base, name, { value, writable: true, configurable: true });
}
