import { canonicalJson } from "../../internal/json_text.ts";
import { checkKnown } from "../../internal/options.ts";
import { checkObject, checkOneOf, invalidOption } from "../../internal/validate.ts";
import { AskError, EventValidationError, RecordConflictError } from "../errors.ts";
import type { HookEvent } from "../events.ts";
import type { GateAskedData } from "../gate_payloads.ts";
import { createEvent } from "../snapshot.ts";
import type { AskRecord, AskRecords, ReadAsk } from "./ask_records.ts";
import type { GateList } from "./gate.ts";
import type { GateHost } from "./gate_host.ts";
import { includesAll } from "./gate_identity.ts";
import type { GateOutcome } from "./merge_verdicts.ts";
import { denied } from "./decision.ts";
import { MAX_BY, MAX_NOTE } from "./limits.ts";
import { applyRewrite } from "./rewrite.ts";
import type { AskChoice } from "./verdict.ts";

/** A response to an ask. */
export type AskResolution = {
  /** What was chosen. A person may always deny. */
  readonly decision: AskChoice;
  /** With `"edit"`: the data to use instead. All gates judge it again. */
  readonly data?: unknown;
  /** Who resolves it, such as an email address. 1 to 256 characters. */
  readonly by: string;
  /** Why, for the model and the record. 2,000 characters at most. */
  readonly note?: string | undefined;
};

/** Checks a response. @throws {TypeError | RangeError} when it is invalid */
export function checkResolution(subject: string, resolution: AskResolution): void {
  checkObject(subject, "the response", resolution);
  checkKnown(subject, resolution, ["decision", "data", "by", "note"], { reason: "note" });
  const { decision, data, by, note } = resolution;
  checkOneOf(subject, "decision", decision, ["allow", "deny", "edit"]);
  if ((decision === "edit") !== (data !== undefined)) {
    throw new TypeError(`${subject}: 'data' must be set for the decision "edit", and only then`);
  }
  if (typeof by !== "string" || by === "" || [...by].length > MAX_BY) {
    throw invalidOption(subject, "by", by, `a string of 1 to ${MAX_BY} characters`);
  }
  if (note !== undefined && (typeof note !== "string" || [...note].length > MAX_NOTE)) {
    throw invalidOption(subject, "note", note, `a string of at most ${MAX_NOTE} characters`);
  }
}

/**
 * Stores a response to an ask, in one commit with `gate.resolved`. The first one wins. With `isUsed`, nobody who waits
 * for the ask can use the approval.
 *
 * @throws {AskError}
 */
export async function resolveAsk(
  host: GateHost,
  asks: AskRecords,
  id: string,
  resolution: AskResolution,
  isUsed: boolean,
): Promise<void> {
  const { decision, by, note } = resolution;
  const { ask, asked } = await readOpen(host, asks, id, decision);
  const edited = decision === "edit"
    ? await readEdit(host, ask, asked, resolution.data)
    : undefined;
  const event = createEvent("gate.resolved", {
    ask_id: id,
    decision_id: ask.record.decision,
    outcome: decision === "deny" ? "denied" : "allowed",
    by,
    note,
    ...(edited && { edited: true, ...edited }),
  }, asked);
  const record: AskRecord = {
    ...ask.record,
    state: decision,
    by,
    at: host.clock.now(),
    resolved: event.id,
    ...(edited && { edited: edited.digest }),
    ...(isUsed && { used: event.id }),
  };
  try {
    await host.publish([event], asks.change(ask, record));
  } catch (error) {
    if (!(error instanceof RecordConflictError)) throw error;
    await readOpen(host, asks, id, decision); // says who was faster
    throw new AskError("resolved", id, "it was changed in the meantime. Try again");
  }
  asks.notify(id);
}

/** Returns the event whose data a person is asked about. Its data is redacted. */
export function judgedEvent(asked: HookEvent): HookEvent {
  const { event_type, data } = asked.data as GateAskedData;
  return createEvent(event_type, data, asked);
}

/** Reads an ask that can still be resolved. @throws {AskError} */
async function readOpen(
  { records, clock }: GateHost,
  asks: AskRecords,
  id: string,
  decision: AskChoice,
): Promise<{ readonly ask: ReadAsk; readonly asked: HookEvent }> {
  const ask = await asks.read(id);
  const asked = ask && await records!.event(ask.record.event);
  if (ask === undefined || asked === undefined) {
    throw new AskError("unknown", id, "there is no such ask");
  }
  const { state, by, expires, allow } = ask.record;
  if (state === "expired" || (state === "pending" && clock.now() >= expires)) {
    throw new AskError("expired", id, `it expired at ${new Date(expires).toISOString()}`);
  }
  if (state !== "pending") {
    const how = { allow: "allowed", deny: "denied", edit: "edited" }[state];
    throw new AskError("resolved", id, `it was ${how} by ${by}`);
  }
  if (decision !== "deny" && !allow.includes(decision)) {
    throw new AskError("refused", id, `the gate does not offer "${decision}"`);
  }
  return { ask, asked };
}

/** Checks edited data. @throws {AskError} when it is invalid, or could not be stored as it is */
async function readEdit(
  host: GateHost,
  { id, record }: ReadAsk,
  asked: HookEvent,
  data: unknown,
): Promise<{ readonly digest: string; readonly data: unknown }> {
  const refuse = (reason: string): AskError => new AskError("refused", id, reason);
  if (record.masked) {
    throw refuse("its stored data is redacted, so it can't be edited");
  }
  const next = applyRewrite(judgedEvent(asked), data);
  if ("invalid" in next) throw refuse(`the edited data ${next.invalid}`);
  try {
    await host.validateInTime(next);
  } catch (error) {
    if (!(error instanceof EventValidationError)) throw error;
    throw refuse(`the schema of '${next.type}' rejects the edited data`);
  }
  if (canonicalJson(host.redact(next).data) !== canonicalJson(next.data)) {
    throw refuse("'redact' would change the edited data, and what runs is what is stored");
  }
  return { digest: await host.digester.digestOf(next.data), data: next.data };
}

/** The reason for the model when gates that judged before a person edited the data aren't registered any longer. */
export const NOT_CHECKED = "The edited data was not checked: its gates are not registered";

/** The gates that an edit is checked by: the identity of those that judged, and who of them asked, if known. */
export type EditedAsk = Pick<AskRecord, "gates" | "askers">;

/** Data that a person edited, and how it is judged. */
type Edit = {
  readonly event: HookEvent;
  readonly asked: EditedAsk;
  /** Returns the gates that are registered now. */
  gates(): GateList;
  judge(gates: GateList): GateOutcome | Promise<GateOutcome>;
};

/**
 * Lets all gates judge data that a person edited. An edit also approves this data, so no person is asked again. It is
 * denied if a gate asks that didn't ask before, if a rewrite would change the data, or if a gate with
 * `onFailure: "ask"` fails. Returns undefined if a gate is missing by then that judged before the edit.
 */
export async function judgeEdit(
  host: GateHost,
  { event, asked, gates: registered, judge }: Edit,
): Promise<GateOutcome | undefined> {
  const { data } = event;
  try {
    await host.validateInTime(event);
  } catch (error) {
    if (!(error instanceof EventValidationError)) throw error;
    return denied({ data, gates: [], context: [], gate: undefined }, error.message);
  }
  const gates = registered();
  if (!includesAll(gates, asked.gates)) return undefined;
  const judged = await judge(gates);
  const outcome = { ...judged, data };
  if (outcome.decision === "deny") return outcome;
  const asking = gates.all.filter(({ onFailure, mode }) =>
    onFailure === "ask" && mode === "enforce"
  );
  const failed = outcome.gates.find(({ name, failure }) =>
    failure !== undefined && asking.some((gate) => gate.name === name)
  );
  if (failed) return denied(outcome, `Gate '${failed.name}' failed (${failed.failure})`, true);
  const unasked = outcome.gates.find(({ name, mode, verdict }) =>
    mode === "enforce" && verdict === "ask" && asked.askers?.includes(name) === false
  );
  if (unasked) {
    const { name, reason = "" } = unasked;
    return denied(outcome, `Gate '${name}' asks about the edited data: ${reason}`);
  }
  const isChanged = canonicalJson(judged.data) !== canonicalJson(data);
  return isChanged
    ? denied(outcome, "A gate would change the edited data")
    : { ...outcome, decision: "allow" };
}
