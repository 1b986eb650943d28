import type {
  GateAskedData,
  GateDecidedData,
  GateLateData,
  GateResolvedData,
} from "./gate_payloads.ts";

/**
 * An event of an agent.
 *
 * Events are immutable: `emit` makes a copy, frozen at every level, and every listener receives that copy.
 * To change a payload, copy it: `structuredClone(event.data)`.
 *
 * @typeParam Type Its type, such as `"tool.called"`
 * @typeParam Data Its payload, a JSON value
 */
export interface HookEvent<Type extends string = string, Data = unknown> {
  /** A UUID v7 (RFC 9562), created when the event is emitted. Also the `webhook-id` of its deliveries. */
  readonly id: string;
  /** Dot-separated words of `[a-z0-9_]`, at most 128 characters. */
  readonly type: Type;
  /** When it happened. Every read returns a new `Date`, so changing one changes nothing else. */
  readonly timestamp: Date;
  /** The session that it belongs to; absent without one. */
  readonly sessionId?: string;
  /** The run of the agent that it belongs to; absent without one. */
  readonly runId?: string;
  /** Its trace, a `traceparent` of W3C Trace Context; absent without one. */
  readonly traceparent?: string;
  /**
   * The payload in JSON form, frozen: a `Date` that was emitted is text here, and undefined fields are
   * absent.
   */
  readonly data: Data;
}

/** Payload of `message.received` (a message from the user) and `message.sent` (a message from the agent). */
export type MessageData = {
  /** The role of the author, such as `"user"` or `"assistant"`. */
  readonly role: string;
  /** The text. */
  readonly content: string;
  /** The agent that emits it. */
  readonly agent_id?: string;
  /** The agent that started this one. */
  readonly parent_agent_id?: string;
};

/** Payload of `tool.called` (before a tool runs) and `tool.completed` (after it). */
export type ToolData = {
  /** The tool's name. */
  readonly name: string;
  /** The arguments that the tool is called with. */
  readonly params?: Readonly<Record<string, unknown>>;
  /** The result of the tool, as text; only in `tool.completed`. */
  readonly result?: string;
  /** Why the tool failed; only in `tool.completed`. */
  readonly error?: string;
  /** Which call it is: the same in `tool.called`, and in `tool.completed` or `tool.denied`. */
  readonly call_id?: string;
  /** Which agent calls it. */
  readonly agent_id?: string;
  /** The agent that started this one. */
  readonly parent_agent_id?: string;
  /** How long the tool ran, in milliseconds; only in `tool.completed`. */
  readonly duration_ms?: number;
  /** The decision that let it run; absent without gates. */
  readonly decision_id?: string;
  /** False for a tool that no gate could stop, such as one that a model's provider runs. */
  readonly gated?: boolean;
};

/** Payload of `tool.denied`: a gate denied a call, and the tool doesn't run. */
export type ToolDeniedData = ToolData & {
  /** The reason that the model receives. */
  readonly reason: string;
  /** The gate that denied it. */
  readonly gate?: string;
  /** The decision. */
  readonly decision_id: string;
};

/** Payload of `session.created` and `session.updated` (the session was saved). */
export type SessionData = {
  /** The session. */
  readonly session_id: string;
  /** What happened to it. */
  readonly action: "created" | "updated";
  /** The agent that emits it. */
  readonly agent_id?: string;
  /** The agent that started this one. */
  readonly parent_agent_id?: string;
};

/** Payload of `session.rollover`: an automatic boundary between sessions, not a manual clear. */
export type SessionRolloverData = {
  /** The session that ended. */
  readonly session_id: string;
  /** Why it ended: no message for a while, or the day changed. */
  readonly reason: "idle" | "daily";
  /** The messages of the session, oldest first. */
  readonly transcript: readonly MessageData[];
  /** When it started, RFC 3339. */
  readonly started_at: string;
  /** When it ended, RFC 3339. */
  readonly ended_at: string;
  /** The agent that emits it. */
  readonly agent_id?: string;
  /** The agent that started this one. */
  readonly parent_agent_id?: string;
};

/** Payload of `job.executed`: a scheduled job has run. */
export type JobData = {
  /** The id of the job. */
  readonly job_id: string;
  /** The name of the job. */
  readonly job_name: string;
  /** Whether it succeeded. */
  readonly success: boolean;
  /** The agent that emits it. */
  readonly agent_id?: string;
  /** The agent that started this one. */
  readonly parent_agent_id?: string;
};

/** Payload of `agent.end`, which is emitted once per run, no matter how it ends. */
export type AgentEndData = {
  /** The run, as in `agent.start`. */
  readonly run_id?: string;
  /** The session of the run. */
  readonly session_id?: string;
  /** The agent. */
  readonly agent_id?: string;
  /** The agent that started this one. */
  readonly parent_agent_id?: string;
  /** Whether the run succeeded. */
  readonly success: boolean;
  /** Why it failed; empty or absent after an abort, which outranks an error. */
  readonly error?: string;
  /** Whether the run was aborted. */
  readonly aborted: boolean;
  /** The final response. */
  readonly response?: string;
  /** How long the run took, in milliseconds. */
  readonly duration_ms: number;
  /** The tokens of the whole run. */
  readonly usage?: AgentEvents["model.completed"]["usage"];
  /** What the run cost, in US dollars. */
  readonly cost_usd?: number;
};

/**
 * The events of an agent and their payloads. Payload fields have the names of the wire format, because
 * payloads are sent unchanged. `AgentEvents["model.completed"]` is the type of a payload.
 *
 * Add your own with an intersection; there is nothing to augment:
 *
 * ```ts
 * import { type AgentEvents, createHooks } from "@omniagent/hooks";
 *
 * const hooks = createHooks<AgentEvents & { "order.paid": { total: number } }>();
 * hooks.on("order.paid", (event) => console.log(event.data.total));
 * ```
 */
// A type alias and not an interface: only an alias fits `Record<string, unknown>`.
export type AgentEvents = {
  /** A message from the user. */
  readonly "message.received": MessageData;
  /** A message from the agent. */
  readonly "message.sent": MessageData;
  /** A tool is about to run. */
  readonly "tool.called": ToolData;
  /** A tool has run. */
  readonly "tool.completed": ToolData;
  /** A gate denied a call: the tool doesn't run. */
  readonly "tool.denied": ToolDeniedData;
  /** Gates decided about an event. */
  readonly "gate.decided": GateDecidedData;
  /** A gate returned after the decision. */
  readonly "gate.late": GateLateData;
  /** A gate asks a person. */
  readonly "gate.asked": GateAskedData;
  /** An ask was resolved, or expired. */
  readonly "gate.resolved": GateResolvedData;
  /** A model is about to be called. */
  readonly "model.called": {
    /** The model, by the name that its provider uses. */
    readonly model: string;
    /** The provider of the model, such as `"anthropic"`. */
    readonly provider?: string;
    /** The id of the call: the same in `model.completed`. */
    readonly call_id: string;
    /** Which agent calls it. */
    readonly agent_id?: string;
    /** The agent that started this one. */
    readonly parent_agent_id?: string;
  };
  /** A model has responded, or failed. */
  readonly "model.completed": {
    /** The model, by the name that its provider uses. */
    readonly model: string;
    /** The provider of the model, such as `"anthropic"`. */
    readonly provider?: string;
    /** The id of the call: the same as in `model.called`. */
    readonly call_id: string;
    /** Which agent called it. */
    readonly agent_id?: string;
    /** The agent that started this one. */
    readonly parent_agent_id?: string;
    /** The tokens of the call. */
    readonly usage: {
      /** Input tokens, including cached ones. */
      readonly input_tokens: number;
      /** Output tokens, including reasoning. */
      readonly output_tokens: number;
      /** Input tokens that came from a cache. */
      readonly cache_read_tokens?: number;
      /** Input tokens that were written to a cache. */
      readonly cache_write_tokens?: number;
      /** Output tokens that were spent on reasoning. */
      readonly reasoning_tokens?: number;
    };
    /** What the call cost, in US dollars. */
    readonly cost_usd?: number;
    /** Why the model stopped, such as `"stop"` or `"tool_calls"`. */
    readonly finish_reason?: string;
    /** How long the call took, in milliseconds. */
    readonly duration_ms: number;
    /** How long the first token took, in milliseconds. */
    readonly ttft_ms?: number;
    /** Why the call failed. */
    readonly error?: string;
  };
  /** A session started. */
  readonly "session.created": SessionData;
  /** A session was saved. */
  readonly "session.updated": SessionData;
  /** A session ended automatically. */
  readonly "session.rollover": SessionRolloverData;
  /** A scheduled job has run. */
  readonly "job.executed": JobData;
  /** A run of the agent starts. */
  readonly "agent.start": {
    /** The run: also `runId` of its events. */
    readonly run_id: string;
    /** The agent. */
    readonly agent_id?: string;
    /** The agent that started this one. */
    readonly parent_agent_id?: string;
    /** The agent's name. */
    readonly name?: string;
  };
  /** A run of the agent has ended. */
  readonly "agent.end": AgentEndData;
};

/** The types of a map of events. */
export type EventType<Events extends object = AgentEvents> = Extract<keyof Events, string>;

/**
 * The patterns that match at least one type of a map of events: an exact type, a prefix such as
 * `"tool.*"`, or `"*"`. For `a.b.c`, the prefixes are `a.*` and `a.b.*`.
 *
 * @typeParam Type The types of the events; leave it out
 */
export type EventPattern<
  Events extends object = AgentEvents,
  Type extends string = EventType<Events>,
> =
  | "*"
  // Adds `Word.` to each pattern of the rest. Before `"*"`, that makes a prefix.
  | (Type extends `${infer Word}.${infer Rest}` ? `${Word}.${EventPattern<Events, Rest>}` : Type);

/**
 * The union of the events that a pattern, or a union of patterns, matches. A prefix matches at any depth:
 * `a.*` matches `a.b` and `a.b.c`, not `a`.
 */
export type EventOf<Events extends object = AgentEvents, Pattern extends string = "*"> =
  (string extends EventType<Events> ? EventType<Events>
    : Pattern extends "*" ? EventType<Events>
    : Pattern extends `${infer Prefix}.*` ? Extract<EventType<Events>, `${Prefix}.${string}`>
    : Extract<EventType<Events>, Pattern>) extends infer Type
    ? Type extends EventType<Events> ? HookEvent<Type, Events[Type]> : never
    : never;
