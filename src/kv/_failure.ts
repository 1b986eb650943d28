/** What every call gets once the store, or the KV below it, is closed: nothing is sent any more. */
export function closedError(cause?: unknown): TypeError {
  const options = cause === undefined ? {} : { cause };
  return new TypeError("Cannot use the store as it is closed", options);
}

/**
 * An error of the backend as a store throws it. Its class would mislead: `fetch` throws a `TypeError` when
 * a reply is lost, which at a store means that nothing was sent. And `@deno/kv` puts a stack into the
 * message, of which the first line is kept.
 */
export function failure(what: string, error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  // Deno's, and that of `@deno/kv`: whoever opened the KV closed it.
  const closed = (error as Error | null)?.name === "BadResource" || /after '\.close'/.test(message);
  if (closed) return closedError(error);
  if (/non-U64 value/.test(message)) {
    return new TypeError("Cannot sum as the key holds a JSON value", { cause: error });
  }
  const [line] = message.split("\n", 1);
  return new Error(`Cannot ${what} as Deno KV failed: ${line}`, { cause: error });
}
