import { denialText, toText } from "../tool_call.ts";
import { type Frame, frames } from "./frame.ts";
import { parsed, type SdkTool, written } from "./sdk.ts";

type Invoke = NonNullable<SdkTool["invoke"]>;

/** Tools that are about to run: what judges them, and how many calls it still has to judge. */
const announced = new WeakMap<SdkTool, { readonly judge: Invoke; calls: number }>();

/**
 * Lets gates judge the next call of a tool: the runner has announced that it runs this very object, wherever that
 * came from. The tool is changed only until it is called, as the SDK finds the parser of its input by `invoke`.
 *
 * @throws {TypeError} when the tool can't be changed, so that it doesn't run without having been judged
 */
export function judgeNextCall(tool: SdkTool): void {
  const { invoke } = tool;
  if (tool.type !== "function" || typeof invoke !== "function") return; // documented as not judged
  const known = announced.get(tool);
  if (known?.judge === invoke) return void known.calls++;
  const next: { readonly judge: Invoke; calls: number } = {
    calls: 1,
    async judge(context, input, details) {
      const frame = frames().getStore();
      const caller = frame?.isTool ? frame.nested : frame?.current;
      // Whoever calls a tool by itself, such as another tool, isn't the model.
      if (caller === undefined) return await invoke.call(tool, context, input, details);
      next.calls--;
      if (next.calls === 0 && tool.invoke === next.judge) tool.invoke = invoke;
      const inner: Frame = { current: caller, handoffs: [], isTool: true };
      const execute = (params: unknown): Promise<unknown> =>
        frames().run(inner, () => invoke.call(tool, context, written(input, params), details));
      const call = {
        name: tool.name,
        params: parsed(input),
        callId: details?.toolCall?.callId,
        signal: details?.signal,
      };
      return await caller.tool(
        call,
        (params) => subagent(inner, () => execute(params)),
        denialText,
      );
    },
  };
  if (!Reflect.set(tool, "invoke", next.judge) || tool.invoke !== next.judge) {
    throw new TypeError(
      `Cannot call tool '${tool.name}': gates judge a call by replacing 'invoke', and the tool is frozen: ` +
        "pass a copy, such as { ...tool }",
    );
  }
  announced.set(tool, next);
}

/** Runs a tool. If it called an agent, the run of that ends with it. */
async function subagent(frame: Frame, execute: () => Promise<unknown>): Promise<unknown> {
  try {
    const output = await execute();
    const response = toText(output);
    if (response) await frame.nested?.sent(response);
    await frame.nested?.end({ response });
    return output;
  } catch (error) {
    await frame.nested?.end({ error });
    throw error;
  }
}
