import type { Attempt } from "../core/mod.ts";
import { parseRetryAfter } from "./_retry_after.ts";

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
