import { readBytes } from "../internal/bytes.ts";
import { createWebhookSigner, generateSecret } from "../webhook/mod.ts";

/** The longest body that is read, in bytes. */
const MAX_BODY = 1_048_576;
/** How long a body may take to arrive, in milliseconds: as long as a receiver with a secret waits. */
const BODY_TIMEOUT = 10_000;

/**
 * For a receiver without a secret: signs each request with a secret of its own, so that what is not
 * verified takes the same way as what is. An id that is none is replaced.
 */
export function signUnsigned(now: () => number): {
  readonly secret: string;
  /**
   * Returns the signed request. Returns it unchanged if it has no body or the body is too large, and
   * undefined if the body does not arrive in time.
   */
  sign(request: Request): Promise<Request | undefined>;
} {
  const secret = generateSecret();
  const signer = createWebhookSigner(secret);
  return {
    secret,
    async sign(request) {
      const { method, url } = request;
      if (request.body === null) return request;
      const headers = new Headers(request.headers);
      const body = await readBytes(request.body, { maxBytes: MAX_BODY, timeout: BODY_TIMEOUT });
      if (body === "too_slow") return undefined;
      if (body === "too_large") {
        headers.set("content-length", String(MAX_BODY + 1)); // the receiver refuses it for that
        return new Request(url, { method, headers });
      }
      const id = headers.get("webhook-id") ?? "";
      const message = {
        id: isMessageId(id) ? id : crypto.randomUUID(),
        timestamp: new Date(now()),
      };
      for (const [name, value] of Object.entries(await signer.sign(body, message))) {
        headers.set(name, value);
      }
      return new Request(url, { method, headers, body });
    },
  };
}

/** What Standard Webhooks takes for `webhook-id`, and a signature can be made for. */
function isMessageId(id: string): boolean {
  return /^[\x21-\x7e]{1,256}$/.test(id) && !/[.,]/.test(id);
}
