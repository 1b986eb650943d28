import { isObject } from "../internal/validate.ts";
import {
  type Fields,
  type HookCall,
  present,
  type ReportedEvent,
  snakeCase,
  textOf,
} from "./dialect.ts";
import { textOfResult } from "./result_shape.ts";

/** How one hook of an agent is read. */
export type HookRule = {
  /** Fields without which it can't be judged. */
  readonly required?: Readonly<Record<string, "text" | "object">>;
  /** Its events, made by `report`. */
  readonly events: (input: Fields, report: EventBuilder) => readonly ReportedEvent[];
};

/**
 * The fields that all hooks of an agent have, under the names of Claude Code. They don't include a time, with
 * which a repeated call would be another one.
 */
const COMMON = ["session_id", "hook_event_name", "agent_id", "timestamp"] as const;

/**
 * Reads a hook whose event is in `hook_event_name`. One without a rule is recorded under a type of its
 * own, such as `claude_code.notification`, so that events that an agent adds later are not lost.
 *
 * @param agent The agent in `client.name` and, in snake case, in the types of its own events
 */
export function decodeHook(
  agent: string,
  rules: Readonly<Record<string, HookRule>>,
  input: unknown,
): HookCall | { readonly invalid: string } {
  if (!isObject(input)) return { invalid: "the input is not a JSON object" };
  const hook = textOf(input, "hook_event_name");
  const word = hook === undefined ? undefined : snakeCase(hook);
  if (hook === undefined || word === undefined) {
    return { invalid: "'hook_event_name' is missing, or not the name of an event" };
  }
  const rule = Object.hasOwn(rules, hook) ? rules[hook]! : OTHER;
  if (rule === OTHER && isBeforeCall(hook, input)) {
    return { invalid: `'${hook}' is about a tool call, and is not a hook of ${agent}` };
  }
  for (const [name, form] of Object.entries(rule.required ?? {})) {
    const isValid = form === "text" ? textOf(input, name) !== undefined : isObject(input[name]);
    if (!isValid) return { invalid: `'${name}' of ${hook} is not ${FORMS[form]}` };
  }
  const report = new EventBuilder(agent, word, input);
  return {
    hook,
    sessionId: textOf(input, "session_id"),
    runId: textOf(input, "prompt_id") ?? textOf(input, "turn_id"),
    events: rule.events(input, report),
    input,
  };
}

/**
 * Returns whether a hook that isn't known is about a tool call that has not ended. Another agent than the one
 * named may have sent it, or a later version: without a decision, its tool would run.
 */
function isBeforeCall(hook: string, input: Fields): boolean {
  return /^(?:pre|before|permission)/i.test(hook) && ("tool_name" in input || "command" in input);
}

const FORMS = { text: "a text", object: "an object" } as const;

/** A hook that is only recorded. */
const OTHER: HookRule = { events: (_input, report) => [report.own()] };

/** The fields of a hook about a tool, and what they must be. */
export const TOOL = { tool_name: "text", tool_input: "object" } as const;

/** Makes the events of one hook. */
export class EventBuilder {
  readonly #agent: string;
  readonly #word: string;
  readonly #input: Fields;

  constructor(agent: string, word: string, input: Fields) {
    this.#agent = agent;
    this.#word = word;
    this.#input = input;
  }

  /** Returns the event about a tool: before it runs, after it, or when it was denied. */
  tool(type: string, more: Fields = {}, used: readonly string[] = []): ReportedEvent {
    const { tool_name, tool_use_id, tool_input } = this.#input;
    return this.event(type, {
      name: tool_name,
      call_id: tool_use_id || undefined,
      agent_id: this.#input.agent_id,
      params: isObject(tool_input) ? tool_input : undefined,
      ...more,
    }, ["tool_name", "tool_use_id", "tool_input", ...used]);
  }

  /**
   * Returns the event about a permission that the agent wants. Not `tool.called`: the call was reported, and
   * its id is not repeated.
   */
  permission(): ReportedEvent {
    return this.tool(`${prefixOf(this.#agent)}.permission_request`);
  }

  /** Returns the event about the result of a tool, which is in a field of the input. */
  result(field: string, result: unknown = this.#input[field]): ReportedEvent {
    const { duration_ms } = this.#input;
    const more = { result: textOfResult(result), duration_ms };
    return this.tool("tool.completed", more, [field, "duration_ms"]);
  }

  /** Returns the event about a tool that failed. */
  failure(): ReportedEvent {
    const { duration_ms } = this.#input;
    const more = { error: textOf(this.#input, "error") ?? "failed", duration_ms };
    return this.tool("tool.completed", more, ["error", "duration_ms"]);
  }

  /** Returns the events of a prompt, which begins a run unless it is denied. */
  prompt(): readonly ReportedEvent[] {
    const message = { role: "user", content: this.#input.prompt };
    return [
      this.event("message.received", message, ["prompt"]),
      this.event("agent.start", { run_id: runOf(this.#input) }, ["prompt"]),
    ];
  }

  /** Returns the start of a subagent. */
  subagent(): ReportedEvent {
    const { agent_id, agent_type } = this.#input;
    const data = { run_id: runOf(this.#input), agent_id, name: agent_type };
    return this.event("agent.start", data, ["agent_type"]);
  }

  /**
   * Returns the end of a run, after its last message if the input has it. It has no duration, which only
   * those who saw the start know.
   */
  end(field: string, failed?: Fields): readonly ReportedEvent[] {
    const response = textOf(this.#input, field);
    const { session_id, agent_id } = this.#input;
    const isMain = agent_id === undefined && failed === undefined;
    const message = { role: "assistant", content: response };
    const outcome = failed ?? { success: true, aborted: false };
    const run = { session_id, run_id: runOf(this.#input), agent_id };
    const used = [field, ...Object.keys(outcome)];
    return [
      ...(isMain && response !== undefined ? [this.event("message.sent", message, used)] : []),
      this.event("agent.end", { ...run, ...outcome, response }, used),
    ];
  }

  /** Returns the start of a session, unless it continues. */
  session(): ReportedEvent {
    const { source, session_id } = this.#input;
    const goesOn = source === "resume" || source === "compact" || session_id === undefined;
    return goesOn
      ? this.own()
      : this.event("session.created", { session_id, action: "created" }, []);
  }

  /** Returns an event of the agent's own type, with everything that the agent sent. */
  own(): ReportedEvent {
    const { session_id: _, hook_event_name: __, ...data } = this.#input;
    return { type: `${prefixOf(this.#agent)}.${this.#word}`, data };
  }

  /**
   * Returns an event of one of our types. Other fields that the agent sent, such as `cwd`, are in `client`.
   *
   * @param used The fields of the input that `data` contains
   */
  event(type: string, data: Fields, used: readonly string[]): ReportedEvent {
    const known = new Set<string>([...COMMON, ...used]);
    const others = Object.entries(this.#input).filter(([name]) => !known.has(name));
    const client = { ...Object.fromEntries(others), name: this.#agent }; // last: input can't override it
    return { type, data: { ...present(data), client } };
  }
}

/** Returns the first word of the types of an agent's own events. */
function prefixOf(agent: string): string {
  return agent.replaceAll("-", "_");
}

/** Returns the run of an input; for an agent without runs, that is the session. */
function runOf(input: Fields): string | undefined {
  return textOf(input, "prompt_id") ?? textOf(input, "turn_id") ?? textOf(input, "session_id");
}

/** Marks an event whose decision the agent waits for. */
export function decided(event: ReportedEvent): ReportedEvent {
  return { ...event, isDecided: true };
}

/** Marks the first event of a prompt: once it is denied, no run begins. */
export function decidedFirst(events: readonly ReportedEvent[]): readonly ReportedEvent[] {
  return events.map((event, index) => index === 0 ? decided(event) : event);
}

/**
 * Marks the end of a run. Denying it makes the agent continue. It is decided once, so that this ends: an
 * agent says in `stop_hook_active` that it has already continued.
 */
export function decidedEnd(
  input: Fields,
  events: readonly ReportedEvent[],
): readonly ReportedEvent[] {
  if (input.stop_hook_active === true) return events;
  return events.map((event) => event.type === "agent.end" ? decided(event) : event);
}
