/**
 * Connects the [AI SDK](https://ai-sdk.dev) (`ai` 7) to hooks: `generateText`, `streamText` and agents emit their
 * events, and gates judge their tool calls.
 *
 * ```ts ignore
 * import { generateText } from "ai";
 * import { createHooks } from "@omniagent/hooks";
 * import { aiSdkHooks } from "@omniagent/hooks/ai-sdk";
 *
 * const hooks = createHooks();
 * const agent = aiSdkHooks(hooks, { sessionId: "s-1" });
 * await generateText({ ...agent.options({ tools }), model, prompt: "Pay the invoice" });
 * ```
 *
 * @module
 */
import { checkObject, inspect } from "../../internal/validate.ts";
import { type AgentHooks, type AgentOptions, checkAgentOptions } from "../options.ts";
import { Telemetry } from "./telemetry.ts";
import { hookedTool } from "./tool.ts";
import type { AiSdkTool } from "./sdk.ts";

export type { AgentHooks, AgentOptions, ModelCost, Usage } from "../options.ts";
export type { AiSdkTool } from "./sdk.ts";

/** The options that `options` extends. */
export interface AiSdkOptions {
  /**
   * Returns other options for a call of `ToolLoopAgent`. Gates judge its tools, too. The parameter is `any`,
   * because its type depends on the version of the AI SDK: annotate it if you like.
   */
  // deno-lint-ignore no-explicit-any -- from version to version, and the result may be a promise
  readonly prepareCall?: ((options: any) => any) | undefined;
  /** The tools of the call. */
  readonly tools?: Readonly<Record<string, AiSdkTool>> | undefined;
  /** Your own telemetry, which keeps working. */
  readonly telemetry?: AiSdkTelemetry | undefined;
  /**
   * The same, by its name in AI SDK 5 and 6. With `isEnabled: false`, other integrations get nothing, and events have
   * no messages.
   */
  readonly experimental_telemetry?: AiSdkTelemetry | undefined;
}

/** Your own telemetry. */
export interface AiSdkTelemetry {
  /** The receivers of telemetry. */
  readonly integrations?: unknown;
  /** Whether telemetry is on. It must be: events come from it. */
  readonly isEnabled?: boolean | undefined;
  /** Whether the other integrations get inputs. Gates judge them in either case. */
  readonly recordInputs?: boolean | undefined;
  /** Whether the other integrations get outputs. */
  readonly recordOutputs?: boolean | undefined;
}

/** What `aiSdkHooks` returns. */
export interface AiSdkHooks {
  /**
   * Returns options for `generateText`, `streamText`, `ToolLoopAgent` and similar functions, with tools that
   * gates judge and telemetry that emits events. Other options are passed on unchanged. The result can be
   * used for several calls.
   *
   * @throws {TypeError} when an option is invalid
   */
  options<Options extends AiSdkOptions = Record<never, never>>(
    // Not only from `Options`: then TypeScript would not infer the parameter of `prepareCall`.
    options?: Options & Pick<AiSdkOptions, "prepareCall">,
  ): Omit<Options, "telemetry"> & {
    /** Your telemetry and ours. Typed as `never` so that it fits every version of the AI SDK. */
    readonly telemetry: never;
  };
  /** Returns the same for a subagent: use its `options` for calls that a tool of this agent makes. */
  child(options: Pick<AgentOptions, "agentId" | "name">): AiSdkHooks;
}

const SUBJECT = "Cannot connect the AI SDK";

/**
 * Connects the AI SDK to hooks.
 *
 * @throws {TypeError} when an argument is invalid
 */
export function aiSdkHooks(hooks: AgentHooks, options: AgentOptions = {}): AiSdkHooks {
  checkAgentOptions(SUBJECT, hooks, options);
  return connect(hooks, options);
}

function connect(
  hooks: AgentHooks,
  agent: AgentOptions & { readonly parentAgentId?: string | undefined },
): AiSdkHooks {
  const own = new Telemetry(hooks, agent);
  const connected = <Options extends AiSdkOptions>(options: Options) => {
    const { tools, telemetry: _, ...others } = options;
    const telemetry = telemetryOf(options);
    return {
      ...others,
      ...(tools !== undefined && { tools: hookedTools(tools, own) }),
      // Without inputs, telemetry doesn't tell which tools a run has, but `onStart` of the call does.
      ...(telemetry?.recordInputs === false && noting(others, own)),
      telemetry: { ...telemetry, integrations: integrationsOf(telemetry, own) },
    };
  };
  return {
    options: ({ prepareCall, ...options }: AiSdkOptions = {}) =>
      ({
        ...connected(options),
        ...(prepareCall && {
          // `prepareCall` may hide inputs, too late for an `onStart`: the agent takes callbacks from its settings only.
          ...noting(options, own),
          async prepareCall(options: unknown) {
            const prepared = await prepareCall(options);
            return prepared && connected(prepared);
          },
        }),
      }) as never,
    child: ({ agentId, name }) => {
      const parentAgentId = agent.agentId ?? agent.name;
      return connect(hooks, { ...agent, agentId, name, parentAgentId });
    },
  };
}

/**
 * Returns the telemetry of the user. AI SDK 7 ignores the former name if both are there, and in 5 and 6, that name may
 * say `isEnabled: false`, which is the default there.
 */
function telemetryOf(
  { telemetry, experimental_telemetry: former }: AiSdkOptions,
): AiSdkTelemetry | undefined {
  if (telemetry !== undefined || former?.isEnabled !== false) return telemetry ?? former;
  // Ours stays on, because it judges tools that are added later. Not only integrations receive what it records.
  return {
    ...former,
    isEnabled: true,
    integrations: [],
    recordInputs: false,
    recordOutputs: false,
  };
}

type OnStart = (event: Parameters<Telemetry["noteTools"]>[0]) => unknown;

/** Returns an `onStart` that records the tools of a run, and calls the user's. */
function noting(options: object, own: Telemetry): { readonly onStart: OnStart } {
  const { onStart, experimental_onStart: former } = options as {
    readonly onStart?: OnStart;
    readonly experimental_onStart?: OnStart;
  };
  return {
    onStart(event) {
      own.noteTools(event);
      return (onStart ?? former)?.(event);
    },
  };
}

function hookedTools(
  tools: Readonly<Record<string, AiSdkTool>>,
  telemetry: Telemetry,
): Readonly<Record<string, AiSdkTool>> {
  checkObject(SUBJECT, "'tools'", tools);
  return Object.fromEntries(
    Object.entries(tools).map(([name, tool]) => {
      if (typeof tool === "object" && tool !== null) {
        return [name, hookedTool(name, tool, telemetry)];
      }
      throw new TypeError(`${SUBJECT}: tool '${name}' must be an object, got ${inspect(tool)}`);
    }),
  );
}

/**
 * Returns the integrations for a call, with ours exactly once. A call's own integrations replace the registered ones,
 * so without any, the registered ones are passed along with ours.
 */
function integrationsOf(
  telemetry: AiSdkTelemetry | undefined,
  own: Telemetry,
): readonly unknown[] {
  if (telemetry?.isEnabled === false) {
    throw new TypeError(`${SUBJECT}: 'telemetry.isEnabled' must not be false: events come from it`);
  }
  const { AI_SDK_TELEMETRY_INTEGRATIONS: registered } = globalThis as {
    readonly AI_SDK_TELEMETRY_INTEGRATIONS?: unknown;
  };
  const others = [telemetry?.integrations ?? registered ?? []].flat();
  return [...others.filter((integration) => integration !== own), own];
}
