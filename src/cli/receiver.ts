import { webhookReceiver, WebhookVerificationError } from "../webhook/mod.ts";
import { CommandError } from "./command_error.ts";
import type { Heard } from "./heard.ts";
import type { CommandIO } from "./io.ts";
import { signUnsigned } from "./sign_unsigned.ts";

/** An answer, and what is to be told of it. */
export type Received = Omit<Heard, "at" | "status"> & { readonly response: Response };

/**
 * Receives webhooks that one of the secrets has signed; without secrets, all.
 *
 * @throws {CommandError} when a secret is none
 */
export function createReceiver(
  secrets: readonly string[],
  io: CommandIO,
): (request: Request) => Promise<Received> {
  const unsigned = secrets.length === 0 ? signUnsigned(() => io.now()) : undefined;
  const events = new WeakMap<Headers, Heard["event"]>();
  const receive = verifying(() =>
    webhookReceiver((event, { headers }) => void events.set(headers, event), {
      secrets: unsigned?.secret ?? secrets,
      now: () => io.now(),
      logger: silent,
    })
  );
  return async (arrived) => {
    const request = unsigned ? await unsigned.sign(arrived) : arrived;
    const response = request ? await receive(request) : tooSlow();
    const event = request && events.get(request.headers);
    const { code, detail, duplicate } = event ? {} as Answer : await answerOf(response);
    const outcome = event ? "received" : duplicate ? "duplicate" : "refused";
    const verified = unsigned === undefined && outcome !== "refused";
    const id = event?.id ?? arrived.headers.get("webhook-id") ?? undefined;
    return { response, outcome, verified, id, event, code, detail };
  };
}

/** As `webhookReceiver` responds to a body that does not arrive in time. */
function tooSlow(): Response {
  const problem = { type: "about:blank", status: 408, code: "body_timeout" };
  const detail = "The body did not arrive in time";
  return Response.json({ ...problem, detail }, { status: 408, headers: { connection: "close" } });
}

type Answer = { readonly code?: string; readonly detail?: string; readonly duplicate?: boolean };

async function answerOf(response: Response): Promise<Answer> {
  return await response.clone().json();
}

/** What went wrong is in the answer, and told from there. */
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A secret that is none is the user's mistake. */
function verifying<Value>(create: () => Value): Value {
  try {
    return create();
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    throw new CommandError(error.message, ["hooks secret makes one"], 2);
  }
}
