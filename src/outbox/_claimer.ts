import type { Store, StoreKey } from "../store/mod.ts";
import type { Admission } from "./_admission.ts";
import { type Change, commitChange } from "./_commit.ts";
import type { DeliveryAlerts } from "./_delivery_alerts.ts";
import type { Endpoints } from "./_endpoints.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import { type Due, readDue, type Retention, VERSION } from "./_records.ts";
import type { Lease } from "./_lease.ts";
import { readList } from "./_scan.ts";
import type { Targets } from "./_targets.ts";
import type { TroubleLog } from "./_trouble_log.ts";

/** Keys that one look at a target reads. */
const PAGE = 128;
/** A lease outlasts the attempt by this, in milliseconds: time to read, to settle, and for clocks to differ. */
const LEASE_MARGIN = 20_000;
/** How long a claim waits for the store, in milliseconds. */
const PATIENCE = 5_000;
/** A delivery that was leased so often and never settled takes its workers down with it. */
export const MAX_CLAIMS = 5;

/** What one pass over the due keys found. */
export type Pass = {
  /** How many deliveries were leased. */
  readonly claimed: number;
  /** The next moment at which something is due, as far as is known. */
  readonly next: number | undefined;
  /** The same of what nobody has leased. */
  readonly retry: number | undefined;
  /** The targets of which something due was left, for want of slots, of time, or of a commit to settle in. */
  readonly left: readonly string[];
  /** Whether something due was left that may be had in a moment: its receiver rests, or another was faster. */
  readonly owed: boolean;
};

/** What the claimer works with. */
export type ClaimerOptions = {
  readonly store: Store;
  readonly keys: Keys;
  readonly env: Env;
  readonly retention: Retention;
  readonly targets: Targets;
  readonly endpoints: Endpoints;
  readonly admission: Admission;
  readonly alerts: DeliveryAlerts;
  readonly log: TroubleLog;
  /** Whether to go on claiming. */
  readonly wanted: () => boolean;
  /** Deletes what is stored for a target that was removed, as something was again. */
  readonly purge: (target: string) => Promise<void>;
  /** Takes a leased delivery over. */
  readonly take: (lease: Lease) => void;
};

/** A new lease of a delivery. */
export function newLease(env: Env, timeout: number, claims: number): Due {
  return { v: VERSION, until: env.now() + timeout + LEASE_MARGIN, by: crypto.randomUUID(), claims };
}

/** What a look at a target found: kept while slots are taken, as a commit checks it again. */
type Seen = {
  readonly claimable: readonly DueEntry[];
  readonly next: number | undefined;
  readonly retry: number | undefined;
  /** How many had been stored here unleased when it began. */
  readonly stored: number;
  /** Whether nothing else was due. */
  readonly ended: boolean;
};

/** What one pass found of one target. */
type Part = { -readonly [Field in keyof Omit<Pass, "left">]: Pass[Field] } & { left: boolean };

const NOTHING: Readonly<Part> = {
  claimed: 0,
  next: undefined,
  retry: undefined,
  left: false,
  owed: false,
};
type DueEntry = { readonly key: StoreKey; readonly versionstamp: string; readonly due: Due };

/** Finds due deliveries, target after target, and leases them. */
export class Claimer {
  readonly #options: ClaimerOptions;
  readonly #seen = new Map<string, Seen>();
  /** The targets for which the last pass found anything. */
  #met: readonly string[] = [];

  constructor(options: ClaimerOptions) {
    this.#options = options;
  }

  /**
   * One pass over all targets, from a random one around when several have something. `longest`: leave
   * those whose attempts may take longer.
   */
  async pass(longest: number): Promise<Pass> {
    const { env, keys } = this.#options;
    const several = this.#met.length > 1;
    const start = several ? this.#met[Math.floor(env.random() * this.#met.length)]! : "";
    const met: string[] = [];
    const left: string[] = [];
    const total = { ...NOTHING, left };
    let wrapped = start === "";
    for (let from = start;;) {
      const [first] = await readList(this.#options, keys.dueFrom(from), { limit: 1 });
      const name = first === undefined ? undefined : String(first.key[2]);
      if (name === undefined || (wrapped && start !== "" && name >= start)) {
        if (wrapped) {
          this.#met = met;
          return total;
        }
        wrapped = true;
        from = "";
        continue;
      }
      met.push(name);
      const part = await this.#claimFor(name, longest, Number(first!.key[3]));
      total.claimed += part.claimed;
      if (part.left) left.push(name);
      total.owed ||= part.owed;
      total.next = earlier(total.next, part.next);
      total.retry = earlier(total.retry, part.retry);
      from = `${name}\0`;
    }
  }

  /** Leases what is due of a target, whose earliest due key is at `earliest`. */
  async #claimFor(name: string, longest: number, earliest: number): Promise<Part> {
    const { targets, env, store, wanted, endpoints, admission, alerts, retention } = this.#options;
    const slot = targets.get(name);
    if (slot === undefined) {
      this.#seen.delete(name);
      alerts.unregistered(name, earliest);
      alerts.overdue(name, earliest, retention.head);
      return NOTHING;
    }
    const soonest = Math.max(earliest, endpoints.rests.until(name));
    const owed = earliest <= env.now();
    if (soonest > env.now()) {
      admission.caughtUp(slot);
      return { ...NOTHING, next: soonest, retry: soonest, owed };
    }
    const { state, record } = await endpoints.standing(slot);
    if (state !== "on") admission.caughtUp(slot);
    if (state === "paused") {
      return { ...NOTHING, next: record.pausedUntil, retry: record.pausedUntil };
    }
    if (state === "deleted") await this.#options.purge(name);
    if (state === "off") alerts.overdue(name, earliest, retention.head);
    if (state !== "on") return NOTHING;
    if (slot.target.timeout > longest) return { ...NOTHING, left: true };
    let claimed = 0;
    let most = slot.target.concurrency; // in one pass: others wait for their turn
    for (;;) {
      if (!wanted()) return { ...NOTHING, claimed, left: true };
      const kept = this.#seen.get(name);
      const seen = kept ?? await this.#look(name, slot.stored);
      this.#seen.delete(name);
      const { claimable, next, retry, ended } = seen;
      if (claimable.length === 0) {
        admission.caughtUp(slot, seen.stored);
        return { ...NOTHING, claimed, next, retry };
      }
      const free = Math.min(admission.free(slot), store.limits.checks, most);
      if (free <= 0) {
        this.#seen.set(name, seen);
        return { ...NOTHING, claimed, next, retry, left: true };
      }
      const won = await this.#claim(name, claimable.slice(0, free));
      claimed += won;
      most -= won;
      // Somebody was faster: what was seen is out of date, and is looked at anew, later.
      if (won === 0) {
        return { ...NOTHING, claimed, next: env.now(), retry: env.now(), owed: true };
      }
      const rest = claimable.slice(free);
      if (rest.length > 0) this.#seen.set(name, { ...seen, claimable: rest });
      else if (ended && kept === undefined) {
        admission.caughtUp(slot, seen.stored);
        return { ...NOTHING, claimed, next, retry };
      }
    }
  }

  /** Reads a target's due keys until some can be leased. */
  async #look(name: string, stored: number): Promise<Seen> {
    const { env, keys } = this.#options;
    let next: number | undefined;
    let retry: number | undefined;
    let after: StoreKey | undefined;
    for (;;) {
      const page = await readList(this.#options, keys.dueFrom(name, after), { limit: PAGE });
      const now = env.now();
      const claimable: DueEntry[] = [];
      for (const { key, value, versionstamp } of page) {
        if (key[2] !== name || partsOf(key) === undefined) continue;
        const due = readDue(value);
        if (due === "newer") continue;
        const at = Math.max(Number(key[3]), due.until);
        if (at <= now) claimable.push({ key, versionstamp: versionstamp!, due });
        else next = earlier(next, at);
        if (at > now && due.until <= now) retry = earlier(retry, at);
      }
      const last = page.at(-1);
      const ended = page.length < PAGE || last!.key[2] !== name || Number(last!.key[3]) > now;
      if (claimable.length > 0 || ended) return { claimable, next, retry, stored, ended };
      after = [...last!.key.slice(0, -1), `${last!.key.at(-1)}\0`];
    }
  }

  /** Leases a window of due keys; how many. */
  async #claim(name: string, window: readonly DueEntry[]): Promise<number> {
    const { targets, env, retention, store, take, admission, log } = this.#options;
    const slot = targets.get(name)!;
    const leases = window.map(({ key, due }) => ({
      key,
      due: newLease(env, slot.target.timeout, due.claims + 1),
    }));
    const change: Change = {
      checks: window.map(({ key, versionstamp }) => ({ key, versionstamp })),
      sums: [],
      deletes: [],
      // A lane has no lifetime, nor has its due key.
      sets: leases.map((
        { key, due },
      ) => [key, due, partsOf(key)!.session === undefined ? retention.rest : undefined]),
    };
    admission.enter(slot, leases.length);
    const outcome = await commitChange(store, change, env, PATIENCE).catch((error) => {
      admission.cancel(slot, leases.length);
      throw error;
    });
    if (outcome.ok !== true) {
      // Never adopt a lease that only looks like one's own: if it is, it ends by itself.
      admission.cancel(slot, leases.length);
      if (outcome.ok === "unknown") {
        log.warn("The outbox could not lease deliveries", outcome.cause);
      }
      return 0;
    }
    admission.claimed(slot, leases.length);
    const { versionstamp } = outcome;
    for (const { key, due } of leases) {
      take({ target: name, slot, key, at: Number(key[3]), due, versionstamp, ...partsOf(key)! });
    }
    return leases.length;
  }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? a ?? b : Math.min(a, b);
}

/** What a due key stands for: prefix, "due", target, at, and an id, or "lane" and a session. */
function partsOf(key: StoreKey): Pick<Lease, "id" | "session"> | undefined {
  const [, , , , id, session, ...rest] = key;
  if (typeof id !== "string" || rest.length > 0) return undefined;
  if (session === undefined) return { id, session };
  return id === "lane" && typeof session === "string" ? { id: undefined, session } : undefined;
}
