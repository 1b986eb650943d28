import {
  type Fields,
  type HookCall,
  isFields,
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
  /** Its events; `reported` are those below. */
  readonly events: (input: Fields, report: Reporter) => readonly ReportedEvent[];
};

/** The fields that all hooks of an agent have, under the names of Claude Code. */
const COMMON = ["session_id", "hook_event_name", "agent_id"] as const;

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
  if (!isFields(input)) return { invalid: "the input is not a JSON object" };
  const hook = textOf(input, "hook_event_name");
  const word = hook === undefined ? undefined : snakeCase(hook);
  if (hook === undefined || word === undefined) {
    return { invalid: "'hook_event_name' is missing, or not the name of an event" };
  }
  const rule = Object.hasOwn(rules, hook) ? rules[hook]! : OTHER;
  for (const [name, form] of Object.entries(rule.required ?? {})) {
    const isValid = form === "text" ? textOf(input, name) !== undefined : isFields(input[name]);
    if (!isValid) return { invalid: `'${name}' of ${hook} is not ${FORMS[form]}` };
  }
  const report = new Reporter(agent, word, input);
  return {
    hook,
    sessionId: textOf(input, "session_id"),
    runId: textOf(input, "prompt_id") ?? textOf(input, "turn_id"),
    events: rule.events(input, report),
    input,
  };
}

const FORMS = { text: "a text", object: "an object" } as const;

/** A hook that is only recorded. */
const OTHER: HookRule = { events: (_input, report) => [report.own()] };

/** Makes the events of one hook. */
export class Reporter {
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
    const input = this.#input;
    const tool = ["tool_name", "tool_use_id", "tool_input"];
    return this.event(type, {
      name: input.tool_name,
      call_id: textOf(input, "tool_use_id"),
      agent_id: textOf(input, "agent_id"),
      params: isFields(input.tool_input) ? input.tool_input : undefined,
      ...more,
    }, [...tool, ...used]);
  }

  /** Returns the event about what a tool returned. */
  result(field: string): ReportedEvent {
    const { duration_ms } = this.#input;
    const more = {
      result: textOfResult(this.#input[field]),
      duration_ms: typeof duration_ms === "number" ? duration_ms : undefined,
    };
    return this.tool("tool.completed", more, [field, "duration_ms"]);
  }

  /** Returns an event of the agent's own type, with all that the agent sent. */
  own(): ReportedEvent {
    const { session_id: _, hook_event_name: __, ...data } = this.#input;
    return {
      type: `${snakeCase(this.#agent) ?? this.#agent.replaceAll("-", "_")}.${this.#word}`,
      data,
    };
  }

  /**
   * Returns an event of one of our types. What the agent sent besides its fields, such as `cwd`, is in
   * `client`.
   *
   * @param used The fields of the input that `data` is made of
   */
  event(type: string, data: Fields, used: readonly string[]): ReportedEvent {
    const known = new Set<string>([...COMMON, ...used]);
    const others = Object.entries(this.#input).filter(([name]) => !known.has(name));
    const client = { name: this.#agent, ...Object.fromEntries(others) };
    return { type, data: { ...present(data), client } };
  }
}

/** Marks the event of a hook that the agent waits for. */
export function decided(event: ReportedEvent): ReportedEvent {
  return { ...event, isDecided: true };
}
