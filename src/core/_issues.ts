import type { StandardIssue } from "./standard_schema.ts";

/** How many faults a message names; the error's `issues` has all. */
const SHOWN = 10;

/** The faults on one line, each after its path. */
export function formatIssues(issues: readonly StandardIssue[]): string {
  const shown = issues.slice(0, SHOWN).map(({ path, message }) => {
    const at = formatPath(path ?? []);
    return at ? `${at}: ${message}` : message;
  });
  if (issues.length > SHOWN) shown.push(`and ${issues.length - SHOWN} more`);
  return shown.join("; ");
}

/** A path as JavaScript would write it: `data.items[2]["a b"]`. */
function formatPath(path: NonNullable<StandardIssue["path"]>): string {
  let text = "";
  for (const part of path) {
    const key = typeof part === "object" ? part.key : part;
    if (typeof key === "string" && /^[A-Za-z_$][\w$]*$/.test(key)) text += text ? `.${key}` : key;
    else text += `[${typeof key === "string" ? JSON.stringify(key) : String(key)}]`;
  }
  return text;
}
