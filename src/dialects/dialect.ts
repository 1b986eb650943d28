import type { Decision } from "../core/mod.ts";

/** An event that an agent reports, in our terms. */
export type ReportedEvent = {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Whether the agent waits for a decision about it. At most one event of a call is decided. */
  readonly isDecided?: boolean;
};

/** One call of a hook by an agent: what happened, or is about to happen. */
export type HookCall = {
  /** The agent's own name of its event, such as `PreToolUse`. */
  readonly hook: string;
  readonly sessionId: string | undefined;
  /** The run that it belongs to, if the agent says so. */
  readonly runId: string | undefined;
  /** In the order in which they happen. Those after one that is denied don't happen. */
  readonly events: readonly ReportedEvent[];
  /** What the agent sent. */
  readonly input: Readonly<Record<string, unknown>>;
};

/** The outcome that a dialect writes: our decision, or that of a failure. */
export type HookOutcome =
  & Pick<Decision, "decision" | "data" | "reason" | "context" | "interrupt" | "gates">
  & {
    /** The ask that led to it. */
    readonly askId?: string | undefined;
  };

/** The hook format of one agent: its input, and the only responses that it understands. */
export type Dialect = {
  /** Its name in paths and options, such as `claude-code`. */
  readonly name: string;
  /** The agent's own name, for people. */
  readonly title: string;
  /** A call, and a response to it. */
  readonly example: { readonly input: Fields; readonly output: Fields };
  /** Reads what the agent sent, or says what is wrong with it. Never throws. */
  readonly decode: (input: unknown) => HookCall | { readonly invalid: string };
  /** Returns whether the agent asks its own user when the response to a hook is an ask. */
  readonly asks: (hook: string) => boolean;
  /** Returns whether a command blocks a hook when it exits with 2, and says why on stderr. */
  readonly exits: (hook: string) => boolean;
  /** Writes a decision about the event of a call that is decided. */
  readonly encode: (
    call: HookCall,
    outcome: HookOutcome,
    options?: EncodeOptions,
  ) => Readonly<Record<string, unknown>>;
  /**
   * Writes a failure. If the agent waits for a decision, this denies: an agent treats anything that it
   * can't read, and any other status, as no opinion.
   *
   * @param input What the agent sent, as far as it could be read
   */
  readonly fail: (input: unknown, reason: string) => Readonly<Record<string, unknown>>;
};

/** How a decision is written. */
export type EncodeOptions = {
  /**
   * Whether an allow also skips the agent's own permission prompt. Otherwise the agent decides whether to
   * prompt: an allow never overrides someone else's ask.
   *
   * @default {false}
   */
  readonly approve?: boolean | undefined;
};

/** Returns whether a gate or a person allowed the event, and that skips the agent's own question. */
export function isApproved(
  { decision, gates, askId }: HookOutcome,
  { approve }: EncodeOptions,
): boolean {
  if (approve !== true || decision !== "allow") return false;
  return askId !== undefined ||
    gates.some(({ verdict, mode }) => verdict === "allow" && mode === "enforce");
}

/** Returns the event of a call that is decided; undefined if the call is only recorded. */
export function decidedEvent({ events }: HookCall): ReportedEvent | undefined {
  return events.find(({ isDecided }) => isDecided);
}

/** Returns the text of a field; undefined if it isn't text, or is empty. */
export function textOf(input: Fields, name: string): string | undefined {
  const value = input[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** JSON that is an object. */
export type Fields = Readonly<Record<string, unknown>>;

/** Returns an object without the fields that are undefined. */
export function present(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** Returns `PreToolUse` or `preToolUse` as `pre_tool_use`; undefined for a name that is no word. */
export function snakeCase(name: string): string | undefined {
  if (!/^[A-Za-z][A-Za-z0-9]{0,63}$/.test(name)) return undefined;
  return name.replace(/(?<=[a-z0-9])[A-Z]|(?<=[A-Z])[A-Z](?=[a-z])/g, "_$&").toLowerCase();
}
