import type { StandardSchemaV1 } from "../internal/standard_schema.ts";

/**
 * One event that happened in an agent.
 *
 * An event is a value: `emit` takes a copy of what it is given, frozen at every level, and every listener
 * gets that copy. To change it, take a copy: `structuredClone(event.data)`.
 *
 * @typeParam Type Its type, such as `"tool.called"`
 * @typeParam Data Its payload, a JSON value
 */
export interface HookEvent<Type extends string = string, Data = unknown> {
  /** UUID v7 (RFC 9562), made when the event is emitted; also the `webhook-id` of its deliveries. */
  readonly id: string;
  /** Dot-separated words of `[a-z0-9_]`, 128 characters at most. */
  readonly type: Type;
  /** When it happened. Every read returns a new `Date`, so changing one changes nothing else. */
  readonly timestamp: Date;
  /** The session that it belongs to; absent when there is none. */
  readonly sessionId?: string;
  /**
   * The payload in its JSON form, frozen: a `Date` in what was emitted is text here, and fields that were
   * undefined are absent.
   */
  readonly data: Data;
}

/** Payload of `message.received` (a user's message came in) and `message.sent` (an answer went out). */
export type MessageData = {
  /** Who speaks, such as `"user"` or `"assistant"`. */
  readonly role: string;
  /** The text. */
  readonly content: string;
};

/** Payload of `tool.called` (before a tool runs) and `tool.completed` (after it). */
export type ToolData = {
  /** The tool's name. */
  readonly name: string;
  /** The arguments that the tool is called with. */
  readonly params?: Readonly<Record<string, unknown>>;
  /** What the tool answered, as text; only in `tool.completed`. */
  readonly result?: string;
  /** Why the tool failed; only in `tool.completed`. */
  readonly error?: string;
};

/** Payload of `session.created` and `session.updated` (the session was saved). */
export type SessionData = {
  /** The session. */
  readonly session_id: string;
  /** What happened to it. */
  readonly action: "created" | "updated";
};

/** Payload of `session.rollover`: an automatic boundary between sessions, not a manual clear. */
export type SessionRolloverData = {
  /** The session that ended. */
  readonly session_id: string;
  /** Why it ended: nobody spoke for a while, or the day changed. */
  readonly reason: "idle" | "daily";
  /** What was said in it, oldest first. */
  readonly transcript: readonly MessageData[];
  /** When it began, RFC 3339. */
  readonly started_at: string;
  /** When it ended, RFC 3339. */
  readonly ended_at: string;
};

/** Payload of `job.executed`: a scheduled job has run. */
export type JobData = {
  /** The job. */
  readonly job_id: string;
  /** Its name for people. */
  readonly job_name: string;
  /** Whether it succeeded. */
  readonly success: boolean;
};

/** Payload of `agent.end`, which fires once per run, whatever its end. */
export type AgentEndData = {
  /** The session of the run. */
  readonly session_id?: string;
  /** Whether the run succeeded. */
  readonly success: boolean;
  /** Why it failed; empty or absent after an abort, which outranks an error. */
  readonly error?: string;
  /** Whether the run was aborted. */
  readonly aborted: boolean;
  /** The final answer. */
  readonly response?: string;
  /** How long the run took, in milliseconds. */
  readonly duration_ms: number;
};

/**
 * The nine events of an agent and their payloads. Payload fields keep their wire names, because
 * payloads travel as they are.
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
  /** A user's message came in. */
  readonly "message.received": MessageData;
  /** The agent's answer went out. */
  readonly "message.sent": MessageData;
  /** A tool is about to run. */
  readonly "tool.called": ToolData;
  /** A tool has run. */
  readonly "tool.completed": ToolData;
  /** A session began. */
  readonly "session.created": SessionData;
  /** A session was saved. */
  readonly "session.updated": SessionData;
  /** A session ended by itself. */
  readonly "session.rollover": SessionRolloverData;
  /** A scheduled job has run. */
  readonly "job.executed": JobData;
  /** A run of the agent has ended. */
  readonly "agent.end": AgentEndData;
};

/** The types of a map of events. */
export type EventType<Events extends object = AgentEvents> = Extract<keyof Events, string>;

/**
 * A validator per event type. It judges: what it returns in the place of the value is not used, so
 * that every hook sees the payload as it was emitted.
 */
export type EventSchemas<Events extends object = AgentEvents> = {
  readonly [Type in EventType<Events>]?: StandardSchemaV1<unknown, Events[Type]> | undefined;
};
