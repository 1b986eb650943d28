import { checkKnown, OR_INFINITE, readDuration } from "../internal/options.ts";
import type { StoreEntry, StoreKey } from "../store/mod.ts";
import { type ListName, readCursor, writeCursor } from "./_cursor.ts";
import { beforeIdsAt } from "./_event_time.ts";
import { isRemoved } from "./_list_deliveries.ts";
import { headOf } from "./_list_events.ts";
import { checkFilter, checkOneOf, checkText, isInTime, matches } from "./_list_options.ts";
import { readEvent, readLog } from "./_reader.ts";
import { type Ended, type Mover, revive, reviveOne, sessionOf } from "./_revive.ts";
import { after, endOf, readMany, scan } from "./_scan.ts";
import { OutboxUnavailableError } from "./errors.ts";
import type { ReplayOptions, ReplayResult } from "./operations.ts";

/** How long one commit waits for the store, in milliseconds: what is left of the budget, within these. */
const PATIENCE = { least: 1_000, most: 10_000 };
/** Bytes of one delivery in a commit, at most: its log has 16 KiB. */
const LARGEST = 20_000;

/** Every option of a replay. */
const KNOWN: readonly string[] = [
  ...["target", "state", "type", "since", "until", "timeout", "cursor"],
];

/** A delivery that may be replayed, as the walk met it. */
type Candidate = { readonly target: string; readonly id: string; readonly entry: StoreEntry };

/** Delivers many again. */
export async function replayDeliveries(
  mover: Mover,
  options: ReplayOptions,
): Promise<ReplayResult> {
  return await new Replay(mover, options).run();
}

/** One walk over the deliveries of a state, target after target, each in the order of its events. */
class Replay {
  readonly #mover: Mover;
  readonly #options: ReplayOptions;
  readonly #state: "dead" | "delivered";
  readonly #list: ListName;
  readonly #deadline: number;
  #place: StoreKey;
  #replayed = 0;
  #refused = 0;

  constructor(mover: Mover, options: ReplayOptions = {} as ReplayOptions) {
    const subject = "Cannot replay";
    checkKnown(subject, options, KNOWN, { budgetMs: "timeout" });
    const { state = "dead", target, type = "*", since, until, cursor, timeout } = options;
    readDuration(subject, "timeout", timeout, OR_INFINITE);
    if (timeout === undefined) throw new TypeError(`${subject}: 'timeout' is missing`);
    checkOneOf(subject, "state", state, ["dead", "delivered"]);
    checkText(subject, "target", target);
    checkFilter(subject, options);
    const times = [since, until].map((time) => time?.getTime() ?? "");
    this.#mover = mover;
    this.#options = options;
    this.#state = state;
    this.#list = ["replay", state, target ?? "", type, ...times];
    this.#place = readCursor(subject, cursor, this.#list, (place) => isPlace(place, target)) ?? [];
    this.#deadline = mover.env.now() + timeout;
  }

  async run(): Promise<ReplayResult> {
    const start = this.#place;
    try {
      if (await this.#walk()) return { replayed: this.#replayed, refused: this.#refused };
    } catch (error) {
      // What was done until then is told, and the cursor leads to where the store stopped answering.
      const some = this.#replayed + this.#refused > 0 || this.#place !== start;
      if (!(error instanceof OutboxUnavailableError) || !some) throw error;
    }
    const cursor = writeCursor(this.#list, this.#place);
    return { replayed: this.#replayed, refused: this.#refused, cursor };
  }

  /** Whether it came to the end of the range. */
  async #walk(): Promise<boolean> {
    const { store: { limits }, env } = this.#mover;
    const size = Math.max(1, Math.min(limits.checks, Math.floor(limits.bytes / LARGEST)));
    let group: Candidate[] = [];
    let last: StoreKey | undefined;
    for await (const entry of this.#entries()) {
      if (last !== undefined && (group.length === size || env.now() >= this.#deadline)) {
        await this.#replayAll(group);
        group = [];
        this.#place = last.slice(2);
        if (env.now() >= this.#deadline) return false;
      }
      const candidate = { target: String(entry.key[2]), id: String(entry.key[3]), entry };
      if (this.#isWanted(candidate)) group.push(candidate);
      last = entry.key;
    }
    await this.#replayAll(group);
    return true;
  }

  /** The keys of the range, from the place on. */
  async *#entries(): AsyncGenerator<StoreEntry, void> {
    const { keys } = this.#mover;
    const { target, since, until } = this.#options;
    const kind = this.#state === "dead" ? "dead" : "delivery";
    const from = since ? beforeIdsAt(since) : "";
    let [w, id] = this.#place as readonly (string | undefined)[];
    w ??= target ?? await this.#targetFrom(kind, "");
    while (w !== undefined) {
      const start = id === undefined ? keys.below(kind, w, from) : after(keys.below(kind, w, id));
      const end = until ? keys.below(kind, w, beforeIdsAt(until)) : endOf(keys.below(kind, w));
      const any = !until || String(start[3]) < String(end[3]);
      if (any && !await isRemoved(this.#mover, w)) yield* scan(this.#mover, { start, end });
      if (target !== undefined) return;
      w = await this.#targetFrom(kind, `${w}\0`);
      id = undefined;
    }
  }

  /** The first target from a name on that has any. */
  async #targetFrom(kind: string, name: string): Promise<string | undefined> {
    const { keys } = this.#mover;
    const range = { start: keys.below(kind, name), end: endOf(keys.below(kind)) };
    for await (const { key } of scan(this.#mover, range, { batch: 1 })) return String(key[2]);
    return undefined;
  }

  #isWanted({ id, entry }: Candidate): boolean {
    const ended = this.#state === "dead" || readLog(entry.value).state === "delivered";
    return ended && isInTime(id, this.#options);
  }

  /** Replays a group in one commit; what may be refused, and that of lanes, each on its own. */
  async #replayAll(group: readonly Candidate[]): Promise<void> {
    const all = await this.#endedOf(group);
    const at = this.#mover.env.now();
    const together = all.filter(({ session }) => session === undefined);
    const refused = together.length > 0 && !await revive(this.#mover, together, at, this.#patience);
    if (!refused) this.#replayed += together.length;
    for (const one of refused ? all : all.filter(({ session }) => session !== undefined)) {
      const mine = await reviveOne(this.#mover, one, at, this.#patience) ||
        await this.#isMine(one, at);
      if (mine) this.#replayed++;
      else this.#refused++;
    }
    if (all.length > 0) this.#mover.wake();
  }

  get #patience(): number {
    return Math.max(
      PATIENCE.least,
      Math.min(this.#deadline - this.#mover.env.now(), PATIENCE.most),
    );
  }

  /** Whether a commit that was refused had been applied: hardly anybody else writes this very time. */
  async #isMine({ target, id }: Ended, at: number): Promise<boolean> {
    const { keys } = this.#mover;
    const [entry] = await readMany(this.#mover, [keys.delivery(target, id)]);
    const log = readLog(entry!.value);
    return log.state === "pending" && log.at === at;
  }

  /** What of a group can be delivered again. */
  async #endedOf(group: readonly Candidate[]): Promise<readonly Ended[]> {
    const { keys } = this.#mover;
    const state = this.#state;
    const heads = await readMany(this.#mover, group.map(({ id }) => keys.event(id)));
    const logs = state === "delivered"
      ? group.map(({ entry }) => entry)
      : await readMany(this.#mover, group.map(({ target, id }) => keys.delivery(target, id)));
    const ended: Ended[] = [];
    for (const [n, { target, id, entry: { key, versionstamp } }] of group.entries()) {
      const head = heads[n]!;
      if (head.value === null) this.#refused++;
      else if (await this.#isOfType(id, head)) {
        const log = readLog(logs[n]!.value);
        const session = sessionOf(headOf(head.value), target);
        ended.push({ target, id, session, state, guard: { key, versionstamp }, log });
      }
    }
    return ended;
  }

  async #isOfType(id: string, { value }: StoreEntry): Promise<boolean> {
    const { store, keys, env } = this.#mover;
    const { type = "*" } = this.#options;
    if (type === "*") return true;
    const head = headOf(value);
    const event = head && await readEvent(store, keys, id, head, env);
    return typeof event === "object" && matches(type, event.type);
  }
}

/** A target and an id; nothing: the beginning. */
function isPlace(place: readonly unknown[], target: string | undefined): boolean {
  const [w, id] = place;
  return place.length === 0 ||
    (place.length === 2 && typeof w === "string" && typeof id === "string" && (target ?? w) === w);
}
