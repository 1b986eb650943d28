import type { GateDecidedData, HookEvent } from "../core/mod.ts";
import { checkKnown } from "../internal/options.ts";
import type { StoreEntry, StoreKey } from "../store/mod.ts";
import { type DecisionFilter, findGroups, OUTCOMES, scanGroups } from "./decision_index.ts";
import { findEvents } from "./lists.ts";
import { checkOneOf, checkText } from "./pagination.ts";
import { beforeIdsAt } from "./records.ts";
import type { Range, ScanOptions, StoreClient } from "./store_client.ts";
import type { DecisionListOptions, Page, StoredEvent } from "./types.ts";
import { indexedSince } from "./version.ts";

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
    scan: (range, options) => scanDecisions(client, { outcome, gate, name }, range, options),
  });
}

/** Reads decisions from the index, and those older than the index from all events. */
async function* scanDecisions(
  client: StoreClient,
  filter: DecisionFilter,
  range: Range,
  { reverse = false, page = 1 }: ScanOptions = {},
): AsyncGenerator<StoreEntry, void> {
  const options = { reverse, page };
  const since = await indexedSince(client);
  const groups = since === Infinity ? undefined : await findGroups(client, filter);
  if (groups === undefined) return yield* client.scan(range, options);
  if (since === 0) return yield* scanGroups(client, groups, range, options);
  const { start, end } = range;
  const split = client.keys.event(beforeIdsAt(new Date(since)));
  const isAfter = ([, , id]: StoreKey): boolean =>
    id === undefined || String(id) > String(split[2]);
  const older = { start, end: isAfter(end) ? split : end };
  const newer = { start: isAfter(start) ? start : split, end };
  if (reverse && isAfter(end)) yield* scanGroups(client, groups, newer, options);
  if (!isAfter(start)) yield* client.scan(older, options);
  if (!reverse && isAfter(end)) yield* scanGroups(client, groups, newer, options);
}
