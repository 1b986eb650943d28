import type { Endpoint } from "./_endpoint.ts";

/** What came of a request. */
type Sent = {
  readonly response: Response;
  /** Whether it was resent because the first connection was closed. */
  readonly resent: boolean;
};

/**
 * When each origin last responded, by the `fetch` that pools its connections. Only then can a
 * connection have been reused.
 */
const responded = /* @__PURE__ */ new WeakMap<typeof fetch, Map<string, number>>();
/** Origins that are remembered for each `fetch`. */
const MOST_ORIGINS = 1000;
/** Longest that a pool keeps an idle connection, in milliseconds: undici's limit is the highest. */
const LONGEST_IDLE = 600_000;

/**
 * Sends a request, and resends it once if its kept-alive connection was closed: a receiver may close an
 * idle connection just as it is reused (RFC 9112, section 9.3.1). A second
 * request is safe, as the message and its id are the same. Deno's `fetch` resends by itself; Node's and
 * Bun's do not, and don't say whether the connection was reused: here it may have been if the origin
 * responded before. Never after a timeout or an abort, and never twice.
 */
export async function sendRequest(
  endpoint: Endpoint,
  init: RequestInit & { readonly signal: AbortSignal },
): Promise<Sent> {
  const { url } = endpoint;
  const send = endpoint.fetch ?? fetch;
  const known = responded.get(send) ?? new Map<string, number>();
  responded.set(send, known);
  let resent = false;
  for (;;) {
    try {
      // Bun takes a new connection then: another idle one may be closed as well.
      const response = await send(url, resent ? { ...init, keepalive: false } : init);
      known.delete(url.origin); // the newest last
      known.set(url.origin, performance.now());
      if (known.size > MOST_ORIGINS) known.delete(known.keys().next().value!);
      return { response, resent };
    } catch (error) {
      const last = known.get(url.origin) ?? -Infinity;
      const stale = performance.now() - last < LONGEST_IDLE && isClosed(error);
      if (resent || !stale || init.signal.aborted) throw error;
      resent = true;
    }
  }
}

/** Whether a connection was closed before a response came, in the words of Node and Bun. */
function isClosed(error: unknown): boolean {
  return causesOf(error).some(({ code, message }) =>
    code === "ECONNRESET" || code === "EPIPE" || code === "ConnectionClosed" ||
    // "bad response" and others have this code too, and say that something came.
    (code === "UND_ERR_SOCKET" && message === "other side closed")
  );
}

/**
 * Whether `fetch` refused a request before it sent anything, and would refuse it again. Node has codes
 * for it, Deno and undici's blocked ports have words alone.
 */
export function isRefused(error: unknown): boolean {
  return causesOf(error).some(({ code, message }) =>
    /^UND_ERR_(?:INVALID_ARG|NOT_SUPPORTED|REQ_CONTENT_LENGTH_MISMATCH)$/.test(code) ||
    /^(?:bad port$|Fetch failed: Requests to port \d+ are blocked$)/.test(message)
  );
}

/** Causes of causes that are looked at. */
const DEEPEST_CAUSE = 4;

function causesOf(
  error: unknown,
): readonly { readonly code: string; readonly message: string }[] {
  const causes = [];
  for (
    let next = error;
    next instanceof Error && causes.length < DEEPEST_CAUSE;
    next = next.cause
  ) {
    causes.push({ code: String(Object(next).code ?? ""), message: String(next.message) });
  }
  return causes;
}
