import { copyJson } from "../../internal/json.ts";
import { copyWith } from "../copy_with.ts";
import { copyOf, isSame, REJECTED } from "../params.ts";
import { type AllowedCall, toRecord } from "../tool_call.ts";

/** A tool of LangChain. */
type Tool = {
  readonly schema?: unknown;
  readonly bound?: unknown;
  invoke(input: unknown, config?: object): unknown;
  /** Runs it with what its schema makes of the arguments. All tools have it, except those made of a runnable. */
  _call?(input: unknown, ...others: unknown[]): unknown;
};

/** A schema that keeps everything. */
const ANY = {};

/** Returns whether a tool can get what gates judged without another use of its schema. */
export function isJudgeable(tool: unknown): boolean {
  const { _call, bound } = (tool ?? {}) as Partial<Tool>;
  return typeof _call === "function" || bound !== undefined;
}

/**
 * Returns a tool like another, that runs with what gates judged, or not at all.
 *
 * @param runId The id of the LangChain run in which it starts
 */
export function judgedTool(tool: unknown, call: AllowedCall, runId: string): unknown {
  if (!isJudgeable(tool)) return tool;
  const own = tool as Tool;
  const { parsed } = call;
  if (own._call === undefined) {
    return parsed === undefined
      ? tool
      : copyWith(own, { invoke: (_, config) => bound(own, call, config) });
  }
  let id: string | undefined = runId; // a tool that runs again does so in another run
  const copy: Tool = copyWith(own, {
    ...(parsed === "accepted" && { schema: ANY }),
    invoke: (input, config) => {
      const options = { ...config, runId: id };
      id = undefined;
      return own.invoke.call(copy, input, options);
    },
    _call: (input, ...others) => own._call!(inputOf(call, input), ...others),
  });
  return copy;
}

/** @throws {TypeError} when gates haven't judged the input */
function inputOf({ parsed, params }: AllowedCall, input: unknown): unknown {
  if (parsed === "accepted") return copyOf(params);
  if (parsed === "rejected") throw new TypeError(REJECTED);
  const { value: judged } = copyJson(toRecord(params), "params");
  if (isSame(toRecord(input), judged)) return input;
  throw new TypeError("the tool's schema changes what gates judged");
}

/** Invokes a tool that is made of a runnable, which applies the schema only to what looks like a call. */
function bound(tool: Tool, { parsed, params }: AllowedCall, config?: object): unknown {
  const { type } = (params ?? {}) as { readonly type?: unknown };
  if (parsed === "accepted" && type !== "tool_call") return tool.invoke(copyOf(params), config);
  throw new TypeError("Received tool input did not match expected schema");
}
