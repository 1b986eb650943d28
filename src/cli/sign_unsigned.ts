import { createWebhookSigner, generateSecret } from "../webhook/mod.ts";

/** The longest body that is read, in bytes. */
const MAX_BODY = 1_048_576;

/**
 * For a receiver without a secret: signs each request with a secret of its own, so that what is not
 * verified takes the same way as what is. An id that is none is replaced.
 */
export function signUnsigned(now: () => number): {
  readonly secret: string;
  /** The request, signed; as it came when it has no body, or one that is too long. */
  sign(request: Request): Promise<Request>;
} {
  const secret = generateSecret();
  const signer = createWebhookSigner(secret);
  return {
    secret,
    async sign(request) {
      const { method, url } = request;
      if (request.body === null) return request;
      const headers = new Headers(request.headers);
      const body = await readBody(request.body);
      if (body === undefined) {
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

async function readBody(
  stream: ReadableStream<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const parts: BlobPart[] = [];
  let length = 0;
  for await (const part of stream) {
    length += part.length;
    if (length > MAX_BODY) return undefined; // leaving the loop cancels the rest
    parts.push(part as Uint8Array<ArrayBuffer>);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
