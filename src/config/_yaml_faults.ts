/**
 * What js-yaml says, in words that help. Its own are never passed on: they may hold a part of the text,
 * and so of a secret.
 *
 * @module
 */

/** Deepest nesting, and most aliases: a configuration needs neither. */
export const MAX_DEPTH = 50;
/** As many aliases as can't make something small large. */
export const MAX_ALIASES = 20;

const UNCLOSED = "ends before a '[' or a '{' is closed";

/** The beginning of js-yaml's words, and ours. */
const SAID: readonly (readonly [begins: RegExp, problem: string, code?: "too_large"])[] = [
  [/^nesting exceeded/, `is nested deeper than ${MAX_DEPTH} levels`, "too_large"],
  [/^aliases exceeded/, `has more than ${MAX_ALIASES} aliases`, "too_large"],
  [/^tab characters must not/, "is indented with a tab: use spaces"],
  [/^bad indentation/, "has an indentation here that fits no line above"],
  [/^deficient indentation/, "has a '[', a '{' or a quote above this line that is not closed"],
  [/^missed comma/, "lacks a comma between two entries here, or a quote, or a bracket that closes"],
  [/^expected the node content/, "has a comma here with nothing before it"],
  [/within a flow collection/, UNCLOSED],
  [/within a double quoted/, 'ends before a " is closed'],
  [/within a single quoted/, "ends before a ' is closed"],
  [
    /^unknown escape sequence|hexadecimal character/,
    "has a backslash in \"…\" here that YAML does not know: use '…', or \\\\",
  ],
  [/^can not read a block mapping/, "has a line here that is neither 'key: value' nor '- item'"],
  [/^expected ':' after/, "lacks a ':' after a key here"],
  [/^a whitespace character is expected/, "lacks a space after the ':' here"],
  [
    /^name of an alias|^alias node/,
    'has an unquoted * here, which begins an alias: put text with * in quotes, as in "*"',
  ],
  [
    /^unidentified alias/,
    "has an alias here, and no anchor of its name above it: put text that begins with * in quotes",
  ],
  [
    /^name of an anchor|^duplication of an anchor/,
    "has an unquoted & here, which begins an anchor: put text with & in quotes",
  ],
  [
    /tag/i,
    "has an unquoted ! here, which begins a tag, and tags are not read: put text with ! in quotes",
  ],
  [/complex keys|recursive alias/, "has a key here that is not text"],
  [
    /directive|YAML version/,
    "has a line here that begins with %, which is not read: put text with % in quotes",
  ],
  [
    /non-printable|null byte|valid JSON character/,
    "holds a character that is not text, such as a control character",
  ],
  [
    /block scalar|chomping|indentation width|line break is expected/,
    "has a '|' or '>' here with more after it than YAML knows",
  ],
];

/** Said of what nothing better is known of. */
const UNKNOWN =
  "has something here that does not belong to what is above it: look at indentation, " +
  "quotes and brackets";

/** What is wrong, of js-yaml's reason, and of the text where it stopped. */
export function yamlProblem(
  reason: string,
  source: string,
  at: number,
): { readonly code: "syntax" | "too_large"; readonly problem: string } {
  const seen = problemSeen(reason, source, at);
  if (seen !== undefined) return { code: "syntax", problem: seen };
  const [, problem, code = "syntax"] = SAID.find(([begins]) => begins.test(reason)) ??
    ["", UNKNOWN];
  return { code, problem };
}

/** What the text itself shows better than the reason. */
function problemSeen(reason: string, source: string, at: number): string | undefined {
  const next = source[at] ?? "";
  if (/\$\{?$/.test(source.slice(Math.max(0, at - 2), at)) && /comma|flow/.test(reason)) {
    return "has an unquoted ${…} inside of { } or [ ] here: put the value in quotes";
  }
  if (/^deficient/.test(reason) && source.slice(at).trim() === "") return UNCLOSED;
  if (source.startsWith("//", at)) return "has a comment here that begins with //: begin it with #";
  if (/^[@`%]/.test(next)) {
    return `has an unquoted ${next} here, which YAML reserves: put it in quotes`;
  }
  if (!/^bad indentation of a mapping/.test(reason)) return undefined;
  if (next === ":") {
    return "has a ': ' in the middle of a value here: put the value in quotes, or look for a ':' that is missing above";
  }
  return /(?:^|[\r\n])[ \t]*$/.test(source.slice(0, at))
    ? "has an indentation here that fits no line above"
    : "has more after a value here: put the value in quotes";
}
