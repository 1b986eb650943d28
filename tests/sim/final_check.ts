import type { Store, StoreEntry } from "../../src/store/mod.ts";
import type { DeliveryRecord, EventRecord, SessionEntry } from "../../src/outbox/records.ts";
import type { Model } from "./model.ts";
import { checkCounts } from "./recount.ts";
import { type Receivers, RETRIES } from "./receivers.ts";

/** Everything that is left. */
export async function contents(store: Store): Promise<readonly StoreEntry[]> {
  const entries: StoreEntry[] = [];
  for await (const entry of store.list({ prefix: ["hooks"] })) entries.push(entry);
  return entries;
}

/** Holds what is left in the store, and what receivers got, against the invariants. */
export async function checkEnd(
  store: Store,
  model: Model,
  receivers: Receivers,
  now: number,
): Promise<void> {
  const entries = await contents(store);
  const of = (kind: string): readonly StoreEntry[] => entries.filter(({ key }) => key[1] === kind);
  const named = (kind: string): Map<string, unknown> =>
    new Map(of(kind).map(({ key, value }) => [`${key[2]} ${key[3]}`, value]));
  const due = new Map<string, number>();
  for (const { key, value } of [...of("due"), ...of("lane")]) {
    // A session has no place of its own: its due key and its record are deleted with its last delivery.
    const isSession = key[1] === "lane" ? key.length === 4 : key[4] === "lane";
    const id = key[1] === "lane" ? (value as SessionEntry).id : key[4];
    const name = isSession ? `session ${key.slice(2).join(" ")}` : `${key[2]} ${id}`;
    due.set(name, (due.get(name) ?? 0) + 1);
    if (isSession) model.violate(`I2: ${key.slice(1).join(" ")} is left`);
  }
  const dead = named("dead");
  const logs = named("delivery") as Map<string, DeliveryRecord>;
  const heads = new Map(
    of("event").map(({ key, value }) => [String(key[2]), value as EventRecord]),
  );

  for (const [id, { to }] of model.heads) {
    const gone = model.isGone(id, now);
    if (!gone && !heads.has(id)) model.violate(`I1: event ${id} was stored, and is lost`);
    for (const w of to) if (!model.endpoints.isRemoved(w)) checkDelivery(`${w} ${id}`, gone);
  }
  for (const id of heads.keys()) {
    if (!model.heads.has(id)) model.violate(`layout: event ${id} came from nowhere`);
  }
  checkChunks(of("chunk"), heads, model);
  checkCounts(of("count"), model);
  checkSessions(model, receivers);
  checkRemoved(entries, model);

  function checkDelivery(name: string, gone: boolean): void {
    const log = logs.get(name);
    const states = gone ? ["delivered", "expired"] : ["delivered"];
    const ended = log && states.includes(log.state) ? 1 : 0;
    const places = (due.get(name) ?? 0) + (dead.has(name) ? 1 : 0) + ended;
    if (places !== 1) model.violate(`I2: at the end ${name} is in ${places} places`);
    if ((due.get(name) ?? 0) > 0) model.violate(`I5: ${name} never came to its end`);
    checkSends(name, log, model, receivers);
    checkDead(name, log, dead.get(name) as { readonly reason: string } | undefined, model);
  }
}

/** I5: sent as often as its log says, and once more at most for each lease that was lost or returned. */
function checkSends(
  name: string,
  log: DeliveryRecord | undefined,
  model: Model,
  receivers: Receivers,
): void {
  const sends = receivers.sends.get(name) ?? 0;
  const { reclaims, returns, ordered } = model.known.get(name) ??
    { reclaims: 0, returns: 0, ordered: undefined };
  const made = log?.made ?? 0;
  if (sends < made) model.violate(`I5: ${name} was sent ${sends} times, its log says ${made}`);
  if (!ordered && sends > made + reclaims + returns) {
    model.violate(
      `I5: ${name} was sent ${sends} times: ${made} in its log, ` +
        `${reclaims} leases lost, ${returns} returned`,
    );
  }
  if (log?.state === "delivered" && log.attempts.at(-1)?.verdict !== "delivered") {
    model.violate(`I5: ${name} counts as delivered without an attempt that was`);
  }
}

/** The same for a session: a process that lost its lease may have sent a later delivery of it. */
function checkSessions(model: Model, receivers: Receivers): void {
  const extra = new Map<string, number>();
  for (const { name, ordered, log, w } of model.known.values()) {
    if (!ordered || model.endpoints.isRemoved(w)) continue;
    const sends = (receivers.sends.get(name) ?? 0) - (log?.made ?? 0);
    extra.set(ordered.name, (extra.get(ordered.name) ?? 0) + sends);
  }
  for (const [name, sends] of extra) {
    const { reclaims, returns } = model.sessions.known.get(name)!;
    if (sends > reclaims + returns) {
      const why = `${reclaims} leases lost, ${returns} returned`;
      model.violate(`I5: ${name} was sent ${sends} times more than its logs say: ${why}`);
    }
  }
}

/** Of a target that was removed nothing is left but the mark that it was. */
function checkRemoved(entries: readonly StoreEntry[], model: Model): void {
  for (const { key } of entries) {
    const [, kind, w, id] = key as string[];
    // A crash in the middle of a purge may leave a count, which goes with its day.
    if (["event", "chunk", "seen", "endpoint", "meta", "count"].includes(kind!)) continue;
    // A process that has not read it yet may have delivered later events.
    const late = model.late.has(`${w} ${id}`);
    if (!late && model.endpoints.isRemoved(w!)) {
      model.violate(`removal: ${key.slice(1).join(" ")} is left`);
    }
  }
}

/** A delivery is given up for a reason. */
function checkDead(
  name: string,
  log: DeliveryRecord | undefined,
  dead: { readonly reason: string } | undefined,
  model: Model,
): void {
  if (!dead) return;
  if (log?.state !== "dead") model.violate(`I2: ${name} is dead, its log says ${log?.state}`);
  const verdict = log?.attempts.at(-1)?.verdict;
  if (verdict === "final" || (log?.made ?? 0) - (log?.base ?? 0) > RETRIES) return;
  const lost = /^lost lease/.test(dead.reason) && (model.known.get(name)?.reclaims ?? 0) >= 5;
  if (!lost && dead.reason !== model.allowedReasons.get(name)) {
    model.violate(`I5: ${name} is dead for no reason: ${dead.reason}`);
  }
}

/** A head's chunks are there, and no head lacks one. */
function checkChunks(
  chunks: readonly StoreEntry[],
  heads: ReadonlyMap<string, EventRecord>,
  model: Model,
): void {
  const names = new Set(chunks.map(({ key }) => `${key[2]} ${key[3]}`));
  for (const [id, head] of heads) {
    for (let n = 0; n < (head.chunks ?? 0); n++) {
      if (!names.has(`${id} ${n}`)) model.violate(`a chunk of ${id} is not there`);
    }
  }
}
