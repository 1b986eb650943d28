import { isSame, withoutAdded } from "../params.ts";
import type { InvokeDetails } from "./sdk.ts";

/** The description of the symbol under which the SDK passes a tool a callback: it gets what the schema made of the input. */
const CALLBACK = "openai.agents.functionToolParsedInputCallback";

/** What a tool returned, or the arguments with which it did not run. */
type Invoked = { readonly output: unknown } | Unjudged;
type Unjudged = { readonly parsed: unknown };

/**
 * Invokes a tool, unless its schema makes other arguments of the input than gates judged: the SDK applies it right
 * before it runs the tool, and only then tells its output. Tools that weren't created by `tool()` have no schema.
 */
export async function invokeIf(
  { judged, given, details }: {
    readonly judged: unknown;
    /** The arguments before a gate changed them. */
    readonly given: unknown;
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
    if (isSame(parsed, withoutAdded(judged, { given, parsed }))) {
      return (callback as (parsed: unknown) => void)(parsed);
    }
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
