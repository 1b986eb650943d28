import { errorMessage } from "../../internal/issues.ts";
import { copyJson } from "../../internal/json.ts";
import type { StandardIssue } from "../../internal/standard_schema.ts";
import type { AgentHooks } from "../options.ts";
import { isSame, type Repair } from "../params.ts";
import {
  type AllowedCall,
  type ToolCall,
  type ToolOutcome,
  toRecord,
  withContext,
} from "../tool_call.ts";
import { repaired } from "./repaired_input.ts";
import type { Instance, Registry, TaskManager, Tool, ToolContext, Tools } from "./agent.ts";

/** How much of a rejected input the model is shown, in characters, as Mastra does. */
const MAX_SHOWN = 200;

/** A call of a tool, as Mastra makes it. */
export type Invoked = {
  readonly name: string;
  readonly tool: Tool;
  readonly params: unknown;
  readonly context: ToolContext;
};

/** Returns a call, without the data with which a suspended tool resumes. */
export function callOf({ name, tool, params, context }: Invoked): ToolCall {
  const { toolCallId: callId } = context.agent ?? context;
  const { parameters: schema = tool.inputSchema } = tool;
  const repair: Repair = (accepts) => repaired(params, accepts);
  return { name, params, callId, signal: context.abortSignal, schema, reapplies: true, repair };
}

/** Returns what Mastra returns if a tool's schema rejects the input. */
export function rejected({ name, params }: ToolCall, { issues }: AllowedCall): object {
  const errors = issuesOf(issues).map(({ message }) => message);
  const text =
    `Tool input validation failed for ${name}. Please fix the following errors and try again:`;
  const lines = issuesOf(issues).map((issue) => `- ${pathOf(issue) || "root"}: ${issue.message}`);
  const given = JSON.stringify(params, null, 2) ?? "";
  const shown = given.length > MAX_SHOWN ? `${given.slice(0, MAX_SHOWN)}... (truncated)` : given;
  const message = `${[text, ...lines].join("\n")}\n\nProvided arguments: ${shown}`;
  return { error: true, message, validationErrors: { errors, fields: {} } };
}

function issuesOf(issues: unknown): readonly StandardIssue[] {
  return Array.isArray(issues) ? issues : [{ message: errorMessage(issues) }];
}

function pathOf({ path = [] }: StandardIssue): string {
  return path.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
}

/** Parameters that hold resume data besides the input. */
const RESUMED = new WeakSet<object>();

/** Returns a call as gates judge it: its input, and the data with which a suspended tool resumes. */
export function withResumeData(call: ToolCall, context: ToolContext): ToolCall {
  const { resumeData } = context.agent ?? context;
  if (resumeData === undefined || resumeData === null) return call;
  const { schema: _, params, ...rest } = call;
  const own = isMergeable(params) ? params : { input: params };
  return { ...rest, params: { ...own, resumeData } };
}

/**
 * Splits judged data into the two parts that the tool takes.
 *
 * @param given The original input
 * @param isResumed Whether what was judged now has resume data; it may also have had some when the call was paused
 */
export function withoutResumeData(
  judged: unknown,
  given: unknown,
  isResumed: boolean,
): { readonly input: unknown; readonly resumeData?: unknown } {
  if (isResumed) RESUMED.add(judged as object);
  if (!RESUMED.has(judged as object)) return { input: judged };
  const { resumeData, ...input } = judged as { readonly [name: string]: unknown };
  return { input: isMergeable(given) ? input : input.input, resumeData };
}

/** Returns whether an input is an object that has no `resumeData` of its own. */
function isMergeable(input: unknown): input is object {
  return toRecord(input) === input && !Object.hasOwn(input as object, "resumeData");
}

/** Returns a context that reports when the tool suspends its run, and may have other data to resume with. */
export function watching(
  context: ToolContext,
  onSuspend: () => void,
  resumed: { readonly resumeData?: unknown } = {},
): ToolContext {
  const { agent } = context;
  const { suspend } = agent ?? context;
  const watched = {
    ...resumed,
    ...(suspend && {
      suspend: (...args: unknown[]) => {
        onSuspend();
        return suspend(...args);
      },
    }),
  };
  if (agent === undefined) return { ...context, ...watched };
  // The same object, by which Mastra recognizes valid input.
  return Object.assign(context, { agent: { ...agent, ...watched } });
}

/** A call that was judged, and whose tool runs. */
export type Judged = {
  readonly call: ToolCall;
  /** The connection whose gates have judged it. */
  readonly by: object;
  /** The JSON of what they judged; undefined without gates. */
  readonly input: unknown;
  readonly isGuarded: boolean;
  /** Whether a tool that judges has run as part of it. */
  hasRun?: true;
};

/** Returns a call, and what the judged arguments that its tool gets are as JSON. */
export function judgedAs(
  call: ToolCall,
  params: unknown,
  { by, hooks }: { readonly by: object; readonly hooks: AgentHooks },
): Judged {
  const isGuarded = hooks.registry.gates.guards("tool.called");
  return { call, by, isGuarded, input: isGuarded ? copyJson(params, "params").value : undefined };
}

/** Returns whether a tool is called as part of a call that was judged: `listTools` returns tools that judge, too. */
export function isOf(
  judged: Judged | undefined,
  by: object,
  { name, params, context }: Omit<Invoked, "tool">,
): judged is Judged {
  const { toolCallId } = context.agent ?? context;
  if (judged === undefined || judged.by !== by || judged.hasRun) return false;
  const { call, input, isGuarded } = judged;
  const isCall = call.name === name && call.callId !== undefined && call.callId === toolCallId;
  return isCall && (!isGuarded || isSame(params, input));
}

/** Returns what the model gets of a call that wasn't denied. @throws the error of the tool */
export function toldOf(
  outcome: Exclude<ToolOutcome, { readonly type: "denied" }>,
  context: string | undefined,
): unknown {
  if (outcome.type === "error") throw outcome.error;
  return withContext(outcome.value, context);
}

/** Ends a call with the output of its tool. */
export async function completed(call: AllowedCall, output: unknown): Promise<ToolOutcome> {
  const invalid = rejection(output);
  if (invalid === undefined) return await call.complete(output);
  const judged = await call.fail(invalid);
  const isSame = judged.type === "error" && judged.error === invalid;
  return isSame ? { type: "result", value: output } : judged;
}

/** Mastra returns validation errors of a tool's input as its output. */
function rejection(output: unknown): Error | undefined {
  const { error, message } = (output ?? {}) as {
    readonly error?: unknown;
    readonly message?: unknown;
  };
  const isInvalid = error === true && typeof message === "string" &&
    "validationErrors" in (output as object);
  return isInvalid ? new Error(errorMessage(new Error(message))) : undefined;
}

/** An agent, and what judges its tools. */
type Owner = { readonly agent: Instance; readonly judged: (tools: Tools) => Tools };

/** The agents whose tasks a manager has, by their ids. */
const owners = new WeakMap<TaskManager, Map<string, Owner>>();

/** Lets gates judge the stored tasks of an agent: to run them, Mastra calls tools past the agent. */
export function judgeTasks(agent: Instance, judged: Owner["judged"]): void {
  const { __registerMastra: register } = agent;
  const connect = (mastra: Registry | undefined): void => {
    const { backgroundTaskManager: manager } = mastra ?? {};
    if (manager !== undefined) ownersIn(manager).set(agent.id, { agent, judged });
  };
  connect(agent.getMastraInstance?.());
  if (register === undefined) return;
  agent.__registerMastra = (mastra) => {
    register.call(agent, mastra);
    connect(mastra);
    // It may create the manager next, which needs longer to begin.
    queueMicrotask(() => connect(mastra));
  };
}

function ownersIn(manager: TaskManager): Map<string, Owner> {
  const known = owners.get(manager);
  if (known !== undefined) return known;
  const created = new Map<string, Owner>();
  owners.set(manager, created);
  const find = manager.getStaticExecutor;
  // Mastra looks for `agent:tool` first, and then for the tool alone.
  manager.getStaticExecutor = (key) => {
    const ids = [...created.keys()].filter((id) => key.startsWith(`${id}:`));
    const [id] = ids.sort((a, b) => b.length - a.length);
    if (id === undefined) return find.call(manager, key);
    const name = key.slice(id.length + 1);
    const executor = find.call(manager, key) ?? find.call(manager, name);
    return executor && judgedExecutor(created.get(id)!, name, executor);
  };
  return created;
}

/** Returns what runs a tool: as the agent gives it out, which is judged, or else as Mastra knows it. */
function judgedExecutor({ agent, judged }: Owner, name: string, executor: Tool): Tool {
  return {
    execute: async (input, context) => {
      const { [name]: own } = await agent.listTools?.() ?? {};
      const tool = own?.execute === undefined ? judged({ [name]: executor })[name]! : own;
      return await tool.execute!(input, context);
    },
  };
}
