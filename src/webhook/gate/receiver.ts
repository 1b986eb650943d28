import { parseEventJson } from "../../core/event_codec.ts";
import { adoptVerdict, decisionIn, isVerdict, type Verdict } from "../../core/gates/verdict.ts";
import type { CheckResult, HookEvent, Logger } from "../../core/mod.ts";
import { copyJson } from "../../internal/json.ts";
import { checkKnown } from "../../internal/options.ts";
import { checkBoolean, checkFunctions } from "../../internal/validate.ts";
import type { ReceivedContext, WebhookReceiverOptions } from "../receiver.ts";
import { createWebhookSigner, type WebhookSigner } from "../sign.ts";
import {
  createRequestReader,
  log,
  problem,
  readNativeEvent,
  type RequestReader,
  type SignedRequest,
} from "../signed_request.ts";
import { writeResponse } from "./response.ts";

/** The second argument of a decider. `id` is the id of the decision. */
export interface GateRequestContext extends ReceivedContext {
  /** The gate of the sender. */
  readonly gate: {
    /** Its name there. */
    readonly name: string;
    /** Whether it judges or rewrites. */
    readonly kind: "check" | "rewrite";
    /** How long the sender waits for the response, in milliseconds. */
    readonly timeout: number;
  };
  /** False for a result that is judged before it is rewritten, and will be judged once more. */
  readonly final: boolean;
}

/**
 * Decides about an event of another process, as a gate of that process would: returns a verdict, nothing for
 * no opinion, or, for a rewrite, new data.
 */
export type GateDecider = (
  event: HookEvent,
  context: GateRequestContext,
) =>
  | CheckResult
  | Readonly<Record<string, unknown>>
  | PromiseLike<CheckResult | Readonly<Record<string, unknown>>>;

/** Options of `gateReceiver`. Durations are in milliseconds. */
export interface GateReceiverOptions extends
  Pick<
    WebhookReceiverOptions,
    "secret" | "secrets" | "tolerance" | "now" | "maxBodyBytes" | "bodyTimeout"
  > {
  /** Whether to sign responses, for gates with `verifyResponse`. @default {false} */
  readonly signResponse?: boolean | undefined;
  /** Signs responses, if requests are verified with something else. @default `secret` or `secrets` */
  readonly responseSecrets?: string | readonly string[];
  /** Where failures of the decider are logged; `false`: nowhere. @default the console */
  readonly logger?: Logger | false | undefined;
}

const KNOWN =
  "secret secrets tolerance now maxBodyBytes bodyTimeout signResponse responseSecrets logger"
    .split(" ");
const SUBJECT = "Cannot create a gate receiver";

/**
 * Creates a fetch handler that decides for gates of other processes: the other side of `WebhookGate`. Works
 * with `Deno.serve`, `Bun.serve`, Workers and every router.
 *
 * It responds with 200 and a verdict, or with 204 for no opinion. Everything else is a problem document
 * (RFC 9457), which the gate counts as a failure: 400 not a gate's request, 401 not signed with one of
 * the secrets or too old, 405 not a POST, 408 the body did not arrive in time, 413 too long, 415 compressed or
 * not UTF-8, 500 the decider threw, or returned anything but a verdict. Unlike `webhookReceiver`, it decides
 * again about a request that is repeated.
 *
 * ```ts
 * import { deny } from "@omniagent/hooks/gates";
 * import { gateReceiver, generateSecret } from "@omniagent/hooks/webhook";
 *
 * const receive = gateReceiver((event) => {
 *   const { name } = event.data as { readonly name: string };
 *   return name === "bash" ? deny("There is no shell") : undefined;
 * }, { secret: generateSecret() }); // the gate's
 * const response = await receive(new Request("http://localhost/", { method: "POST", body: "{}" }));
 * console.log(response.status); // 401: it has no signature
 * ```
 *
 * @throws {WebhookVerificationError} when a secret is invalid
 * @throws {TypeError | RangeError} when another argument is invalid
 */
export function gateReceiver(
  decide: GateDecider,
  options: GateReceiverOptions,
): (request: Request) => Promise<Response> {
  const receiver = createReceiver(decide, options);
  return async (request) => {
    if (request.method !== "POST") {
      return problem(405, "method_not_allowed", "Send a POST", { allow: "POST" });
    }
    return await receiver.reader.respond(request, (received) => receive(receiver, received));
  };
}

/** A receiver with checked options. */
type Receiver = {
  readonly decide: GateDecider;
  readonly reader: RequestReader;
  readonly signer: WebhookSigner | undefined;
};

function createReceiver(decide: GateDecider, options: GateReceiverOptions): Receiver {
  checkFunctions(SUBJECT, { decide }, ["decide"]);
  checkKnown(SUBJECT, options, KNOWN);
  const { signResponse = false, responseSecrets } = options;
  checkBoolean(SUBJECT, "signResponse", signResponse);
  if ("responseSecrets" in options && (!signResponse || responseSecrets === undefined)) {
    throw new TypeError(`${SUBJECT}: 'responseSecrets' needs a value and 'signResponse: true'`);
  }
  const reader = createRequestReader(SUBJECT, options);
  return {
    decide,
    reader,
    signer: signResponse ? createWebhookSigner(responseSecrets ?? reader.secrets) : undefined,
  };
}

async function receive(
  { decide, reader, signer }: Receiver,
  { headers, body, message }: SignedRequest,
): Promise<Response> {
  const wire = parseEventJson(body);
  const asked = readGate(wire);
  if (asked === undefined) {
    const detail = "Send an event with 'gate': { name, kind, timeout_ms }";
    return problem(400, "not_a_gate", detail);
  }
  const event = readNativeEvent(wire, message);
  try {
    const context = { ...message, headers, body, ...asked };
    const verdict = verdictOf(await decide(event, context), event, asked.gate.kind);
    return await respond(verdict, message.id, signer);
  } catch (error) {
    log(reader.logger, `Decision '${message.id}' failed`, error);
    return problem(500, "decider_failed", "The gate failed to decide");
  }
}

type Asked = Pick<GateRequestContext, "gate" | "final">;

/** Returns the gate of a request; undefined if it is not the request of a gate. */
function readGate(wire: unknown): Asked | undefined {
  const { gate } = Object(wire) as { readonly gate?: unknown };
  const { name, kind, timeout_ms: timeout, final = true } = Object(gate) as Readonly<
    Record<string, unknown>
  >;
  const isGate = typeof name === "string" && (kind === "check" || kind === "rewrite") &&
    typeof timeout === "number" && timeout > 0 && typeof final === "boolean";
  return isGate ? { gate: { name, kind, timeout }, final } : undefined;
}

/** Reads the result of a decider as a verdict. @throws {TypeError} when it isn't one */
function verdictOf(
  value: unknown,
  event: Pick<HookEvent, "data">,
  kind: "check" | "rewrite",
): Verdict | undefined {
  if (value === undefined || value === null) return undefined;
  const isDecision = isVerdict(value) || decisionIn(event, value) === "deny"; // as in a gate of this process
  const isData = kind === "rewrite" && !isDecision;
  const verdict = adoptVerdict(isData ? { decision: "allow", data: value } : value)!;
  if ("invalid" in verdict) throw new TypeError(`the decider ${verdict.invalid}`);
  if (kind === "check" && verdict.data !== undefined) {
    throw new TypeError("the decider returned data, but the gate is a check");
  }
  return verdict;
}

async function respond(
  verdict: Verdict | undefined,
  id: string,
  signer: WebhookSigner | undefined,
): Promise<Response> {
  if (verdict === undefined) {
    const signed = await signer?.sign("", { id });
    return new Response(null, { status: 204, headers: { ...signed } });
  }
  const { value, issues } = copyJson(writeResponse(verdict), "verdict");
  if (issues.length > 0) {
    throw new TypeError(`Cannot respond: ${issues[0]!.message}`);
  }
  const body = new TextEncoder().encode(JSON.stringify(value));
  const signed = await signer?.sign(body, { id });
  return new Response(body, {
    headers: { "content-type": "application/json", "cache-control": "no-store", ...signed },
  });
}
