/**
 * What an SDK has to do so that the scenarios can run on it.
 * @module
 */
import type { Hooks } from "@omniagent/hooks";

/** Tokens of every response of a scripted model. */
export const USAGE = { input: 3, output: 5 } as const;

/** A tool call of a scripted model. */
type ScriptedCall = { readonly id: string; readonly name: string; readonly params: object };

/** A tool call that the provider of the model has made itself, and what came of it. */
export type HostedCall = ScriptedCall & { readonly result: string };

/** One response of a scripted model: tool calls, text, or a failure. */
export type Turn =
  | { readonly calls: readonly ScriptedCall[] }
  | { readonly text: string; readonly hosted?: HostedCall }
  /** `after`: what a stream said before. */
  | { readonly error: string; readonly after?: string };

/** A tool: all of them take `{ amount: number }`. */
export type Tool = (
  params: { readonly amount: number },
  context: { readonly signal?: AbortSignal | undefined },
) => unknown;

/** What an agent is run with. */
export type Script = {
  readonly hooks: Hooks;
  readonly sessionId: string;
  readonly prompt: string;
  readonly tools: Readonly<Record<string, Tool>>;
  /** What the model responds, one after the other. */
  readonly turns: readonly Turn[];
  /** Whether the run is read as a stream. */
  readonly stream?: boolean;
  readonly signal?: AbortSignal;
  /** Whether the SDK itself asks before each tool call, so that the run pauses and is resumed. */
  readonly pause?: boolean;
  /** Another agent, whose id is its name, behind a tool of that name or a handoff. */
  readonly subagent?: {
    readonly name: string;
    readonly tools: Readonly<Record<string, Tool>>;
    readonly turns: readonly Turn[];
  };
};

/** How a run ended. */
export type Ending = {
  /** The final text. */
  readonly text?: string | undefined;
  /** The message of what the run failed with. */
  readonly error?: string | undefined;
  /** What the model was told in the end of each call, by the id of the call. */
  readonly told: Readonly<Record<string, string>>;
};

/** An SDK, with a model that follows a script. */
export type Driver = {
  /** The name of its page in docs/agents/, such as `ai-sdk`. */
  readonly name: string;
  /** Runs an agent; with `pause`, approves what it waits for and resumes it. */
  run(script: Script): Promise<Ending>;
  /** Whether the SDK reports what the provider's own tools did. */
  readonly hasHosted?: boolean;
  /** Whether results of tools are texts, as those of MCP are. */
  readonly hasTexts?: boolean;
  /** Whether the SDK leaves timers behind, such as after an abort. */
  readonly leaks?: boolean;
  /**
   * What differs from the log that all others have, by scenario. `why` is a line of the page's table of
   * differences.
   */
  readonly differences?: Readonly<
    Record<string, { readonly why: string; readonly log?: readonly string[] }>
  >;
};

/** Imports a package of tests/adapters: Deno has none of them when it checks types. */
// deno-lint-ignore no-explicit-any -- real packages, whose types only the examples are checked with
export function load(name: string): Promise<any> {
  return import(name);
}
