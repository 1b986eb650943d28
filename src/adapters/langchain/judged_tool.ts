import { copyJson } from "../../internal/json.ts";
import { copyWith } from "../copy_with.ts";
import { copyOf, isSame, REJECTED } from "../params.ts";
import { type AllowedCall, toRecord } from "../tool_call.ts";
import { inputOf } from "./judged_calls.ts";

/** A tool of LangChain. */
type Tool = {
  readonly name?: unknown;
  readonly schema?: unknown;
  readonly bound?: unknown;
  invoke(input: unknown, config?: object): unknown;
  call?(input: unknown, ...others: unknown[]): unknown;
  /** Runs it with what its schema makes of the arguments. All tools have it, except those made of a runnable. */
  _call?(input: unknown, ...others: unknown[]): unknown;
  toJSON?(): object;
};

/** What a tool is invoked with: a call, or only its arguments. */
type Input = { readonly type: unknown; readonly id: unknown; readonly args: unknown };

/** How a tool runs that gates have judged. */
type Running = {
  /** The call that gates judged, as the tool gets it. */
  readonly toolCall: { readonly id?: string; readonly args: unknown };
  /** The id of the LangChain run in which it starts. */
  readonly runId: string;
  /** Refuses to run the tool with another call, or again. */
  refuse(): never;
};

/** A schema that keeps everything: an empty JSON Schema for LangChain, and like Zod's for classes that use it. */
const ANY: object = Object.create(Object.prototype, {
  parse: { value: (input: unknown) => input },
  parseAsync: { value: (input: unknown) => Promise.resolve(input) },
  safeParse: { value: (data: unknown) => ({ success: true, data }) },
  safeParseAsync: { value: (data: unknown) => Promise.resolve({ success: true, data }) },
  "~standard": {
    value: { version: 1, vendor: "omniagent", validate: (value: unknown) => ({ value }) },
  },
});

/** What copies of tools report as their JSON when they start. */
const copies = new WeakSet<object>();

/** Returns whether what starts is the copy of a tool, by the JSON that LangChain reports. */
export function isCopy(json: unknown): boolean {
  return typeof json === "object" && json !== null && copies.has(json);
}

/**
 * Returns whether a tool can get what gates judged without another use of its schema: a copy of it runs. An `invoke`
 * that isn't LangChain's may run something else, and what the tool has itself may be bound to it.
 */
export function isJudgeable(tool: unknown): boolean {
  const own = (tool ?? {}) as Tool;
  if (!isTool(own)) return own.bound !== undefined;
  return runsCopies(own) && definitionsOf(own, "invoke").length === 1;
}

/** Returns the schema of a tool, which gates judge the output of: as the tool applies it to that again, if it does. */
export function schemaOf(tool: unknown): unknown {
  const { schema } = (tool ?? {}) as Partial<Tool>;
  const { safeParseAsync } = (schema ?? {}) as { safeParseAsync?(value: unknown): unknown };
  if (isJudgeable(tool) || typeof safeParseAsync !== "function") return schema;
  return { safeParseAsync: (value: unknown) => safeParseAsync.call(schema, toRecord(value)) };
}

/** Returns whether what starts for a call must be a copy of the tool. */
export function startsAsCopy(tool: unknown): boolean {
  return isTool(tool) && isJudgeable(tool);
}

/** Returns whether LangChain starts a tool in the run that its options name. */
export function hasRunId(tool: unknown): boolean {
  return isTool(tool) || isJudgeable(tool);
}

/** Returns a tool like another, that runs once, with what gates judged, or not at all. */
export function judgedTool(tool: unknown, call: AllowedCall, running: Running): unknown {
  const own = tool as Tool;
  const { toolCall: { id, args }, runId, refuse } = running;
  const judged = inputOf(args); // now, because middleware may change it later
  let hasStarted = false;
  const copy: Tool = copyWith(own, {
    name: own.name, // which a proxy may replace
    invoke: (input, config) => {
      const { type, id: callId, args = input } = (input ?? {}) as Partial<Input>;
      const isOther = type === "tool_call" && callId !== id;
      const given = type === "tool_call" ? args : input;
      if (hasStarted || isOther || inputOf(given) !== judged) return refuse();
      hasStarted = true;
      const options = hasRunId(own) ? { ...config, runId } : config;
      const isRunnable = !isTool(own) && isJudgeable(own);
      if (isRunnable) return invokeRunnable(own, call, input, options);
      if (!isJudgeable(own) && call.parsed === "rejected") throw new TypeError(REJECTED);
      return own.invoke.call(runsCopies(own) ? copy : own, input, options);
    },
    ...(isTool(own) && membersOf(own, call)),
  });
  return copy;
}

/** Returns the members of a copy that LangChain uses when it runs. */
function membersOf(own: Tool, call: AllowedCall): Partial<Tool> {
  return {
    ...(isJudgeable(own) && call.parsed === "accepted" && { schema: ANY }),
    _call: (input, ...others) => own._call!(judgedInput(own, call, input), ...others),
    toJSON: () => {
      const json = { ...own.toJSON?.() };
      copies.add(json);
      return json;
    },
  };
}

/** @throws {TypeError} when gates haven't judged the input */
function judgedInput(own: Tool, { parsed, params }: AllowedCall, input: unknown): unknown {
  if (parsed === "rejected") throw new TypeError(REJECTED);
  if (parsed === "accepted" && isJudgeable(own)) return copyOf(params);
  const { value: judged } = copyJson(toRecord(params), "params");
  if (isSame(toRecord(input), judged)) return input;
  throw new TypeError("the tool's schema changes what gates judged");
}

/** Invokes a tool that is made of a runnable, which applies the schema only to what looks like a call. */
function invokeRunnable(
  tool: Tool,
  { parsed, params }: AllowedCall,
  input: unknown,
  config: object | undefined,
): unknown {
  if (parsed === undefined) return tool.invoke(input, config);
  const { type } = (params ?? {}) as { readonly type?: unknown };
  if (parsed === "accepted" && type !== "tool_call") return tool.invoke(copyOf(params), config);
  throw new TypeError("Received tool input did not match expected schema");
}

/** Returns whether a tool is of LangChain's class, or of one that extends it. */
function isTool(tool: unknown): boolean {
  return typeof (tool as Partial<Tool> | undefined)?._call === "function";
}

/** Returns whether what runs a tool are methods of classes, whose `this` is the copy of it. */
function runsCopies(tool: Tool): boolean {
  return isTool(tool) && (["invoke", "call"] as const).every((name) => {
    const [method] = definitionsOf(tool, name);
    if (method === undefined) return name === "call";
    const { at, value } = method;
    return at !== tool && Object.hasOwn(at, "constructor") && value === tool[name];
  });
}

/** Returns the definitions of a method: that of the tool itself first, and that of LangChain's class last. */
function definitionsOf(
  tool: object,
  name: string,
): { readonly at: object; readonly value: unknown }[] {
  const found: { readonly at: object; readonly value: unknown }[] = [];
  for (let at: object | null = tool; at !== null; at = Object.getPrototypeOf(at)) {
    const method = Object.getOwnPropertyDescriptor(at, name);
    if (method !== undefined) found.push({ at, value: method.value });
  }
  return found;
}
