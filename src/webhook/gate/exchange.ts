import { GateError } from "../../core/gates/merge_verdicts.ts";
import type { Verdict } from "../../core/gates/verdict.ts";
import { toWire } from "../../core/event_codec.ts";
import type { GateContext, HookEvent } from "../../core/mod.ts";
import { encodeClaudeCodeInput } from "../../dialects/claude_code_gate.ts";
import { linkSignals } from "../../internal/async.ts";
import { type Bytes, readBytes } from "../../internal/bytes.ts";
import { declaredLength, isPlainUtf8 } from "../../internal/http_fields.ts";
import { AddressNotAllowedError, WebhookVerificationError } from "../errors.ts";
import {
  DEFAULT_HEADERS,
  describeFailure,
  isRejectedByFetch,
  sendRequest,
  standardHeaders,
} from "../request.ts";
import { MAX_RESPONSE } from "../limits.ts";
import { describeStatus } from "../response.ts";
import type { CheckedGate } from "./options.ts";
import {
  checkVerdict,
  readClaudeCodeResponse,
  readNativeResponse,
  type Said,
  TEXTS,
} from "./response.ts";

/**
 * Asks a gate about an event: sends one signed request, repeats it if no response arrives, and reads the
 * decision.
 *
 * @throws {GateError} For anything but a well-formed verdict, or the reason of the signal.
 */
export async function exchange(
  gate: CheckedGate,
  event: HookEvent,
  context: Pick<GateContext, "signal" | "decisionId" | "final" | "traceparent">,
): Promise<Verdict | undefined> {
  const { signal, decisionId, final, traceparent } = context;
  // A different message than the one about the final data: its response must not pass for the other's.
  const id = final ? decisionId : `${decisionId}-raw`;
  const sent = new TextEncoder().encode(JSON.stringify(compose(gate, event, final)));
  const request = linkSignals(signal);
  let body: Bytes | undefined;
  try {
    const response = await send(gate, id, sent, { signal: request.signal, traceparent });
    body = await readBody(gate, response);
    await verify(gate, id, response, body);
    if (body.length === 0) return checkEmpty(response);
    const said = gate.format === "native"
      ? readNativeResponse(body)
      : readClaudeCodeResponse(event, body);
    return said && checkVerdict(await redacted(gate, said));
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!(error instanceof GateError)) throw error;
    // Errors about a response may quote it.
    throw new GateError(error.failure, await gate.redact(error.message, true));
  } finally {
    if (body === undefined) request.abort(new Error("the response was not read to its end"));
    request.release();
  }
}

/** Returns the request to send. */
function compose(
  { name, kind, timeout, format }: CheckedGate,
  event: HookEvent,
  final: boolean,
): object {
  if (format === "native") {
    const gate = { name, kind, timeout_ms: timeout, ...(!final && { final }) };
    return { ...toWire(event), gate };
  }
  const input = encodeClaudeCodeInput(event);
  if (input !== undefined) return input;
  throw new GateError("invalid", `'${event.type}' can't be sent in the format "${format}"`);
}

async function send(
  gate: CheckedGate,
  id: string,
  body: Bytes,
  { signal, traceparent }: Pick<GateContext, "signal" | "traceparent">,
): Promise<Response> {
  const { url, guard, headers, signer, redact } = gate;
  try {
    await guard?.check(url, { signal });
    const { response } = await sendRequest(gate.fetch ?? fetch, url, {
      method: "POST",
      headers: {
        ...DEFAULT_HEADERS,
        "content-type": "application/json",
        ...(traceparent !== undefined && { traceparent }),
        ...headers,
        ...await standardHeaders(signer, id, body),
      },
      body,
      redirect: "manual",
      signal,
    }, (error) => !isRejectedByFetch(error));
    if (response.status < 200 || response.status > 299) {
      throw new GateError("status", describeStatus(response));
    }
    return response;
  } catch (error) {
    if (error instanceof GateError) throw error;
    // Our secret is wrong; any other error is from the network or the guard.
    if (error instanceof WebhookVerificationError) throw error;
    const reason = await describeFailure(error, redact);
    const isBlocked = error instanceof AddressNotAllowedError;
    throw new GateError("unreachable", isBlocked ? reason : `no response came: ${reason}`);
  }
}

/** Reads a whole body, or fails: a partial body doesn't count. */
async function readBody({ timeout, redact }: CheckedGate, response: Response): Promise<Bytes> {
  const { headers, status } = response;
  if (!isPlainUtf8(headers)) {
    throw new GateError("invalid", "the response is not UTF-8, or has a content-encoding");
  }
  const length = declaredLength(headers);
  let body: Awaited<ReturnType<typeof readBytes>> = "too_large";
  try {
    if (length === undefined || length <= MAX_RESPONSE) {
      body = await readBytes(response.body, { maxBytes: MAX_RESPONSE, timeout });
    }
  } catch (error) {
    const reason = await describeFailure(error, redact);
    throw new GateError("unreachable", `the response broke off: ${reason}`);
  }
  if (body === "too_large") {
    throw new GateError("too_large", `the response is longer than ${MAX_RESPONSE} bytes`);
  }
  if (body === "too_slow") {
    throw new GateError("unreachable", `the response took more than ${timeout} ms`);
  }
  // Not every runtime fails when a connection is closed too early.
  const isWhole = length === undefined || length === body.length || status === 204;
  if (isWhole) return body;
  throw new GateError("unreachable", `the response broke off after ${body.length} bytes`);
}

/**
 * Accepts an empty response as no opinion if it is empty on purpose. Without a length, it may also be the rest
 * of a verdict that was cut: up to version 22, Node doesn't notice that the last of its chunks is missing.
 */
function checkEmpty({ status, headers, url }: Response): undefined {
  // A response without a URL came over no connection: the user's own `fetch` created it.
  const isMeant = status === 204 || url === "" || headers.has("content-length");
  if (isMeant) return undefined;
  throw new GateError(
    "invalid",
    "the response is empty, and may have been cut: for no opinion, respond with status 204, or with " +
      "'content-length: 0'",
  );
}

async function verify(
  gate: CheckedGate,
  id: string,
  { headers }: Response,
  body: Bytes,
): Promise<void> {
  if (gate.verify === undefined) return;
  const signed = await gate.verify(body, headers).catch((error) => {
    if (!(error instanceof WebhookVerificationError)) throw error;
    throw new GateError("invalid", `the response is not authentic: ${error.code}`);
  });
  if (signed.id === id) return;
  throw new GateError("invalid", "the response is signed for another decision");
}

/** Removes this gate's secrets from recorded and shown text: a server may echo the request. */
async function redacted({ redact }: CheckedGate, said: Said): Promise<Said> {
  const texts = TEXTS.filter((name) => typeof said[name] === "string")
    .map(async (name) => [name, await redact(said[name] as string, true)] as const);
  return { ...said, ...Object.fromEntries(await Promise.all(texts)) };
}
