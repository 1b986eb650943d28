import type { GateDecidedData, HookEvent } from "../core/mod.ts";
import { checkKnown } from "../internal/options.ts";
import { findEvents } from "./lists.ts";
import { checkOneOf, checkText } from "./pagination.ts";
import type { StoreClient } from "./store_client.ts";
import type { DecisionListOptions, Page, StoredEvent } from "./types.ts";

const OUTCOMES = ["allowed", "denied", "asked", "error"];
const OPTIONS = "outcome gate name callId sessionId runId since until order limit cursor".split(
  " ",
);

/** Lists decisions: see `OutboxOperations`. */
export async function listDecisions(
  client: StoreClient,
  options: DecisionListOptions = {},
): Promise<Page<StoredEvent>> {
  const subject = "Cannot list decisions";
  checkKnown(subject, options, OPTIONS, { session: "sessionId", call: "callId", tool: "name" });
  const { outcome, gate, name, callId, ...rest } = options;
  if (outcome !== undefined) checkOneOf(subject, "outcome", outcome, OUTCOMES);
  for (const [option, text] of Object.entries({ gate, name, callId })) {
    checkText(subject, option, text);
  }
  const accepts = ({ data }: HookEvent): boolean => {
    const decided = data as GateDecidedData;
    return (outcome === undefined || decided.outcome === outcome) &&
      (name === undefined || decided.name === name) &&
      (callId === undefined || decided.call_id === callId) &&
      (gate === undefined || (decided.gates ?? []).some((one) => one.name === gate));
  };
  return await findEvents(client, subject, { ...rest, type: "gate.decided" }, {
    name: ["decisions", outcome, gate, name, callId],
    accepts,
  });
}
