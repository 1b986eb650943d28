import { checkPatterns } from "../../core/event_rules.ts";
import { GATE_TIMEOUT } from "../../core/gates/limits.ts";
import type { GateBase } from "../../core/mod.ts";
import { CLAUDE_CODE_HOOKS } from "../../dialects/claude_code_gate.ts";
import { checkDefined, checkKnown } from "../../internal/options.ts";
import { checkBoolean, checkName, checkOneOf } from "../../internal/validate.ts";
import { type CheckedRequest, checkRequest, checkSecrets } from "../check_options.ts";
import type { WebhookHookOptions } from "../options.ts";
import { createSigner } from "../request.ts";
import type { WebhookSigner } from "../sign.ts";
import { createSignerVerifier, type SignerVerifier } from "../verify.ts";

/** Options of a gate over HTTP. Durations are in milliseconds. */
export interface WebhookGateOptions
  extends
    Pick<GateBase, "name" | "priority" | "onFailure" | "mode">,
    Pick<
      WebhookHookOptions,
      "url" | "headers" | "secret" | "secrets" | "filter" | "concurrency" | "guard" | "fetch"
    > {
  /** The patterns of the events that it decides about. */
  readonly events: readonly string[];
  /** `"rewrite"` if it may change the data of events. @default {"check"} */
  readonly kind?: "check" | "rewrite" | undefined;
  /** Limit of one call, with its retry, in milliseconds, at most 120,000. @default {5000} */
  readonly timeout?: number | undefined;
  /**
   * The format of events and responses: that of `gateReceiver`, or that of Claude Code HTTP hooks, which have
   * only `tool.called`, `tool.completed` and `message.received`.
   *
   * @default {"native"}
   */
  readonly format?: "native" | "claude-code" | undefined;
  /**
   * Whether a response must be signed, over the id of this decision, so it can't be replaced with the
   * response to another. Needs `secret`, `secrets` or `responseSecrets`. @default {false}
   */
  readonly verifyResponse?: boolean;
  /**
   * Verifies responses, if requests are signed with something else: the receiver's `whpk_…`, or its own
   * secrets. @default `secret` or `secrets`
   */
  readonly responseSecrets?: string | readonly string[];
}

/** The checked options of a gate. Contain its secrets, so nothing public refers to them. */
export type CheckedGate = CheckedRequest & {
  readonly name: string;
  readonly events: readonly string[];
  readonly kind: "check" | "rewrite";
  readonly format: "native" | "claude-code";
  /** Undefined if requests are not signed. */
  readonly signer: WebhookSigner | undefined;
  /** Undefined if responses need no signature. */
  readonly verify: SignerVerifier | undefined;
};

/** Every option, because JavaScript would ignore a misspelled one. */
const KNOWN =
  ("name events url kind priority timeout onFailure mode headers secret secrets format filter concurrency " +
    "verifyResponse responseSecrets guard fetch").split(" ");

/** Checks the options of a gate. No message contains a secret, the value of a header, or the URL. */
export function checkGateOptions(options: WebhookGateOptions): CheckedGate {
  checkName("Cannot create a gate", options?.name);
  const { name, kind = "check", format = "native" } = options;
  const subject = `Cannot create gate '${name}'`;
  checkKnown(subject, options, KNOWN);
  checkDefined(subject, options, {
    filter: "to decide about every payload",
    verifyResponse: "to accept unsigned responses",
    responseSecrets: "to verify responses with what signs requests",
  });
  const events = checkPatterns(subject, options.events);
  checkOneOf(subject, "kind", kind, ["check", "rewrite"]);
  checkOneOf(subject, "format", format, ["native", "claude-code"]);
  const known = Object.keys(CLAUDE_CODE_HOOKS);
  const foreign = events.find((pattern) => format !== "native" && !known.includes(pattern));
  if (foreign !== undefined) {
    throw new TypeError(
      `${subject}: '${foreign}' can't be sent in the format "${format}". ` +
        `Use some of ${known.map((type) => `'${type}'`).join(", ")}`,
    );
  }
  const request = checkRequest(subject, options, format, GATE_TIMEOUT);
  return {
    ...request,
    signer: createSigner(request),
    name,
    events,
    kind,
    format,
    verify: checkVerification(subject, options),
  };
}

function checkVerification(
  subject: string,
  options: WebhookGateOptions,
): SignerVerifier | undefined {
  const { verifyResponse = false, responseSecrets } = options;
  checkBoolean(subject, "verifyResponse", verifyResponse);
  if (!verifyResponse) {
    if (responseSecrets === undefined) return undefined;
    throw new TypeError(`${subject}: 'responseSecrets' needs 'verifyResponse: true'`);
  }
  if (responseSecrets !== undefined) return createSignerVerifier({ secrets: responseSecrets });
  // With a key pair, only this side can sign.
  const shared = checkSecrets(subject, options).filter((secret) => secret.startsWith("whsec_"));
  if (shared.length > 0) return createSignerVerifier({ secrets: shared });
  throw new TypeError(
    `${subject}: 'verifyResponse' needs a 'whsec_' secret that the receiver has too, ` +
      "or its public key in 'responseSecrets'",
  );
}
