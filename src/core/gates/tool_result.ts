import { errorMessage } from "../../internal/issues.ts";
import { copyJson } from "../../internal/json.ts";

/** Returns the text of a result for observers; undefined if it has none. Never throws, because the tool has run. */
export function looseText(result: unknown): string | undefined {
  if (typeof result === "string") return result;
  try {
    return JSON.stringify(result);
  } catch {
    return errorMessage(result);
  }
}

/** The result has no JSON form. */
export const NO_FORM: unique symbol = Symbol();

/** Returns the text of a result for gates; undefined without a result. It contains all of the result. */
export function strictText(result: unknown): string | undefined | typeof NO_FORM {
  if (typeof result === "string" || result === undefined) return result;
  const { value, issues } = copyJson(result, "result");
  return issues.length > 0 ? NO_FORM : JSON.stringify(value);
}

/** Returns the result that gates allow: never the tool's own object, which may hold more than its JSON shows. */
export function judgedResult(isText: boolean, data: unknown): unknown {
  const text = (data as { readonly result?: string }).result;
  if (text === undefined || isText) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The prototypes of errors that have nothing but a message. */
const PLAIN_ERRORS: readonly unknown[] = [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
].map(({ prototype }) => prototype);

/**
 * Where an error was created, as properties that JavaScriptCore adds, as in Bun. Elsewhere, parsers set some of them,
 * to the text that they could not parse.
 */
const PLACE: Readonly<Record<PropertyKey, string>> = {
  line: "number",
  column: "number",
  originalLine: "number",
  originalColumn: "number",
  sourceURL: "string",
};

/**
 * Returns whether an error holds no more than the text that gates judged: no output of a command, no cause, no key, and
 * nothing that a class of its own keeps in private.
 */
export function isPlain(error: unknown, text: string): boolean {
  if (!(error instanceof Error)) return error === text;
  if (!PLAIN_ERRORS.includes(Object.getPrototypeOf(error)) || error.message !== text) return false;
  const hasPlace = Object.hasOwn(new Error(), "line");
  return Reflect.ownKeys(error).every((key) => {
    if (key === "stack") return true;
    const { value } = Object.getOwnPropertyDescriptor(error, key)!; // undefined for a getter, which may change
    return key === "message" ? value === text : hasPlace && typeof value === PLACE[key];
  });
}
