/**
 * The parts of `@mastra/core` that the adapter uses, by structure.
 * @module
 */

export const SUBJECT = "Cannot connect Mastra";

/** An `Agent` of Mastra. */
export interface MastraAgent {
  /** The id of the agent. */
  readonly id: string;
  /** The name of the agent. */
  readonly name: string;
  /** Runs the agent and returns its result. */
  // deno-lint-ignore no-explicit-any -- overloaded
  generate(...args: any[]): any;
  /** Runs the agent and streams its result. */
  // deno-lint-ignore no-explicit-any -- overloaded
  stream(...args: any[]): any;
}

/** The methods that run an agent. All others call these. */
export const RUNS = ["generate", "stream", "resumeGenerate", "resumeStream"] as const;

/** The parts of an agent that the adapter uses or replaces. */
export type Instance =
  & { -readonly [Name in (typeof RUNS)[number]]: Run }
  & {
    readonly id: string;
    readonly name: string;
    /** Adds the user's hooks to all tools of a run, regardless of their origin. */
    wrapToolsWithHooks(tools: Tools, hooks?: object): Tools;
    listAgents(options: object): Agents | Promise<Agents>;
    listConfiguredInputProcessors(requestContext: unknown): Promise<object[]>;
    listConfiguredOutputProcessors(requestContext: unknown): Promise<object[]>;
    getDefaultOptions(options: object): RunOptions | Promise<RunOptions>;
    /** Set if the agent is durable: the agent that it wraps, or itself. */
    readonly agent?: object | undefined;
    /** Run agents, workflows and tools by themselves: no hook sees their calls. */
    network?(...args: unknown[]): Promise<unknown>;
    resumeNetwork?(...args: unknown[]): Promise<unknown>;
    /** Returns the agent's tools, and its voice, which gets them. */
    listTools?(...args: unknown[]): Tools | Promise<Tools>;
    getVoice?(...args: unknown[]): Promise<unknown>;
    /** Prepare the tools of a run: of each run, from `listTools`, and of a durable one, whose id it gets. */
    listAssignedTools?(...args: unknown[]): Promise<Tools>;
    getToolsForExecution?(options: { readonly runId?: string | undefined }): Promise<Tools>;
    logger?: object | undefined;
    /** Returns a copy, to which a stored version of the agent is applied. */
    __fork?(): Instance;
    /** The Mastra instance that has the agent, and what tells the agent about it. */
    getMastraInstance?(): Registry | undefined;
    __registerMastra?(mastra: Registry): void;
    /** Prepares each run. Of the methods that do, only this one's error isn't caught by a durable run. */
    __getGoalConfig?(): unknown;
    /** Prepares a step of `generateLegacy` and `streamLegacy`. */
    __runProcessInputStep?(args: object): Promise<Step>;
  };

const NEEDED = [
  "wrapToolsWithHooks",
  "listAgents",
  "listConfiguredInputProcessors",
  "listConfiguredOutputProcessors",
  "getDefaultOptions",
] as const;

/** Returns the name of a method that an agent needs to be connected, but lacks. */
export function missingOf(agent: object): string | undefined {
  const found = agent as Partial<Instance> | undefined;
  return [...RUNS, ...NEEDED].find((name) => typeof found?.[name] !== "function");
}

/** Returns whether an agent has all methods that it needs to be connected. */
export function isInstance(agent: object): agent is Instance {
  return missingOf(agent) === undefined;
}

export type Agents = Readonly<Record<string, object>>;
export type Run = (input: unknown, options?: RunOptions) => Promise<Output>;

/** The options of a run. */
export type RunOptions = {
  readonly abortSignal?: AbortSignal | undefined;
  /** Whether the model sees suspended tools, and may resume them. */
  readonly autoResumeSuspendedTools?: boolean | undefined;
  readonly hooks?: object | undefined;
  readonly inputProcessors?: readonly object[] | undefined;
  readonly memory?: { readonly thread?: string | { readonly id?: string } } | undefined;
  readonly outputProcessors?: readonly object[] | undefined;
  /** Called before each step, after the processors. */
  readonly prepareStep?: ((step: Step) => Step | undefined | Promise<Step | undefined>) | undefined;
  readonly requestContext?: unknown;
  /** Whether a stream goes on while there are background tasks. Then it's several runs. */
  readonly untilIdle?: unknown;
  /** The id of the run; in options, of the suspended run to resume. */
  readonly runId?: string | undefined;
};

/** A step of a run, or changes to it. */
type Step = { readonly tools?: Tools | undefined };

/** The output of a run. For a stream, the fields are promises. */
export type Output = {
  readonly error?: unknown;
  readonly finishReason?: string | PromiseLike<string | undefined> | undefined;
  readonly text?: string | PromiseLike<string> | undefined;
  readonly runId?: string | undefined;
  readonly tripwire?: { readonly reason?: string } | undefined;
};

export type Tools = Record<string, Tool>;
export type Tool = {
  readonly execute?: ((input: unknown, context?: ToolContext) => unknown) | undefined;
  /** The schema of its input: of a tool that a run has, and of one that was created. */
  readonly parameters?: unknown;
  readonly inputSchema?: unknown;
  /** Makes what the model sees of its output. */
  readonly toModelOutput?: ((output: unknown) => unknown) | undefined;
};
export type ToolContext = Suspendable & {
  readonly abortSignal?: AbortSignal | undefined;
  /** The same, for a tool that a step added. */
  readonly agent?: Suspendable | undefined;
  readonly requestContext?: unknown;
};
type Suspendable = {
  /** The data with which a suspended tool resumes: from the caller that resumes the run, or from the model. */
  readonly resumeData?: unknown;
  readonly suspend?: ((...args: unknown[]) => unknown) | undefined;
  readonly toolCallId?: string | undefined;
};

/** A `Mastra` instance, at which an agent is registered. */
export type Registry = { readonly backgroundTaskManager?: TaskManager | undefined };

/** What runs tools in the background, also for other processes. */
export type TaskManager = { getStaticExecutor(key: string): Tool | undefined };

/** The tokens of a model call, or of a run. */
export type Tokens = {
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly reasoningTokens?: number | undefined;
  readonly cachedInputTokens?: number | undefined;
  readonly cacheCreationInputTokens?: number | undefined;
};
