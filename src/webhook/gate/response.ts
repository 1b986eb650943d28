/**
 * The response of a gate: a verdict as JSON, read at least as strictly as a verdict of this process.
 *
 * @module
 */
import { GateError } from "../../core/gates/merge_verdicts.ts";
import { MAX_ASK_TIMEOUT, MAX_TEXT } from "../../core/gates/limits.ts";
import { adoptVerdict, type Verdict } from "../../core/gates/verdict.ts";
import type { HookEvent } from "../../core/mod.ts";
import { decodeClaudeCodeOutput } from "../../dialects/claude_code_gate.ts";
import { decodeUtf8, findDuplicateKey, parseJson } from "../../internal/json_text.ts";
import { isObject } from "../../internal/validate.ts";

/** Fields of a response, each with the field of a verdict. */
const FIELDS: Readonly<Record<string, keyof Verdict>> = {
  decision: "decision",
  reason: "reason",
  internal: "internal",
  context: "context",
  interrupt: "interrupt",
  expires_in_ms: "expiresIn",
  allow: "allow",
  data: "data",
};

/** Fields that are text for a person or a model. */
export const TEXTS: readonly ("reason" | "internal" | "context")[] = [
  "reason",
  "internal",
  "context",
];

/** The fields of a response, before it is checked as a verdict. */
export type Said = Readonly<Record<string, unknown>>;

/** Reads the body of a response in the native format. @throws {GateError} */
export function readNativeResponse(body: Uint8Array): Said {
  const { value, issue } = parseObject(body);
  const fields = Object.entries(value).filter(([, value]) => value !== null);
  // A deny counts, no matter what else is wrong with the response.
  const isDeny = fields.some(([name, value]) => name === "decision" && value === "deny");
  if (issue !== undefined && !isDeny) throw invalid(issue);
  const said: Record<string, unknown> = {};
  for (const [name, value] of fields) {
    const field = Object.hasOwn(FIELDS, name) ? FIELDS[name]! : undefined;
    if (field !== undefined) said[field] = value;
    // It may be misspelled, or ask for something that gates can't do.
    else if (!isDeny) throw invalid(`has the unknown field '${name.slice(0, 64)}'`);
  }
  if (said.decision === "ask" && "data" in said) throw invalid("asks about data that it changes");
  return withShortTexts(said);
}

/** Reads the body of a response of a Claude Code hook; undefined for no opinion. @throws {GateError} */
export function readClaudeCodeResponse(event: HookEvent, body: Uint8Array): Said | undefined {
  const { value, issue } = parseObject(body);
  const output = decodeClaudeCodeOutput(event, value);
  if ("invalid" in output) throw invalid(output.invalid);
  const { verdict, data } = output;
  if (issue !== undefined && verdict?.decision !== "deny") throw invalid(issue);
  if (data === undefined || verdict?.decision === "deny") return verdict && withShortTexts(verdict);
  if (verdict?.decision === "ask") throw invalid("asks about data that it changes");
  return withShortTexts({ ...verdict, decision: "allow", data });
}

/** Returns a response as a verdict. @throws {GateError} when it isn't one */
export function checkVerdict(said: Said): Verdict {
  // Without a prototype: a polluted one must not add fields.
  const verdict = adoptVerdict(Object.assign(Object.create(null), said));
  if (verdict !== undefined && !("invalid" in verdict)) return verdict;
  throw invalid(verdict?.invalid ?? "is empty");
}

/** Returns a verdict as the JSON of a response. */
export function writeResponse(verdict: Verdict): Readonly<Record<string, unknown>> {
  // With longer texts, the gate would fail, and then a denial or an ask may count as an allow.
  const texts = TEXTS.map((name) => [name, verdict[name] && marked(verdict[name])]);
  const isBounded = verdict.decision === "deny" || verdict.decision === "ask";
  const { expiresIn } = verdict;
  const short: Verdict = {
    ...verdict,
    ...(isBounded && Object.fromEntries(texts)),
    ...(expiresIn !== undefined && { expiresIn: Math.min(expiresIn, MAX_ASK_TIMEOUT) }), // JSON has no Infinity
  };
  return Object.fromEntries(
    Object.entries(FIELDS).map(([name, field]) => [name, short[field]] as const)
      .filter(([, value]) => value !== undefined),
  );
}

/** Returns the fields of a response, and why they are unreliable, if so. @throws {GateError} when it has none */
function parseObject(body: Uint8Array): { readonly value: Said; readonly issue?: string } {
  const { value, issues: [inexact] } = parseJson(body);
  if (!isObject(value)) {
    throw invalid(value === undefined ? inexact!.message : "must be a JSON object");
  }
  const duplicate = findDuplicateKey(decodeUtf8(body)!);
  const issue = inexact?.message ??
    (duplicate === undefined ? undefined : `has the field '${duplicate.slice(0, 64)}' twice`);
  return { value: value as Said, ...(issue !== undefined && { issue }) };
}

/** Limits texts. Those of a deny are truncated, or left out if they aren't texts. */
function withShortTexts(said: Said): Said {
  const isDeny = said.decision === "deny";
  const bounded = { ...said };
  for (const name of TEXTS) {
    const text = said[name];
    if (typeof text === "string" && text.length <= MAX_TEXT) continue;
    if (isDeny) bounded[name] = typeof text === "string" ? cut(text) : undefined;
    else if (typeof text === "string") {
      throw invalid(`has a '${name}' of more than ${MAX_TEXT} characters`);
    }
  }
  if (isDeny && typeof said.interrupt !== "boolean") bounded.interrupt = undefined;
  return bounded;
}

/** Cuts a text that is too long, and says so: a person must not take a part of a question for all of it. */
function marked(text: string): string {
  const mark = " … [truncated]";
  return text.length <= MAX_TEXT
    ? text.toWellFormed()
    : `${cut(text, MAX_TEXT - mark.length)}${mark}`;
}

/** Bounds a text. */
function cut(text: string, length: number = MAX_TEXT): string {
  return text.length <= length ? text : text.slice(0, length).toWellFormed();
}

function invalid(problem: string): GateError {
  return new GateError("invalid", `the response ${problem}`);
}
