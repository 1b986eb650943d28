import { maskUrls } from "./mask_url.ts";
import type { StandardIssue } from "./standard_schema.ts";

/**
 * Returns the message of any thrown value; of nested dispatch errors, that of the root cause. Masks secrets
 * in URLs, because a failed request quotes its URL.
 */
export function errorMessage(error: unknown): string {
  try {
    // Its message contains the messages of all others.
    if (isDispatchError(error)) return errorMessage(error.cause);
    return maskUrls(String(error instanceof Error ? error.message : error));
  } catch {
    return "a value that can't be shown";
  }
}

function isDispatchError(error: unknown): error is Error {
  return error instanceof AggregateError && "code" in error && error.code === "dispatch_failed";
}

/** How many issues or failures a message names. The error has all of them. */
export const SHOWN = 10;

/** Formats issues on one line, each after its path. */
export function formatIssues(issues: readonly StandardIssue[]): string {
  const shown = issues.slice(0, SHOWN).map(({ path, message }) => {
    const at = formatPath(path ?? []);
    return at ? `${at}: ${message}` : message;
  });
  if (issues.length > SHOWN) shown.push(`and ${issues.length - SHOWN} more`);
  return shown.join("; ");
}

/** Formats a path as JavaScript would write it: `data.items[2]["a b"]`. */
function formatPath(path: NonNullable<StandardIssue["path"]>): string {
  let text = "";
  for (const part of path) {
    const key = typeof part === "object" ? part.key : part;
    if (typeof key === "string" && /^[A-Za-z_$][\w$]*$/.test(key)) text += text ? `.${key}` : key;
    else text += `[${typeof key === "string" ? JSON.stringify(key) : String(key)}]`;
  }
  return text;
}

/** Returns whether a string contains what looks like a signing secret, wherever it is. */
export function looksSecret(text: string): boolean {
  return /wh(?:sec|sk)_/.test(text);
}
