/**
 * An error of the backend as a store throws it. Its class would mislead: `fetch` throws a `TypeError` when
 * a reply is lost, which at a store means that nothing was sent. And `@deno/kv` puts a stack into the
 * message, of which the first line is kept.
 */
export function failure(what: string, error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  if (/non-U64 value/.test(message)) {
    return new TypeError("Cannot sum as the key holds a JSON value", {
      cause: error,
    });
  }
  return new Error(
    `Cannot ${what} as Deno KV failed: ${message.split("\n", 1)[0]}`,
    {
      cause: error,
    },
  );
}
