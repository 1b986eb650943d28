/**
 * The paths of a filter. A further door of this folder, so that the configuration reads them alike.
 *
 * @module
 */

/**
 * What follows `data.`: keys separated by dots. `\.` is a dot within a key and `\\` a backslash, as in
 * `data.labels.app\.kubernetes\.io/name`.
 */
const KEYS = "(?:[^\\\\]|\\\\[.\\\\])+";

/** The source of a pattern for paths, where `session` is the name of the session's id. */
export function filterPathPattern(session: string): string {
  return `^(?:data(?:\\.${KEYS})?|type|id|${session})$`;
}

/** The keys of a path that the pattern matches. */
export function parseFilterPath(path: string): readonly string[] {
  const keys = [""];
  for (const [part, escaped] of path.matchAll(/\\([^])|[^]/g)) {
    if (part === ".") keys.push("");
    else keys[keys.length - 1] += escaped ?? part;
  }
  return keys;
}

/** The path of some keys. */
export function filterPath(keys: readonly string[]): string {
  return keys.map((key) => key.replace(/[.\\]/g, "\\$&")).join(".");
}

/**
 * Returns whether a text matches a glob, in which `*` matches any run of characters. Takes at most the
 * product of both lengths.
 */
export function matchesGlob(glob: string, text: string): boolean {
  let g = 0;
  let star = -1; // the last `*`
  let resume = 0; // where what it stands for ends
  for (let t = 0; t < text.length;) {
    if (glob[g] === "*") {
      star = g++;
      resume = t;
    } else if (glob[g] === text[t]) {
      g++;
      t++;
    } else if (star >= 0) {
      g = star + 1;
      t = ++resume;
    } else return false;
  }
  while (glob[g] === "*") g++;
  return g === glob.length;
}
