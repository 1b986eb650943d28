import type { Attempt } from "../core/mod.ts";
import type { Scrub } from "./_scrub.ts";

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
  return status >= 500 || TRANSIENT.has(status) || retryOn.has(status) ? "retry" : "final";
}

function describe({ status, type }: Response): string {
  // Where the platform hides a redirect, its status is 0.
  if (type === "opaqueredirect" || (status >= 300 && status < 400 && status !== 304)) {
    return `the answer was a redirect${status ? ` (${status})` : ""}, which is not followed`;
  }
  return `the answer was ${status}`;
}

/** No receiver is waited for longer, in milliseconds. */
const LONGEST = 24 * 60 * 60 * 1000;
/** The date of RFC 9110, section 5.6.7, in its one form that is still made: `Sun, 06 Nov 1994 08:49:37 GMT`. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;

/**
 * How long `Retry-After` (RFC 9110, section 10.2.3) asks to wait, in milliseconds, 24 hours at most; 0
 * for a date in the past, undefined for anything else.
 */
function parseRetryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  const text = value.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, LONGEST);
  const time = HTTP_DATE.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(time) ? undefined : Math.min(Math.max(time - now, 0), LONGEST);
}

/** An endless answer is read so far, in bytes. */
const READ = 16 * 1024;
/** And kept so far, in bytes of UTF-8. */
const KEPT = 4 * 1024;

/** Reads the beginning of an answer and lets the rest go. */
export async function readAnswer(response: Response, scrub: Scrub): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  let ended = false;
  try {
    while (length < READ && !ended) {
      const { done, value } = await reader.read();
      ended = done;
      const part = value?.subarray(0, READ - length);
      text += decoder.decode(part, { stream: !done });
      length += part?.length ?? 0;
    }
  } finally {
    if (!ended) reader.cancel().catch(() => {}); // gives the connection up
  }
  const clean = scrub.text(text);
  const whole = ended ? clean : clean.slice(0, Math.max(0, clean.length - scrub.longest));
  const { read } = new TextEncoder().encodeInto(whole, new Uint8Array(KEPT));
  return whole.slice(0, read);
}
