import type { Attempt } from "../core/mod.ts";
import { withTimeout } from "../internal/async.ts";
import { parseRetryAfter } from "../internal/http_fields.ts";
import { MAX_EXCERPT } from "./limits.ts";

/** Statuses below 500 that are retried. Our own receiver sends 409 while an earlier attempt is running. */
const TRANSIENT: ReadonlySet<number> = /* @__PURE__ */ new Set([408, 409, 425, 429]);

/** The result of an attempt, as far as a response decides it. */
type ResponseResult = Pick<Attempt, "verdict" | "error" | "retryAfter">;

/**
 * Returns the result of an attempt by the response's status and by the headers `webhook-delivery` and
 * `Retry-After`.
 *
 * @param retryOn Further statuses to retry
 */
export function classifyResponse(
  response: Response,
  retryOn: ReadonlySet<number>,
  now: number,
): ResponseResult {
  const { status, headers } = response;
  if (status >= 200 && status < 300) return { verdict: "delivered" };
  const verdict = verdictOf(status, headers.get("webhook-delivery"), retryOn);
  const retryAfter = verdict === "retry"
    ? parseRetryAfter(headers.get("retry-after"), now)
    : undefined;
  return {
    verdict,
    error: describeStatus(response),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
}

function verdictOf(
  status: number,
  command: string | null,
  retryOn: ReadonlySet<number>,
): Attempt["verdict"] {
  if (status === 410 || command === "disable") return "disable";
  if (command === "abort-message") return "final";
  // 1xx is not a final response (RFC 9110, section 15.2): one that a platform returns is a broken one.
  const isInformational = status > 0 && status < 200;
  return status >= 500 || isInformational || TRANSIENT.has(status) || retryOn.has(status)
    ? "retry"
    : "final";
}

/** Describes a response that is not a success. */
export function describeStatus({ status, type }: Response): string {
  // Where the platform hides a redirect, its status is 0.
  if (type === "opaqueredirect" || (status >= 300 && status < 400 && status !== 304)) {
    return `the response was a redirect${status ? ` (${status})` : ""}, which is not followed`;
  }
  return `the response was ${status}`;
}

/** Bytes of a body that are read. */
const MAX_READ = 16 * 1024;
/** How long to read, in milliseconds: the body is for the log only, and the delivery is already decided. */
const EXCERPT_TIMEOUT = 2000;

/**
 * Reads the start of a body: what arrived before it ended, broke off, or took too long. Never rejects: a
 * body that can't be decoded or never ends doesn't affect the delivery.
 */
export async function readExcerpt(
  response: Response,
  redact: (text: string, ended: boolean) => Promise<string>,
  signal: AbortSignal,
  timeout: number,
): Promise<{ readonly text: string; readonly ended: boolean }> {
  if (!response.body) return { text: "", ended: true };
  const decoder = new TextDecoder();
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let text = "";
  let ended = false;
  const read = async (): Promise<void> => {
    reader = response.body!.getReader();
    for (let length = 0; length < MAX_READ && !ended;) {
      const { done, value } = await reader.read();
      ended = done;
      const part = value?.subarray(0, MAX_READ - length);
      text += decoder.decode(part, { stream: !done });
      length += part?.length ?? 0;
    }
  };
  const expired = (): Error => new Error("the body took too long");
  try {
    await withTimeout(signal, Math.max(0, Math.min(timeout, EXCERPT_TIMEOUT)), expired, read);
  } catch {
    // The status has decided.
  }
  if (!ended) reader?.cancel().catch(() => {});
  const redacted = await redact(text, ended);
  const kept = new TextEncoder().encodeInto(redacted, new Uint8Array(MAX_EXCERPT)).read;
  return { text: redacted.slice(0, kept), ended };
}
