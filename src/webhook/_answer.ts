import { withTimeout } from "../internal/async.ts";
import { parseRetryAfter } from "../internal/http_fields.ts";
import type { Attempt } from "../core/mod.ts";
import type { Endpoint } from "./_endpoint.ts";

/** Statuses below 500 that may pass: 409 is what our own receiver answers while the first try runs. */
const TRANSIENT: ReadonlySet<number> = /* @__PURE__ */ new Set([408, 409, 425, 429]);

/** What an answer means. */
export type Judgement = Pick<Attempt, "verdict" | "error" | "retryAfter">;

/**
 * What an answer means, by its status, the receiver's word in `webhook-delivery` and `Retry-After`.
 *
 * @param retryOn Statuses that are retried beside the usual
 */
export function judge(response: Response, retryOn: ReadonlySet<number>, now: number): Judgement {
  const { status, headers } = response;
  if (status >= 200 && status < 300) return { verdict: "delivered" };
  const verdict = verdictOf(status, headers.get("webhook-delivery"), retryOn);
  const wait = verdict === "retry" ? parseRetryAfter(headers.get("retry-after"), now) : undefined;
  return {
    verdict,
    error: describe(response),
    ...(wait === undefined ? {} : { retryAfter: wait }),
  };
}

function verdictOf(
  status: number,
  word: string | null,
  retryOn: ReadonlySet<number>,
): Attempt["verdict"] {
  if (status === 410 || word === "disable") return "disable";
  if (word === "abort-message") return "final";
  // 1xx is no final response (RFC 9110, section 15.2): one that a platform hands on is a broken one.
  return status >= 500 || (status > 0 && status < 200) || TRANSIENT.has(status) ||
      retryOn.has(status)
    ? "retry"
    : "final";
}

function describe({ status, type }: Response): string {
  // Where the platform hides a redirect, its status is 0.
  if (type === "opaqueredirect" || (status >= 300 && status < 400 && status !== 304)) {
    return `the answer was a redirect${status ? ` (${status})` : ""}, which is not followed`;
  }
  return `the answer was ${status}`;
}

/** A body is read so far, in bytes. */
const READ = 16 * 1024;
/** And kept so far, in bytes of UTF-8. */
const KEPT = 4 * 1024;
/** And waited for so long, in milliseconds: it is for the log, and the delivery is settled. */
const LONGEST_READ = 2000;

/**
 * Reads the beginning of a body: what came of it before it ended, broke, or took too long. Never
 * rejects: a body that can't be decoded or never ends says nothing about the delivery.
 */
export async function readAnswer(
  response: Response,
  scrub: Endpoint["scrub"],
  signal: AbortSignal,
  milliseconds: number,
): Promise<{ readonly text: string; readonly ended: boolean }> {
  if (!response.body) return { text: "", ended: true };
  const decoder = new TextDecoder();
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let text = "";
  let ended = false;
  const read = async (): Promise<void> => {
    reader = response.body!.getReader();
    for (let length = 0; length < READ && !ended;) {
      const { done, value } = await reader.read();
      ended = done;
      const part = value?.subarray(0, READ - length);
      text += decoder.decode(part, { stream: !done });
      length += part?.length ?? 0;
    }
  };
  const late = (): Error => new Error("the body took too long");
  try {
    await withTimeout(signal, Math.max(0, Math.min(milliseconds, LONGEST_READ)), late, read);
  } catch { // the status has decided
  }
  if (!ended) reader?.cancel().catch(() => {});
  const clean = await scrub(text, ended);
  const kept = new TextEncoder().encodeInto(clean, new Uint8Array(KEPT)).read;
  return { text: clean.slice(0, kept), ended };
}
