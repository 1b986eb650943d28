import type { HookEvent } from "../core/mod.ts";
import { readBytes } from "../internal/bytes.ts";
import {
  createWebhookSigner,
  generateSecret,
  webhookReceiver,
  WebhookVerificationError,
} from "../webhook/mod.ts";
import { CommandError } from "./errors.ts";
import type { CommandIO } from "./io.ts";

/** The longest body that is read, in bytes: the limit of `webhookReceiver`. */
const MAX_BODY = 1_048_576;
/** How long a body may take to arrive, in milliseconds: as long as with a secret. */
const BODY_TIMEOUT = 10_000;

/** What happened to a request. */
export type Outcome = "received" | "duplicate" | "refused" | "failed";

/** A request and its response. */
export type ReceivedRequest = {
  readonly response: Response;
  /** `refused` is the sender's fault, `failed` is simulated. */
  readonly outcome: Outcome;
  /** Whether one of the secrets had signed it. */
  readonly verified: boolean;
  /** Its `webhook-id`, or the event's id. */
  readonly id?: string | undefined;
  /** Its event, if it was received. */
  readonly event?: HookEvent | undefined;
  /** Why it was refused, as a code and in words. */
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
};

/**
 * Returns a function that receives webhooks signed with one of the secrets; without secrets, all.
 *
 * @throws {CommandError} when a secret is invalid
 */
export function createReceiver(
  secrets: readonly string[],
  io: CommandIO,
): (request: Request) => Promise<ReceivedRequest> {
  // Without a secret, requests are signed with a generated one and then verified like all others.
  const ownSecret = secrets.length === 0 ? generateSecret() : undefined;
  const signer = ownSecret === undefined ? undefined : createWebhookSigner(ownSecret);
  const events = new WeakMap<Headers, HookEvent>();
  const receive = checkingSecrets(() =>
    webhookReceiver((event, { headers }) => void events.set(headers, event), {
      secrets: ownSecret ?? secrets,
      now: () => io.now(),
      logger: silentLogger,
    })
  );
  return async (arrived) => {
    const request = signer ? await sign(arrived, signer, io.now()) : arrived;
    const response = request ? await receive(request) : bodyTimeout();
    const id = arrived.headers.get("webhook-id") ?? undefined;
    const event = request && events.get(request.headers);
    if (event !== undefined) {
      const verified = signer === undefined;
      return { response, outcome: "received", verified, id: event.id, event };
    }
    const { code, detail, duplicate }: ResponseBody = await response.clone().json();
    const outcome = duplicate ? "duplicate" : "refused";
    const verified = signer === undefined && outcome === "duplicate";
    return { response, outcome, verified, id, code, detail };
  };
}

type ResponseBody = {
  readonly code?: string;
  readonly detail?: string;
  readonly duplicate?: boolean;
};

/** What went wrong is in the response, and printed from there. */
const silentLogger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function checkingSecrets<Value>(create: () => Value): Value {
  try {
    return create();
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    throw new CommandError(error.message, ["Run `hooks secret` to generate one"], 2);
  }
}

/**
 * Signs a request, whose id is replaced if it is invalid. Returns the request as is if it has no
 * body, and undefined if the body does not arrive in time.
 */
async function sign(
  request: Request,
  signer: ReturnType<typeof createWebhookSigner>,
  now: number,
): Promise<Request | undefined> {
  if (request.body === null) return request;
  const { method, url } = request;
  const headers = new Headers(request.headers);
  const body = await readBytes(request.body, { maxBytes: MAX_BODY, timeout: BODY_TIMEOUT });
  if (body === "too_slow") return undefined;
  if (body === "too_large") {
    headers.set("content-length", String(MAX_BODY + 1)); // which the receiver rejects
    return new Request(url, { method, headers });
  }
  const given = headers.get("webhook-id") ?? "";
  // What Standard Webhooks accepts as `webhook-id`, and a signature can be made for.
  const isValid = /^[\x21-\x7e]{1,256}$/.test(given) && !/[.,]/.test(given);
  const id = isValid ? given : crypto.randomUUID();
  const signed = await signer.sign(body, { id, timestamp: new Date(now) });
  for (const [name, value] of Object.entries(signed)) headers.set(name, value);
  return new Request(url, { method, headers, body });
}

/** The response of `webhookReceiver` to a body that does not arrive in time. */
function bodyTimeout(): Response {
  const problem = { type: "about:blank", status: 408, code: "body_timeout" };
  const detail = "The body did not arrive in time";
  return Response.json({ ...problem, detail }, { status: 408, headers: { connection: "close" } });
}
