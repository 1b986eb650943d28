import type { StoreCommit } from "../../src/store/mod.ts";
import type { HookEvent } from "../../src/core/mod.ts";
import type { DeliveryRecord, EventRecord, TargetRecord } from "../../src/outbox/records.ts";
import type { WebhookRecord } from "../../src/webhook_store/record.ts";
import { Sealer } from "../../src/webhook_store/seal.ts";
import { verifyWebhook } from "../../src/webhook/mod.ts";
import type { Ledger, Mutation, Sent } from "./faulty_store.ts";
import type { SimProcess } from "./process.ts";
import type { Simulation } from "./simulation.ts";

/** Within this, every process knows of a change, in milliseconds: what is promised, and the latency of a read. */
export const KNOWN_AFTER = 5_000 + 100;
/** The same of a process whose reads work: a poll every three seconds, and the latency of what it reads. */
const POLLED_AFTER = 3_000 + 500;

/** A webhook at a revision, and when that was what is stored. */
type Revision = { readonly record: WebhookRecord; readonly at: number; until: number };

/** All that was ever stored of a webhook. */
type Known = { readonly revisions: Revision[]; deletedAt?: number };

/** A request as it arrived. */
type Request = { readonly url: string; readonly headers: Headers; readonly body: string };

/** What a process was told of a webhook: its revision, or that it was deleted. */
type Told = { readonly revision: number; readonly at: number };

/** What is stored of webhooks, and whether that, what is accepted for them and what they get is allowed. */
export class WebhookModel implements Ledger {
  readonly faults: string[] = [];
  readonly webhooks = new Map<string, Known>();
  /** Events by id, with their targets. */
  readonly heads = new Map<string, readonly string[]>();
  /** Deliveries that a receiver has confirmed, as `name id`. */
  readonly confirmed = new Set<string>();
  /** Deliveries that were settled after their webhook had been deleted, as `name id`. */
  readonly late = new Set<string>();
  readonly totals = { commits: 0, changes: 0, deletions: 0, followed: 0, current: 0, purged: 0 };
  readonly #simulation: Simulation;
  readonly #sealer: Sealer;
  readonly #events = new Map<string, { readonly event: HookEvent; readonly at: number }>();
  readonly #writes = new Set<string>();
  readonly #targets = new Map<string, { readonly record: TargetRecord; readonly at: number }>();
  readonly #pending = new Map<string, Set<string>>();
  readonly #told = new Map<SimProcess, Map<string, Told>>();
  /** The least revision that a process may still use, by webhook. */
  readonly #floors = new Map<SimProcess, Map<string, number>>();
  /** Until when reads of a process fail, or are slow. */
  readonly #disturbed = new Map<SimProcess, number>();

  constructor(simulation: Simulation, encryptionKey: string) {
    this.#simulation = simulation;
    this.#sealer = new Sealer("Cannot open the model", encryptionKey);
  }

  violate(what: string): void {
    this.#simulation.log(() => `VIOLATION ${what}`);
    if (this.faults.length < 20) this.faults.push(what);
  }

  /** An event is emitted. */
  emits(event: HookEvent): void {
    this.#events.set(event.id, { event, at: this.#simulation.now });
  }

  /** Reads of a process fail, or take long, until a time. */
  disturb(process: SimProcess, until: number): void {
    this.#disturbed.set(process, Math.max(until, this.#disturbed.get(process) ?? 0));
  }

  /** A process was told that its change is stored; `Infinity`: its deletion. It follows that at once. */
  told(process: SimProcess, name: string, revision: number): void {
    const before = this.#told.get(process)?.get(name);
    if (before !== undefined && before.revision >= revision) return;
    within(this.#told, process).set(name, { revision, at: this.#simulation.now });
    if (revision !== Infinity) this.#raise(process, name, revision);
  }

  /** Whether a webhook is stored now, and was at a time. */
  isStoredSince(name: string, time: number): boolean {
    const { revisions, deletedAt } = this.webhooks.get(name) ?? { revisions: [] };
    return deletedAt === undefined && revisions.length > 0 && revisions[0]!.at <= time;
  }

  /** The revision of a webhook that a change with this URL made. */
  revisionWith(name: string, url: string): Revision | undefined {
    return this.webhooks.get(name)?.revisions.find(({ record }) => record.fields.url === url);
  }

  /** Resolves to the secrets of a revision, the newest first. */
  async secretsOf(name: string, { record }: Revision): Promise<readonly string[]> {
    const open = ({ sealed }: { readonly sealed: string }): Promise<string> =>
      this.#sealer.open(sealed, { name, field: "secret" });
    return await Promise.all(record.secrets.map(open));
  }

  record({ process, mutations }: Sent, result: StoreCommit): void {
    if (!result.ok) return;
    this.totals.commits++;
    for (const mutation of mutations) this.#apply(mutation, process);
  }

  #apply(mutation: Mutation, process: SimProcess): void {
    const [, kind, first, second, third] = mutation.key as string[];
    const value = mutation.what === "set" ? mutation.value : undefined;
    const { now } = this.#simulation;
    if (kind === "webhook") {
      if (value !== undefined) this.#stored(first!, value as WebhookRecord);
      else if (mutation.what === "delete") this.#deleted(first!);
    } else if (kind === "event" && value !== undefined) {
      this.#accepted(first!, (value as EventRecord).to, process);
    } else if (kind === "endpoint" && value !== undefined) {
      this.#targets.set(first!, { record: value as TargetRecord, at: now });
    } else if (kind === "due" && third !== undefined) {
      const pending = within(this.#pending, first!, () => new Set<string>());
      if (mutation.what === "delete") pending.delete(third);
      else pending.add(third);
    } else if (kind === "delivery" || kind === "dead") {
      if (value !== undefined && this.#isDeleted(first!)) this.late.add(`${first} ${second}`);
      const { state } = (value ?? {}) as Partial<DeliveryRecord>;
      if (state === "delivered" && !this.confirmed.has(`${first} ${second}`)) {
        this.violate(`I9: ${first} ${second} is stored as delivered, and no receiver confirmed it`);
      }
    }
  }

  #isDeleted(name: string): boolean {
    return this.webhooks.get(name)?.deletedAt !== undefined;
  }

  #stored(name: string, record: WebhookRecord): void {
    const known = within(this.webhooks, name, (): Known => ({ revisions: [] }));
    const before = known.revisions.at(-1);
    if (known.deletedAt !== undefined) this.violate(`I9: the name '${name}' is used again`);
    if (this.#writes.has(record.write)) this.violate(`I9: a change of '${name}' is stored twice`);
    this.#writes.add(record.write);
    if (record.revision !== (before?.record.revision ?? 0) + 1) {
      this.violate(`I9: '${name}' is stored at revision ${record.revision}, and a change is lost`);
    }
    const { now } = this.#simulation;
    if (before) before.until = now;
    known.revisions.push({ record, at: now, until: Infinity });
    this.totals.changes++;
  }

  #deleted(name: string): void {
    const known = this.webhooks.get(name);
    if (known === undefined || known.deletedAt !== undefined) {
      return this.violate(`I9: '${name}' is deleted, and isn't stored`);
    }
    known.deletedAt = this.#simulation.now;
    known.revisions.at(-1)!.until = known.deletedAt;
    this.totals.deletions++;
    if ((this.#pending.get(name)?.size ?? 0) > 0) this.totals.purged++;
  }

  /** An event was stored: with the targets that the process has to know. */
  #accepted(id: string, to: readonly string[], process: SimProcess): void {
    if (this.heads.has(id)) this.violate(`I6: event ${id} is stored twice`);
    this.heads.set(id, to);
    const { event, at } = this.#events.get(id) ?? {};
    if (event === undefined) return; // of the outbox
    for (const name of to) {
      if (!this.webhooks.has(name)) this.violate(`I9: ${id} is for '${name}', which never was`);
    }
    for (const [name, { revisions, deletedAt }] of this.webhooks) {
      const { record, at: storedAt } = revisions.at(-1)!;
      const since = deletedAt ?? storedAt;
      const revision = deletedAt === undefined ? record.revision : Infinity;
      if (!this.#mustKnow(process, name, { revision, since, at: at! })) continue;
      this.totals.followed++;
      const wanted = deletedAt === undefined && wants(record, event);
      if (wanted === to.includes(name)) continue;
      const what = wanted ? "lacks" : "is for";
      this.violate(
        `I9: ${id}, accepted by ${process.name}, ${what} '${name}', ${
          deletedAt === undefined ? `at revision ${revision}` : "deleted"
        } for ${at! - since} ms`,
      );
    }
  }

  /** Whether a process must know at a time what was stored of a webhook: it did it, or had the time to read it. */
  #mustKnow(
    process: SimProcess,
    name: string,
    { revision, since, at }: { readonly revision: number; since: number; at: number },
  ): boolean {
    const told = this.#told.get(process)?.get(name);
    if (told !== undefined && told.revision >= revision && told.at < at) return true;
    return at - since > KNOWN_AFTER && this.#isUndisturbed(process, since);
  }

  /** Whether a process could read, and didn't pause, since a time. */
  #isUndisturbed(process: SimProcess, since: number): boolean {
    return (this.#disturbed.get(process) ?? 0) < since && process.resumedAt <= since;
  }

  /** A request arrives: by a URL and secrets that belong together, and are known to be the newest. */
  async arrived(process: SimProcess, name: string, request: Request): Promise<void> {
    const { now } = this.#simulation;
    const { id, type } = JSON.parse(request.body);
    const where = `${process.name} sends ${id} to '${name}'`;
    const { revisions, deletedAt } = this.webhooks.get(name) ?? { revisions: [] };
    const used: Revision[] = [];
    for (const revision of revisions) {
      if (await this.#isUsed(name, revision, process, request)) used.push(revision);
    }
    const last = used.at(-1);
    if (last === undefined) {
      return this.violate(`I9: ${where}, with a URL and secrets of no revision`);
    }
    if (type === "webhook.test") return;
    this.totals.current++;
    const floor = this.#floors.get(process)?.get(name) ?? 0;
    if (last.record.revision < floor) {
      this.violate(`I9: ${where} as of revision ${last.record.revision}, after ${floor}`);
    }
    this.#raise(process, name, used[0]!.record.revision);
    const stale = now - last.until;
    if (stale > KNOWN_AFTER && this.#isUndisturbed(process, last.until)) {
      this.violate(`I9: ${where} as it was ${stale} ms ago`);
    }
    this.#checkState(process, where, name, deletedAt);
  }

  /** A deleted or disabled webhook gets nothing, once it is not believed to be on any longer. */
  #checkState(process: SimProcess, where: string, name: string, deletedAt = Infinity): void {
    const since = (at: number): number => this.#simulation.now - Math.max(at, process.resumedAt);
    if (since(deletedAt) > KNOWN_AFTER) {
      this.violate(`I9: ${where}, deleted for ${since(deletedAt)} ms`);
    }
    const { record, at = Infinity } = this.#targets.get(name) ?? {};
    const isDisabled = record?.state === "off" && record.address === undefined;
    const limit = this.#isUndisturbed(process, at) ? POLLED_AFTER : KNOWN_AFTER;
    if (isDisabled && since(at) > limit) {
      this.violate(`I9: ${where}, disabled for ${since(at)} ms`);
    }
  }

  /** Whether a request has the URL of a revision, and the signatures of its secrets. */
  async #isUsed(
    name: string,
    revision: Revision,
    process: SimProcess,
    { url, headers, body }: Request,
  ): Promise<boolean> {
    if (revision.record.fields.url !== url) return false;
    const [secret] = await this.secretsOf(name, revision);
    if (!await verifyWebhook(body, headers, { secret: secret! }).then(() => true, () => false)) {
      return false;
    }
    const { secrets } = revision.record;
    const count = headers.get("webhook-signature")!.split(" ").length;
    const valid = secrets.filter(({ expires = Infinity }) => expires > process.clock.now());
    return valid.length <= count && count <= secrets.length;
  }

  #raise(process: SimProcess, name: string, revision: number): void {
    const floors = within(this.#floors, process);
    floors.set(name, Math.max(revision, floors.get(name) ?? 0));
  }
}

/** Whether a webhook subscribes to an event. */
function wants({ fields }: WebhookRecord, { type, data }: HookEvent): boolean {
  const { kind } = data as { readonly kind: string };
  const isSubscribed = fields.events?.some((pattern) =>
    pattern === type || (pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1)))
  );
  const kinds = (fields.filter as Readonly<Record<string, readonly string[]>>)?.["data.kind"];
  return isSubscribed === true && (kinds === undefined || kinds.includes(kind));
}

/** Returns what is in a map, which gets it first if it has nothing there. */
function within<Key, Value>(
  map: Map<Key, Value>,
  key: Key,
  create: () => Value = () => new Map() as Value,
): Value {
  let value = map.get(key);
  if (value === undefined) map.set(key, value = create());
  return value;
}
