/**
 * Explains js-yaml's errors. Its own messages are never passed on, because they may quote the text, and so
 * a secret.
 *
 * @module
 */

/** Deepest nesting: a configuration needs less. */
export const MAX_DEPTH = 50;
/** Most aliases: too few to make something small large. */
export const MAX_ALIASES = 20;

const UNCLOSED = "ends before a '[' or a '{' is closed";
const INDENTATION = "has an indentation here that matches no line above";

/** The start of js-yaml's reason, and what to say instead. */
const MESSAGES: readonly (readonly [reason: RegExp, problem: string])[] = [
  [/^tab characters must not/, "is indented with a tab: use spaces"],
  [/^bad indentation/, INDENTATION],
  [/^deficient indentation/, "has a '[', a '{' or a quote above this line that is not closed"],
  [/^missed comma/, "lacks a comma between two entries here, or a closing quote or bracket"],
  [/^expected the node content/, "has a comma here with nothing before it"],
  [/within a flow collection/, UNCLOSED],
  [/within a double quoted/, 'ends before a " is closed'],
  [/within a single quoted/, "ends before a ' is closed"],
  [
    /^unknown escape|hexadecimal/,
    "has an invalid escape in \"…\" here: use '…', or \\\\ for a backslash",
  ],
  [/^can not read a block mapping/, "has a line here that is neither 'key: value' nor '- item'"],
  [/^expected ':' after/, "lacks a ':' after a key here"],
  [/^a whitespace character is expected/, "lacks a space after the ':' here"],
  [/^name of an alias|^alias node/, 'has an unquoted * here: put text with * in quotes, as in "*"'],
  [/^unidentified alias/, "has an unknown alias here: put text that starts with * in quotes"],
  [/^name of an anchor|^duplication/, "has an unquoted & here: put text with & in quotes"],
  [/tag/i, "has an unquoted ! here, and tags are not supported: put text with ! in quotes"],
  [/complex keys|recursive alias/, "has a key here that is not text"],
  [/directive|YAML version/, "has an unsupported % here: put text with % in quotes"],
  [/non-printable|null byte|JSON character/, "contains a character that is not text"],
  [
    /block scalar|chomping|indentation width|line break/,
    "has something invalid after a '|' or '>' here",
  ],
];

const UNKNOWN = "has something here that doesn't fit what is above it: check indentation, quotes " +
  "and brackets";

/** Returns what is wrong, from js-yaml's reason and the text where it stopped. */
export function describeSyntaxError(
  reason: string,
  source: string,
  position: number,
): { readonly code: "syntax" | "too_large"; readonly problem: string } {
  if (reason.startsWith("nesting exceeded")) {
    return { code: "too_large", problem: `is nested deeper than ${MAX_DEPTH} levels` };
  }
  if (reason.startsWith("aliases exceeded")) {
    return { code: "too_large", problem: `has more than ${MAX_ALIASES} aliases` };
  }
  const problem = describeText(reason, source, position) ??
    MESSAGES.find(([start]) => start.test(reason))?.[1] ?? UNKNOWN;
  return { code: "syntax", problem };
}

/** Returns what the text shows better than the reason. */
function describeText(reason: string, source: string, position: number): string | undefined {
  const next = source[position] ?? "";
  const rest = source.slice(position);
  if (
    /\$\{?$/.test(source.slice(Math.max(0, position - 2), position)) && /comma|flow/.test(reason)
  ) {
    return "has an unquoted ${…} inside { } or [ ] here: put the value in quotes";
  }
  if (/^deficient/.test(reason) && rest.trim() === "") return UNCLOSED;
  if (rest.startsWith("//")) return "has a comment here that starts with //: start it with #";
  if (/^[@`%]/.test(next)) {
    return `has an unquoted ${next} here, which YAML reserves: put it in quotes`;
  }
  if (!/^bad indentation of a mapping/.test(reason)) return undefined;
  if (next === ":") {
    return "has a ': ' inside a value here: put the value in quotes, or add the ':' that is missing above";
  }
  return /(?:^|[\r\n])[ \t]*$/.test(source.slice(0, position))
    ? INDENTATION
    : "has more after a value here: put the value in quotes";
}
