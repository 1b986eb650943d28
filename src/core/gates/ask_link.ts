import { checkKnown } from "../../internal/options.ts";
import { hmacSha256Hex, timingSafeEqual } from "../../internal/crypto.ts";
import { checkDate, checkOneOf, invalidOption } from "../../internal/validate.ts";
import { MAX_ASK_TIMEOUT, MIN_APPROVAL_KEY } from "./limits.ts";

/** The response of a link. Anyone who has it can use it, once. */
export type AskLink = {
  /** The ask: `ask_id` of `gate.asked`. */
  readonly askId: string;
  readonly decision: "allow" | "deny";
  /** When the link expires. Usually that of the ask: `expires_at` of `gate.asked`. */
  readonly expiresAt: Date;
  /** Who gets the link, for the record. */
  readonly by: string;
};

/** Options of `signAskLink`. */
export type AskLinkOptions = AskLink & {
  /** Where the Hono app is mounted, such as `https://agents.example.com/hooks`. */
  readonly url: string;
  /** The `approvalKey` of the Hono app: at least 32 characters. */
  readonly key: string;
};

/**
 * Returns a link with which one person can respond to an ask, once and without a token. It opens a page with
 * a button, so that programs that preview links approve nothing. Send it to no other person: the link itself is
 * the permission.
 *
 * ```ts
 * import { signAskLink } from "@omniagent/hooks/gates";
 *
 * const link = await signAskLink({
 *   url: "https://agents.example.com",
 *   key: "a-secret-of-at-least-32-characters",
 *   askId: "0192e4a0-6b2f-7c31-9f10-3a5d6c1e2b47",
 *   decision: "allow",
 *   expiresAt: new Date(Date.now() + 10 * 60_000),
 *   by: "ada@example.com",
 * });
 * console.log(new URL(link).pathname); // /asks/0192e4a0-6b2f-7c31-9f10-3a5d6c1e2b47/respond
 * ```
 *
 * @throws {TypeError} when an option is invalid
 */
export async function signAskLink(options: AskLinkOptions): Promise<string> {
  const subject = "Cannot sign link";
  checkKnown(subject, options, ["url", "key", "askId", "decision", "expiresAt", "by"]);
  const { url, key, askId, decision, expiresAt, by } = options;
  checkApprovalKey(subject, "key", key);
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    throw invalidOption(subject, "url", url, "an http or https URL");
  }
  for (const [name, text] of Object.entries({ askId, by })) {
    if (typeof text === "string" && /^[^\p{Cc}\p{Cs}]{1,256}$/u.test(text)) continue;
    throw invalidOption(subject, name, text, "1 to 256 characters without control characters");
  }
  checkOneOf(subject, "decision", decision, ["allow", "deny"]);
  checkDate(subject, "expiresAt", expiresAt);
  const query = new URLSearchParams({
    decision,
    by,
    expires: String(expiresAt.getTime()),
    signature: await signatureOf(options, key),
  });
  const base = url.replace(/[?#].*$/s, "").replace(/\/+$/, "");
  return `${base}/asks/${encodeURIComponent(askId)}/respond?${query}`;
}

/** Returns whether a link was signed with one of some keys, and is still valid. */
export async function verifyAskLink(
  link: AskLink,
  signature: string,
  keys: readonly string[],
  now: number,
): Promise<"valid" | "expired" | "invalid"> {
  let isSigned = false;
  for (const key of keys) {
    const expected = new TextEncoder().encode(await signatureOf(link, key));
    // Tries all keys, so that the time it takes doesn't reveal which one matched.
    if (timingSafeEqual(expected, new TextEncoder().encode(signature))) isSigned = true;
  }
  if (!isSigned) return "invalid";
  const left = link.expiresAt.getTime() - now;
  return left > 0 && left <= MAX_ASK_TIMEOUT ? "valid" : "expired";
}

/** Checks a key of links. Its value is never shown. @throws {TypeError} */
export function checkApprovalKey(subject: string, name: string, key: unknown): void {
  if (typeof key === "string" && key.length >= MIN_APPROVAL_KEY) return;
  throw new TypeError(
    `${subject}: '${name}' must be at least ${MIN_APPROVAL_KEY} characters (value not shown)`,
  );
}

/** Signs every part of a link. The parts are JSON, so that two different lists never have the same text. */
function signatureOf({ askId, decision, expiresAt, by }: AskLink, key: string): Promise<string> {
  const text = JSON.stringify(["ask-link-1", askId, decision, expiresAt.getTime(), by]);
  return hmacSha256Hex(new TextEncoder().encode(key), text);
}
