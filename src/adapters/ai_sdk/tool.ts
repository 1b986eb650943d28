import type { DeniedCall } from "../../core/mod.ts";
import { createEventId } from "../../internal/uuid.ts";
import { stepsWithin } from "../async.ts";
import {
  type AllowedCall,
  callTool,
  denialText,
  openCall,
  type ToolCall,
  withContext,
} from "../tool_call.ts";
import { changedOutput, checkChanged, checkedOutput } from "./schemas.ts";
import { type AiSdkTool, callerOf, type ToolCaller, withCaller, withChanges } from "./sdk.ts";
import type { Telemetry } from "./telemetry.ts";

type Execute = (input: unknown, options: ExecuteOptions) => unknown;

type ExecuteOptions = {
  readonly toolCallId: string;
  readonly messages?: unknown;
  readonly abortSignal?: AbortSignal;
};

/** Returns a tool that gates judge. A tool without `execute` runs elsewhere, where no gate can stop it. */
export function hookedTool(name: string, tool: AiSdkTool, telemetry: Telemetry): AiSdkTool {
  if (typeof tool.execute !== "function") return tool;
  const { judged } = telemetry;
  const isHooked = judged.get(tool.execute) === name;
  const hooked = isHooked ? tool : withExecute(name, tool, telemetry);
  const caller = callerOf(tool);
  if (caller === undefined || judged.has(caller)) return hooked;
  const own = hookedCaller(name, caller, telemetry);
  judged.set(own, name);
  return withCaller(hooked, own);
}

function withExecute(name: string, tool: AiSdkTool, telemetry: Telemetry): AiSdkTool {
  const toModelOutput = tool.toModelOutput?.bind(tool);
  const callbacks = callbacksOf(tool);
  const parts = {
    name,
    tool,
    telemetry,
    execute: withInput(callbacks.onInputAvailable, tool, telemetry),
  };
  const search = (tool as Searching)[SEARCH];
  const hooked = withChanges(tool, {
    execute: isGenerator(tool.execute)
      ? (input: unknown, options: ExecuteOptions) => streamed(parts, input, options)
      : (input: unknown, options: ExecuteOptions) => executed(parts, input, options),
    ...(toModelOutput && { toModelOutput: modelOutput(tool) }),
    ...ungated(callbacks, telemetry),
  });
  if (search) Object.assign(hooked, { [SEARCH]: hookedSearch(name, search, telemetry) });
  telemetry.judged.set(hooked.execute!, name);
  return hooked;
}

/** Returns a tool caller whose runs gates judge as calls of its own tool. */
function hookedCaller(name: string, caller: ToolCaller, telemetry: Telemetry): ToolCaller {
  const { bind } = caller;
  const hooked: ToolCaller = Object.create(caller);
  if (bind === undefined) return hooked;
  const value = (tools: Readonly<Record<string, AiSdkTool>>) => {
    const entries = Object.entries(tools);
    const all = entries.map(([name, tool]) => [name, hookedTool(name, tool, telemetry)]);
    return hookedTool(name, bind.call(caller, Object.fromEntries(all)), telemetry);
  };
  return Object.defineProperty(hooked, "bind", { value });
}

/** Where a tool of `toolSearch` has your `search`: the AI SDK calls it instead of `execute`. */
const SEARCH = Symbol.for("vercel.ai.toolSearch.search");

type Search = (options: { readonly query: unknown }) => unknown;
type Searching = { readonly [SEARCH]?: Search | undefined };

/** Returns a search that gates judge as a call of its tool. */
function hookedSearch(name: string, search: Search, telemetry: Telemetry): Search {
  return async ({ query, ...others }) => {
    const run = (params: { readonly query: unknown }): unknown => search({ ...others, ...params });
    const denied = (denial: DeniedCall): never => {
      throw new Error(denialText(denial));
    };
    const call = { name, params: { query } };
    return await (telemetry.onlyRun?.tool(call, run, denied) ??
      callTool(telemetry.hooks, call, telemetry.caller, run, denied));
  };
}

type Parts = {
  readonly name: string;
  readonly tool: AiSdkTool;
  readonly execute: Execute;
  readonly telemetry: Telemetry;
};

async function executed(parts: Parts, input: unknown, options: ExecuteOptions): Promise<unknown> {
  const { telemetry, execute } = parts;
  const call = callOf(parts, input, options);
  let given: unknown;
  let context: string | undefined;
  const run = async (params: unknown, call: AllowedCall): Promise<unknown> => {
    context = call.context;
    await checkChanged(parts.name, parts.tool, { given: input, changed: params });
    return given = await lastOf(execute(params, options));
  };
  const denied = (denial: DeniedCall): unknown => deniedOutput(parts.tool, denial);
  const output = await (telemetry.runOf(options)?.tool(call, run, denied) ??
    callTool(telemetry.hooks, unshared(call), telemetry.caller, run, denied));
  return await changedOutput(parts.tool, output, { given, context });
}

/**
 * A tool that yields preliminary outputs: the last one is its result. If gates judge results, the preliminary
 * ones are withheld.
 */
async function* streamed(
  parts: Parts,
  input: unknown,
  options: ExecuteOptions,
): AsyncGenerator<unknown> {
  const { telemetry, execute, tool } = parts;
  const call = callOf(parts, input, options);
  const opened = await (telemetry.runOf(options)?.begin(call) ??
    openCall(telemetry.hooks, unshared(call), telemetry.caller));
  if (opened.type === "denied") return yield await deniedOutput(tool, opened.denial);
  const isJudged = telemetry.hooks.registry.gates.guards("tool.completed");
  let last: unknown;
  let outcome: Awaited<ReturnType<AllowedCall["complete"]>> | undefined;
  try {
    await checkChanged(parts.name, tool, { given: input, changed: opened.params });
    const outputs = execute(opened.params, options) as AsyncGenerator<unknown>;
    for await (const output of stepsWithin(opened.within, outputs)) {
      last = output;
      if (!isJudged) yield output;
    }
    outcome = await opened.complete(last);
  } catch (error) {
    outcome = await opened.fail(error);
  } finally {
    // The reader may have stopped in the middle.
    outcome ??= await opened.fail(new Error("The output was not read to its end"));
  }
  if (outcome.type === "error") throw outcome.error;
  const { context } = opened;
  const output = outcome.type === "denied"
    ? await deniedOutput(tool, outcome.denial)
    : await changedOutput(tool, withContext(outcome.value, context), { given: last, context });
  if (isJudged || output !== last) yield output;
}

function callOf({ name }: Parts, params: unknown, options: ExecuteOptions): ToolCall {
  return { name, params, callId: options.toolCallId, signal: options.abortSignal };
}

/**
 * A call that no decision about another one applies to. The model chooses its id, and without a run, nothing tells
 * the calls of one user from those of another.
 */
function unshared(call: ToolCall): ToolCall {
  return { ...call, callId: `${call.callId}#${createEventId()}` };
}

/** The callbacks that an SDK calls with a tool's input before it runs the tool. */
type InputCallbacks = {
  readonly onInputAvailable: ((options: object) => unknown) | undefined;
  readonly onInputDelta: ((options: object) => unknown) | undefined;
};

function callbacksOf(tool: AiSdkTool): InputCallbacks {
  const { onInputAvailable, onInputDelta } = tool as Partial<InputCallbacks>;
  return {
    onInputAvailable: onInputAvailable?.bind(tool),
    onInputDelta: onInputDelta?.bind(tool),
  };
}

/** Callbacks that get the model's input only if no gate judges it. */
function ungated(callbacks: InputCallbacks, telemetry: Telemetry): object {
  const given = Object.entries(callbacks).filter(([, callback]) => callback !== undefined);
  return Object.fromEntries(given.map(([name, callback]) => [
    name,
    (options: object) => isGated(telemetry) ? undefined : callback!(options),
  ]));
}

/** Calls `onInputAvailable` with the input that gates judged, and then the tool. */
function withInput(
  onInputAvailable: InputCallbacks["onInputAvailable"],
  tool: AiSdkTool,
  telemetry: Telemetry,
): Execute {
  const execute = tool.execute!.bind(tool) as Execute;
  if (onInputAvailable === undefined) return execute;
  const announce = async (input: unknown, options: ExecuteOptions): Promise<void> => {
    if (isGated(telemetry)) await onInputAvailable({ ...options, input });
  };
  if (!isGenerator(tool.execute)) {
    return async (input, options) => {
      await announce(input, options);
      return await lastOf(execute(input, options));
    };
  }
  return async function* (input, options) {
    await announce(input, options);
    yield* execute(input, options) as AsyncGenerator<unknown>;
  };
}

function isGated({ hooks }: Telemetry): boolean {
  return hooks.registry.gates.guards("tool.called");
}

/** A tool that isn't a generator may return one. Then its result is the last output. */
async function lastOf(result: unknown): Promise<unknown> {
  const isStream = typeof result === "object" && result !== null && Symbol.asyncIterator in result;
  if (!isStream) return await result;
  let last: unknown;
  for await (const output of result as AsyncIterable<unknown>) last = output;
  return last;
}

/** Marks denials as ours, also once they were stored as JSON: a tool's own output may be a denial, too. */
const BY = "@omniagent/hooks";

/** A tool with its own conversion expects its own outputs, not the text of a denial. */
async function deniedOutput(tool: AiSdkTool, denial: DeniedCall): Promise<unknown> {
  const reason = denialText(denial);
  const output = tool.toModelOutput ? { denied: true, reason, by: BY } : reason;
  return await checkedOutput(tool, output, reason);
}

function modelOutput(tool: AiSdkTool): (output: unknown) => unknown {
  return (given) => {
    // AI SDK 5 passes the output, later versions an object with it.
    const { output = given } = (given ?? {}) as { readonly output?: unknown };
    const { denied, reason, by } = (output ?? {}) as {
      readonly denied?: unknown;
      readonly reason?: unknown;
      readonly by?: unknown;
    };
    if (denied === true && by === BY) return { type: "error-text", value: String(reason) };
    return tool.toModelOutput!(given);
  };
}

function isGenerator(execute: unknown): boolean {
  return Object.prototype.toString.call(execute) === "[object AsyncGeneratorFunction]";
}
