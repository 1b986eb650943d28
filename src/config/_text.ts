/**
 * Text as a kind of value, with variables put in.
 *
 * @module
 */
import type { Kind, Meant } from "./_kinds.ts";
import { describe, describeReference, paddingHint, type Reader, type Show } from "./_reader.ts";

/** What a text has to be. */
export interface TextRule<T> {
  /** Follows "must be". */
  readonly accepted: string;
  readonly pattern: RegExp;
  /** @default {"all"} */
  readonly show?: Show;
  /** What a pattern can't say; undefined: not accepted. */
  readonly parse?: (text: string) => T | undefined;
  /** What is wrong with a text that the pattern accepts; undefined: nothing. Shows no more than `show`. */
  readonly problem?: (text: string) => string | undefined;
  /** Is given a text without variables, or a number. */
  readonly meant?: (written: string) => Meant;
  /** Alternatives to the pattern in the JSON Schema. */
  readonly options?: readonly string[];
}

/** Longest text, in UTF-16 code units: as long as a header or a URL that servers take. */
const MAX_LENGTH = 8192;

/** Text, with variables put in. */
export function text<T = string>(rule: TextRule<T>): Kind<T> {
  return {
    get schema() {
      const refers = { type: "string", pattern: "\\$\\{", maxLength: MAX_LENGTH };
      if (rule.options) return { anyOf: [{ enum: rule.options }, refers] };
      return { ...refers, pattern: `(?:${rule.pattern.source})|\\$\\{` };
    },
    read: (value, reader) => readText(value, rule, reader),
  };
}

function readText<T>(value: unknown, rule: TextRule<T>, reader: Reader): T | undefined {
  const { accepted, pattern, show = "all", meant = () => ({}) } = rule;
  reader.show(show);
  const problem = `must be ${accepted}`;
  if (typeof value !== "string") {
    const scalar = typeof value === "number" || typeof value === "boolean";
    const hint = scalar && pattern.test(String(value)) ? { hint: "put it in quotes" } : {};
    const guess = typeof value === "number" ? meant(String(value)) : {};
    const found = describe(value, show);
    reader.fault("invalid_type", { problem, accepted, found, ...hint, ...guess });
    return undefined;
  }
  const expanded = fits(value, accepted, reader) ? reader.expand(value, show) : undefined;
  if (expanded === undefined || !fits(expanded.text, accepted, reader)) return undefined;
  const matches = pattern.test(expanded.text);
  const special = matches ? rule.problem?.(expanded.text) : undefined;
  if (special !== undefined) {
    reader.fault("invalid_value", { problem: special, accepted });
    return undefined;
  }
  const result = !matches ? undefined : rule.parse ? rule.parse(expanded.text) : expanded.text as T;
  if (result !== undefined) return result;
  const found = expanded.refers
    ? describeReference(value, expanded.text, show)
    : describe(value, show);
  const guess = expanded.refers ? paddingHint(expanded.text) : meant(value);
  reader.fault("invalid_value", { problem, accepted, found, ...guess });
  return undefined;
}

/** Whether a text is short enough to be looked at. */
function fits({ length }: string, accepted: string, reader: Reader): boolean {
  if (length <= MAX_LENGTH) return true;
  const problem = `must have at most ${MAX_LENGTH} characters`;
  reader.fault("too_large", { problem, accepted, found: `text of ${length} characters` });
  return false;
}

/** One of some words. */
export function oneOf<const T extends string>(
  words: readonly T[],
  meant: (written: string) => Meant,
): Kind<T> {
  const pattern = new RegExp(`^(?:${words.join("|")})$`, "u");
  const accepted = words.join(", ").replace(/, (?!.*, )/, " or ");
  return text<T>({ accepted, pattern, meant, options: words });
}
