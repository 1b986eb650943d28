import type { DeniedCall } from "../../core/mod.ts";
import { errorMessage } from "../../internal/issues.ts";
import { isObject } from "../../internal/validate.ts";
import { CHANGED, describeDropped, isSame } from "../params.ts";
import type { AgentRun } from "../run.ts";
import { type AllowedCall, denialText, type ToolCall } from "../tool_call.ts";
import { type Frame, frames } from "./frame.ts";
import {
  type InvokeDetails,
  parsed,
  type SdkEditor,
  type SdkShell,
  type SdkTool,
  written,
} from "./sdk.ts";

/** The property of each kind of tool that the SDK calls. Other kinds run at the provider, or are a computer. */
const RUNS = { function: "invoke", shell: "shell", apply_patch: "editor" } as const;

/** A call that is about to begin, and who makes it. */
type Next = {
  readonly run: AgentRun;
  readonly frame: Frame;
  readonly callId: string | undefined;
};

/** Takes a call by its id, or the next one. Undefined outside of connected runs. */
type Take = (callId?: string) => Next | undefined;

/** A call that was announced: its id, and the run that it belongs to, as ids come from models. */
type Announced = {
  readonly callId: string | undefined;
  readonly frame: Frame | undefined;
  readonly run: AgentRun | undefined;
};

/** Tools that are about to run, with their judge and the calls that it still has to judge. */
const announced = new WeakMap<
  SdkTool,
  {
    readonly judge: unknown;
    readonly calls: Announced[];
    readonly remove: (index: number) => Announced | undefined;
  }
>();

/**
 * Lets gates judge the next call of a tool: the runner has announced that it runs this object, regardless of
 * its origin. The tool is changed only until it is called, because the SDK looks up the parser of its input
 * by `invoke`.
 *
 * @throws {TypeError} when the tool can't be changed, so that it doesn't run unjudged
 */
export function judgeNextCall(tool: SdkTool, callId: string | undefined): void {
  const key = Object.hasOwn(RUNS, tool.type) ? RUNS[tool.type as keyof typeof RUNS] : undefined;
  const own = key && tool[key];
  if (key === undefined || own === undefined) return; // documented as not judged
  const known = announced.get(tool);
  const frame = frames().getStore();
  const call: Announced = { callId, frame, run: frame?.current };
  if (known?.judge === own) return void known.calls.push(call);
  const calls: Announced[] = [call];
  const remove = (index: number): Announced | undefined => {
    const [removed] = calls.splice(index, 1);
    if (calls.length === 0 && tool[key] === judge) Reflect.set(tool, key, own);
    return removed;
  };
  const take: Take = (wanted) => {
    const frame = frames().getStore();
    if (frame === undefined) return undefined;
    const call = remove(Math.max(0, indexIn(calls, wanted)));
    return { run: call?.run ?? frame.current, frame, callId: call?.callId };
  };
  const judge = JUDGES[key](tool, own as never, take);
  if (!Reflect.set(tool, key, judge) || tool[key] !== judge) {
    throw new TypeError(
      `Cannot call tool '${tool.name}': gates need to replace its '${key}', but the tool is frozen: ` +
        "pass a copy, such as { ...tool }",
    );
  }
  announced.set(tool, { judge, calls, remove });
}

/** Restores a tool that was announced but not called: a guardrail may have rejected the call. */
export function endCall(tool: SdkTool, callId: string | undefined): void {
  const known = announced.get(tool);
  const index = known ? indexIn(known.calls, callId) : -1;
  if (index >= 0) known!.remove(index);
}

/** Returns where a call of this run is among those that were announced; -1 if it isn't. */
function indexIn(calls: readonly Announced[], callId: string | undefined): number {
  const frame = frames().getStore();
  return calls.findIndex((call) => call.callId === callId && call.frame === frame);
}

const JUDGES = { invoke: judgedFunction, shell: judgedShell, editor: judgedEditor } as const;

type Invoke = NonNullable<SdkTool["invoke"]>;

function judgedFunction(tool: SdkTool, invoke: Invoke, take: Take): Invoke {
  return async (context, input, details) => {
    const { toolCall, signal } = details ?? {};
    const next = take(toolCall?.callId);
    if (next === undefined) return await invoke.call(tool, context, input, details);
    const callOf = (params: unknown): ToolCall => ({
      name: tool.name,
      params,
      callId: toolCall?.callId ?? next.callId,
      signal: signal ?? next.frame.signal,
    });
    const run = (text: string): Promise<unknown> => invoke.call(tool, context, text, details);
    const given = parsed(input);
    const execute = async (judged: unknown, call: AllowedCall): Promise<unknown> => {
      const text = written(input, judged);
      if (!next.frame.hasGates()) return await run(text);
      const first = await invokeIf({ judged, details }, () => run(text));
      if ("output" in first) return first.output;
      const dropped = describeDropped(judged, { given, parsed: first.parsed });
      if (dropped) return refuse(dropped);
      // What the tool's schema makes of it is judged as a call of its own.
      const second = async (judged: unknown): Promise<unknown> => {
        if (next.frame.isOver()) throw new Error("The run has ended");
        const last = await invokeParsed({ judged, parsed: first.parsed, text, details }, run);
        return "output" in last ? last.output : refuse(last.reason);
      };
      const denied = (denial: DeniedCall): never => fail(denialText(denial));
      try {
        return await next.run.tool(callOf(first.parsed), second, denied);
      } finally {
        call.markJudged();
      }
    };
    let isRefused = false;
    const fail = (text: string): never => {
      isRefused = true;
      throw new TypeError(text);
    };
    const refuse = (reason: string): never => fail(`Cannot call '${tool.name}': ${reason}`);
    try {
      return await judged(next, callOf(given), execute, (text) => text);
    } catch (error) {
      if (isRefused) return errorMessage(error); // tells the model, and doesn't fail the run
      throw error;
    }
  };
}

function judgedShell(tool: SdkTool, shell: SdkShell, take: Take): SdkShell {
  return {
    async run(action) {
      const next = take();
      if (next === undefined) return await shell.run(action);
      const { callId, frame: { signal } } = next;
      const call = { name: tool.name, params: action, callId, signal };
      const output = (stdout: string, stderr: string, exitCode: number | null) => ({
        output: [{ stdout, stderr, outcome: { type: "exit", exitCode } }],
      });
      const result = await judged(
        next,
        call,
        (params) => shell.run(params),
        (text) => output("", text, null),
      );
      // A gate may have rewritten the result, which then is text.
      return typeof result === "string" ? output(result, "", 0) : result;
    },
  };
}

/** The method of an editor for each type of operation. */
const EDITS = {
  create_file: "createFile",
  update_file: "updateFile",
  delete_file: "deleteFile",
} as const;

function judgedEditor(tool: SdkTool, editor: SdkEditor, take: Take): SdkEditor {
  const edit: SdkEditor["createFile"] = async (operation, context) => {
    // A gate may have rewritten the type, too.
    const execute = ({ type, ...rest }: typeof operation) => {
      if (!Object.hasOwn(EDITS, type)) throw new TypeError(`Cannot edit: unknown type '${type}'`);
      return editor[EDITS[type]]({ type, ...rest }, context);
    };
    const next = take();
    if (next === undefined) return await execute(operation);
    const { callId, frame: { signal } } = next;
    const call = { name: tool.name, params: operation, callId, signal };
    const denied = (output: string) => ({ status: "failed", output });
    const result = await judged(next, call, execute, denied);
    return typeof result === "string" ? { status: "completed", output: result } : result;
  };
  return { createFile: edit, updateFile: edit, deleteFile: edit };
}

/** Judges a call, and runs it in a frame of its own. */
async function judged(
  { run, frame }: Next,
  call: ToolCall,
  execute: (params: never, call: AllowedCall) => unknown,
  denied: (text: string) => unknown,
): Promise<unknown> {
  const { connection, signal, isOver, isStopped, hasGates } = frame;
  const handoffs: AgentRun[] = [];
  const state = { connection, signal, isOver, isStopped, hasGates };
  const inner: Frame = { ...state, current: run, handoffs };
  const tool = async (params: never, own: AllowedCall): Promise<unknown> => {
    // It may have ended while a person was asked, and the SDK tells a shell or an editor nothing of that.
    if (isOver()) throw new Error("The run has ended");
    try {
      return await frames().run(inner, () => execute(params, own));
    } finally {
      for (const other of handoffs.toReversed()) await other.end();
    }
  };
  return await run.tool(call, tool, (denial) => denied(denialText(denial)));
}

/** The description of the symbol under which the SDK passes a callback: it gets what the schema made of the input. */
const CALLBACK = "openai.agents.functionToolParsedInputCallback";

/** What a tool returned, or the arguments with which it did not run. */
type Invoked = { readonly output: unknown } | Unjudged;
type Unjudged = { readonly parsed: unknown };

/**
 * Invokes a tool, unless its schema makes other arguments of the input than gates judged: the SDK applies it right
 * before it runs the tool, and only then tells its output. Tools that weren't created by `tool()` have no schema.
 */
async function invokeIf(
  { judged, kept, details }: {
    readonly judged: unknown;
    /** Judged arguments for the tool in place of others, which a schema may return each time. @default none */
    readonly kept?: unknown;
    readonly details: InvokeDetails | undefined;
  },
  invoke: () => Promise<unknown>,
): Promise<Invoked> {
  const own = (details ?? {}) as Record<PropertyKey, unknown>; // made by the SDK for this call
  const key = Object.getOwnPropertySymbols(own).find(({ description }) => description === CALLBACK);
  if (key === undefined) return { output: await invoke() };
  const { [key]: callback, signal } = own;
  const found: { unjudged?: Unjudged } = {};
  own[key] = (parsed: unknown): void => {
    replaceFields(parsed, kept);
    if (isSame(parsed, judged)) return (callback as (parsed: unknown) => void)(parsed);
    found.unjudged = { parsed };
    const error = new Error("No gate has judged these arguments");
    own.signal = AbortSignal.abort(error); // so that the tool's `errorFunction` isn't called
    throw error;
  };
  try {
    const output = await invoke();
    return found.unjudged ?? { output };
  } catch (error) {
    if (found.unjudged === undefined) throw error;
    return found.unjudged;
  } finally {
    own[key] = callback;
    own.signal = signal;
  }
}

/** Invokes a tool with what gates judged of arguments that its schema made, or returns why it did not run. */
async function invokeParsed(
  { judged, parsed, text, details }: {
    readonly judged: unknown;
    /** What the schema made of the text. */
    readonly parsed: unknown;
    readonly text: string;
    readonly details: InvokeDetails | undefined;
  },
  run: (text: string) => Promise<unknown>,
): Promise<{ readonly output: unknown } | { readonly reason: string }> {
  const isKept = isSame(parsed, judged);
  const own = isKept ? text : written(text, judged);
  const kept = isKept ? parsed : undefined;
  const last = await invokeIf({ judged, kept, details }, () => run(own));
  if ("output" in last) return last;
  if (isKept) return { reason: "its schema returns something different each time" };
  return { reason: describeDropped(judged, { given: parsed, parsed: last.parsed }) ?? CHANGED };
}

/** Gives an object the fields of another one, in place: the SDK passes the object to the tool. */
function replaceFields(target: unknown, source: unknown): void {
  if (target === source || !isObject(target) || !isObject(source)) return;
  for (const key of Reflect.ownKeys(target)) Reflect.deleteProperty(target, key);
  for (const [key, value] of Object.entries(source)) Reflect.set(target, key, value);
}
