import { errorMessage } from "../internal/issues.ts";
import { maskUrls } from "../internal/mask_url.ts";
import type { CheckedRequest } from "./check_options.ts";
import { signingKey } from "./keys.ts";
import { signWith, type WebhookSigner } from "./sign.ts";

/** Headers of every request, unless a user sets them. */
export const DEFAULT_HEADERS = {
  "user-agent": "omniagent-hooks",
  // Without encodings, what is read of a response can be decoded, and is as long as it was sent.
  "accept-encoding": "identity",
} as const;

/** Creates the signer of requests; undefined if they are not signed. */
export function createSigner(
  { secrets }: Pick<CheckedRequest, "secrets">,
): WebhookSigner | undefined {
  return secrets.length > 0 ? signWith(secrets.map(signingKey)) : undefined;
}

/** Returns the headers of Standard Webhooks for a body that is sent now. */
export async function standardHeaders(
  signer: WebhookSigner | undefined,
  id: string,
  body: Uint8Array,
): Promise<Readonly<Record<string, string>>> {
  const timestamp = new Date();
  return await signer?.sign(body, { id, timestamp }) ?? {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(timestamp.getTime() / 1000)),
  };
}

/**
 * Sends a request, and sends it again once if no response came and `mayResend` says so. A second request is
 * safe, because the message and its id are the same. Never after a timeout or an abort.
 */
export async function sendRequest(
  send: typeof fetch,
  url: URL,
  init: RequestInit & { readonly signal: AbortSignal },
  mayResend: (error: unknown) => boolean,
): Promise<{ readonly response: Response; readonly resent: boolean }> {
  for (let resent = false;; resent = true) {
    try {
      // Bun opens a new connection for a resend: another idle one may be closed as well.
      return { response: await send(url, resent ? { ...init, keepalive: false } : init), resent };
    } catch (error) {
      if (resent || init.signal.aborted || !mayResend(error)) throw error;
    }
  }
}

/** Limits of an attempt's `error` and of the text that is searched for secrets first, in characters. */
const MAX_ERROR = 1024;
const MAX_SEARCHED = 16 * 1024;

/** Describes why a request failed, without secrets. */
export async function describeFailure(
  error: unknown,
  redact: CheckedRequest["redact"],
): Promise<string> {
  const text = explain(error);
  const redacted = await redact(text.slice(0, MAX_SEARCHED), text.length <= MAX_SEARCHED);
  return maskUrls(redacted).slice(0, MAX_ERROR);
}

/**
 * Returns whether `fetch` rejected a request before it sent anything, and would do so again. Node has codes
 * for it; Deno, and undici's blocked ports, only have messages.
 */
export function isRejectedByFetch(error: unknown): boolean {
  return causesOf(error).some(({ code, message }) =>
    /^UND_ERR_(?:INVALID_ARG|NOT_SUPPORTED|REQ_CONTENT_LENGTH_MISMATCH)$/.test(code) ||
    /^(?:bad port$|Fetch failed: Requests to port \d+ are blocked$)/.test(message)
  );
}

/** Returns the messages of an error and its causes: platforms hide the reason in a cause. */
function explain(error: unknown): string {
  const causes = causesOf(error);
  const messages = causes.map(({ code, message, name }) => message || code || name);
  const { cause } = causes.at(-1) ?? { cause: error };
  if (cause !== undefined && !(cause instanceof Error)) messages.push(errorMessage(cause));
  return [...new Set(messages)].join(": ") || "it failed without a reason";
}

/** How many causes of causes to follow. */
const MAX_CAUSES = 4;

type Cause = Record<"code" | "message" | "name", string> & { readonly cause: unknown };

/** Returns an error and its causes, the outermost first, at most `MAX_CAUSES`. */
export function causesOf(error: unknown): readonly Cause[] {
  const causes: Cause[] = [];
  let next = error;
  while (next instanceof Error && causes.length < MAX_CAUSES) {
    const { message, name, cause } = next;
    causes.push({
      code: String(Object(next).code ?? ""),
      message: String(message),
      name: String(name),
      cause,
    });
    next = cause;
  }
  return causes;
}
