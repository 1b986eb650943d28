/**
 * The calls that gates have judged and whose tools run, so that no other tool does.
 * @module
 */
import { isObject } from "../../internal/validate.ts";

/** A call as gates judged it. */
export type JudgedCall = {
  /** The name of the tool. */
  readonly name: string;
  readonly callId: string | undefined;
  readonly args: unknown;
  /** The id of the LangChain run in which its tool starts, if that is known. */
  readonly runId?: string | undefined;
  /** Whether its tool starts as a copy. */
  readonly isCopy?: boolean;
};

/** A call that was judged, and whose tool may start once. */
type Expected = {
  readonly name: string;
  readonly callId: string | undefined;
  readonly runId: string | undefined;
  readonly isCopy: boolean;
  /** The JSON of its arguments; undefined if they aren't an object. */
  readonly input: string | undefined;
  hasStarted?: true;
};

/** A tool that starts, as LangChain describes it. */
export type StartedTool = {
  readonly id: string;
  readonly name: string | undefined;
  readonly callId?: string | undefined;
  /** Its input; undefined if it isn't known. */
  readonly input?: string | undefined;
  /** Whether it is a copy of a tool. */
  readonly isCopy: boolean;
};

/** The judged calls of tasks, by namespace, which has the task's id: of all connections, which may be nested. */
const judged = new Map<string, {
  /** The calls that have not ended. */
  readonly calls: Set<Expected>;
  /** The ids of the tools that started: each connection sees the start of each. */
  readonly tools: Set<string>;
}>();

/** Notes that the tool of a call runs now. Returns a function to call when it has ended. */
export function expectTool(task: string, call: JudgedCall, hasGates: boolean): () => void {
  const known = judged.get(task) ?? { calls: new Set(), tools: new Set() };
  judged.set(task, known);
  const { name, callId, args, runId, isCopy = false } = call;
  const input = hasGates ? inputOf(args) : undefined;
  const expected: Expected = { name, callId, runId, isCopy, input };
  known.calls.add(expected);
  return () => {
    known.calls.delete(expected);
    if (known.calls.size === 0) judged.delete(task);
  };
}

/** Returns whether a tool of a task may start: it is that of a call, which has not started yet. */
export function startTool({ id, task, ...tool }: StartedTool & { readonly task: string }): boolean {
  const known = judged.get(task);
  if (known?.tools.has(id)) return true;
  const call = [...known?.calls ?? []].find((call) =>
    (call.runId ?? id) === id && (tool.isCopy || !call.isCopy) && isOf(call, tool)
  );
  if (call === undefined) return false;
  call.hasStarted = true;
  known!.tools.add(id);
  return true;
}

/** The node of an agent's graph that runs tools. */
const TOOLS = "tools";

/** Why a tool doesn't run that an agent calls without the middleware, or that isn't called by an agent. */
const UNJUDGED =
  "it is called by an agent without the middleware, within a connected agent. Connect the inner agent, too, " +
  "with langchainHooks: createAgent({ …, middleware: [middleware] }).withConfig(config)";

/** Why a tool doesn't run that isn't called by the model. */
const NOT_CALLED =
  "your own code calls it in the agent's graph, such as a hook of your middleware. Call the function of the tool " +
  "with hooks.call() instead of the tool";

/** Why a tool doesn't run as it is called. */
export const CHANGED =
  "middleware after that of langchainHooks has changed the call, runs another tool, or runs it again. Put the " +
  "middleware of langchainHooks last. If it is already last, the tool's own class runs another tool, or doesn't " +
  "pass on its config";

/**
 * Returns why a tool may not start.
 *
 * @param isOwn Whether it belongs to the graph of the connected agent itself
 * @param node The node of the graph
 */
export function whyRefused(isOwn: boolean, node: string | undefined): string {
  if (!isOwn) return UNJUDGED;
  return node === TOOLS ? CHANGED : NOT_CALLED;
}

/** Returns whether a tool that starts is that of a call. The name and id are undefined if they aren't known. */
function isOf(
  call: Expected,
  { name = call.name, callId = call.callId, input }: Omit<StartedTool, "id">,
): boolean {
  if (call.hasStarted || call.name !== name || call.callId !== callId) return false;
  if (call.input === undefined || input === undefined) return true;
  return call.input === input || call.input === argsIn(input, callId);
}

/** Returns the JSON of the arguments if the input of a tool is a whole call, as some versions report it. */
function argsIn(input: string, callId: string | undefined): string | undefined {
  try {
    const { type, id, args } = JSON.parse(input);
    return type === "tool_call" && id === callId ? inputOf(args) : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the JSON of arguments; undefined if they aren't an object. */
export function inputOf(args: unknown): string | undefined {
  return isObject(args) ? JSON.stringify(args) : undefined;
}
