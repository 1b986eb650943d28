/**
 * The fields of gates in the configuration file.
 *
 * @module
 */
import { DECISION_TIMEOUT, GATE_TIMEOUT } from "../core/gates/limits.ts";
import { DEFAULT_CONCURRENCY, MAX_SECRETS, WEBHOOK_LIMITS } from "../webhook/limits.ts";
import type { GateConfig, GateOptionsConfig } from "./config.ts";
import { formatDuration } from "./duration.ts";
import { filter } from "./filter.ts";
import * as format from "./formats.ts";
import { duration, integer, list, oneOf } from "./formats.ts";
import {
  type FieldsOf,
  type ListSchema,
  object,
  optional,
  protective,
  required,
} from "./schema.ts";

const { timeout, concurrency } = WEBHOOK_LIMITS;

const gate: FieldsOf<GateConfig> = {
  name: required(format.name, "Name, unique among gates."),
  events: required(
    list(format.eventPattern, "event patterns", 1, 256),
    'Events to decide about: types such as tool.called, prefixes such as tool.*, or "*".',
  ),
  url: required(format.url, "Where to ask: http or https, without user name and password."),
  kind: optional(oneOf("check", "rewrite"), "Whether it judges events, or changes them.", "check"),
  priority: optional(integer(-1000, 1000), "Rewrites run in this order, highest first.", 0),
  timeout: optional(
    duration(timeout),
    "Limit of one call, with its retry.",
    formatDuration(GATE_TIMEOUT),
  ),
  on_failure: protective(
    oneOf("deny", "ask", "allow"),
    "How to treat an error, a timeout, or anything but a verdict. If omitted: deny.",
  ),
  mode: protective(
    oneOf("enforce", "shadow"),
    "shadow records verdicts, and applies none. If omitted: enforce.",
  ),
  headers: optional(format.headers, "Request headers."),
  secret: protective(format.secret, "Signs as Standard Webhooks defines it: whsec_… or whsk_…."),
  secrets: protective(
    list(format.secret, "secrets", 1, MAX_SECRETS),
    "Several secrets that all sign, while one replaces another; instead of secret.",
  ),
  format: optional(
    oneOf("native", "claude-code"),
    "Native JSON, or that of a Claude Code HTTP hook.",
    "native",
  ),
  filter: optional(
    filter,
    "Payloads to decide about: dotted paths and the values that pass. Others are let through.",
  ),
  concurrency: optional(
    integer(concurrency.min, concurrency.max),
    "Number of requests at once.",
    DEFAULT_CONCURRENCY,
  ),
  verify_response: protective(
    { type: "boolean" },
    "Whether responses must be signed. If omitted: false.",
  ),
  response_secrets: protective(
    list(format.verifyingSecret, "secrets", 1, MAX_SECRETS),
    "Verifies responses, if requests are signed with something else: whpk_… or whsec_….",
  ),
};

/** `hooks.gates`. */
export const gateList: ListSchema = list(
  object(gate, {
    exclusive: ["secret", "secrets"],
    misplaced: {
      required: "list its name in gates.required",
      retry_count: "a gate is asked again only if no response came",
    },
  }),
  "gates",
  0,
  256,
  ["name"],
);

/** The section `gates`. */
export const gateOptions: FieldsOf<GateOptionsConfig> = {
  required: protective(
    list(format.name, "names", 0, 256),
    "Gates that must be registered: without them, nothing is allowed.",
  ),
  timeout: optional(duration(), "Limit of one decision.", formatDuration(DECISION_TIMEOUT)),
};
