import { checkKnown, OR_INFINITE, readDuration } from "../internal/options.ts";
import type { StoreEntry, StoreKey } from "../store/mod.ts";
import { OutboxUnavailableError } from "./errors.ts";
import type { ReplayFilter, ReplayOptions, ReplayResult } from "./operation_types.ts";
import {
  checkFilter,
  checkOneOf,
  checkText,
  isInTime,
  type ListName,
  matches,
  readCursor,
  timesOf,
  writeCursor,
} from "./pagination.ts";
import { beforeIdsAt, readEventRecord, readLog, sessionOf } from "./records.ts";
import { type Ended, requeue, requeueOne } from "./requeue.ts";
import { after, endOf, type StoreClient } from "./store_client.ts";
import { COMMIT_TIMEOUT, MIN_COMMIT_TIMEOUT } from "./timing.ts";

/** Bytes of one delivery in a commit: its log has 16 KiB. */
const MAX_DELIVERY = 20_000;
const OPTIONS = "target state type since until timeout cursor".split(" ");

/** A delivery that may be replayed. */
type Candidate = { readonly target: string; readonly id: string; readonly entry: StoreEntry };

/** Delivers many again. `wake`: something is due that no worker knows of. */
export async function replayDeliveries(
  client: StoreClient,
  options: ReplayOptions,
  wake: () => void,
): Promise<ReplayResult> {
  const { seen: _, ...result } = await new Replay(client, options, wake).run();
  return result;
}

/** What one slice of a longer replay did. `seen`: how many it looked at, also those of another type. */
type ReplaySlice = ReplayResult & { readonly seen: number };

/** Replays for a while, as a part of a replay in the background. */
export function replaySlice(
  client: StoreClient,
  options: ReplayOptions,
  wake: () => void,
): Promise<ReplaySlice> {
  return new Replay(client, options, wake).run();
}

/** Checks what is to be replayed. @throws {TypeError | RangeError} when that is wrong */
export function checkReplay(client: StoreClient, filter: ReplayFilter): void {
  new Replay(client, { ...filter, timeout: Infinity }, () => {});
}

/** Counts what a replay looks at; undefined when that takes longer than its timeout. */
export function countReplay(
  client: StoreClient,
  options: ReplayOptions,
): Promise<number | undefined> {
  return new Replay(client, options, () => {}).count();
}

/** A walk over the deliveries of a state, target after target, each in the order of its events. */
class Replay {
  readonly #client: StoreClient;
  readonly #options: ReplayOptions;
  readonly #wake: () => void;
  readonly #state: "dead" | "delivered";
  readonly #list: ListName;
  readonly #deadline: number;
  /** The last key whose outcome is known. */
  #position: StoreKey;
  #replayed = 0;
  #refused = 0;
  #seen = 0;

  constructor(
    client: StoreClient,
    options: ReplayOptions = {} as ReplayOptions,
    wake: () => void,
  ) {
    const subject = "Cannot replay deliveries";
    checkKnown(subject, options, OPTIONS, { budgetMs: "timeout" });
    const { state = "dead", target, type = "*", cursor, timeout } = options;
    readDuration(subject, "timeout", timeout, OR_INFINITE);
    if (timeout === undefined) throw new TypeError(`${subject}: 'timeout' is missing`);
    checkOneOf(subject, "state", state, ["dead", "delivered"]);
    checkText(subject, "target", target);
    checkFilter(subject, options);
    this.#client = client;
    this.#options = options;
    this.#wake = wake;
    this.#state = state;
    this.#list = ["replay", state, target ?? "", type, ...timesOf(options)];
    const isTheirs = (position: StoreKey): boolean => isPosition(position, target);
    this.#position = readCursor(subject, cursor, this.#list, isTheirs) ?? [];
    this.#deadline = client.clock.now() + timeout;
  }

  async count(): Promise<number | undefined> {
    let count = 0;
    for await (const entry of this.#entries()) {
      if (this.#isWanted({ id: String(entry.key[3]), entry })) count++;
      if (this.#client.clock.now() >= this.#deadline) return undefined;
    }
    return count;
  }

  async run(): Promise<ReplaySlice> {
    const start = this.#position;
    let isDone = false;
    try {
      isDone = await this.#walk();
    } catch (error) {
      // What was done until then is returned, and the cursor continues where the store stopped responding.
      const isSome = this.#replayed + this.#refused > 0 || this.#position !== start;
      if (!(error instanceof OutboxUnavailableError) || !isSome) throw error;
    }
    const result = { replayed: this.#replayed, refused: this.#refused, seen: this.#seen };
    return isDone ? result : { ...result, cursor: writeCursor(this.#list, this.#position) };
  }

  /** Resolves to whether it came to the end. */
  async #walk(): Promise<boolean> {
    const { store: { limits }, clock } = this.#client;
    const size = Math.max(1, Math.min(limits.checks, Math.floor(limits.bytes / MAX_DELIVERY)));
    let group: Candidate[] = [];
    let last: StoreKey | undefined;
    for await (const entry of this.#entries()) {
      if (last !== undefined && (group.length === size || clock.now() >= this.#deadline)) {
        await this.#replayAll(group);
        group = [];
        this.#position = last.slice(2);
        if (clock.now() >= this.#deadline) return false;
      }
      const candidate = { target: String(entry.key[2]), id: String(entry.key[3]), entry };
      if (this.#isWanted(candidate)) group.push(candidate);
      last = entry.key;
    }
    await this.#replayAll(group);
    return true;
  }

  /** Reads the entries of the range, from the position on. */
  async *#entries(): AsyncGenerator<StoreEntry, void> {
    const client = this.#client;
    const { keys } = client;
    const { target, since, until } = this.#options;
    const kind = this.#state === "dead" ? "dead" : "delivery";
    const from = since ? beforeIdsAt(since) : "";
    let [w, id] = this.#position as readonly (string | undefined)[];
    w ??= target ?? await this.#targetFrom(kind, "");
    while (w !== undefined) {
      const start = id === undefined ? keys.below(kind, w, from) : after(keys.below(kind, w, id));
      const end = until ? keys.below(kind, w, beforeIdsAt(until)) : endOf(keys.below(kind, w));
      const isEmpty = until && String(start[3]) >= String(end[3]);
      if (!isEmpty && !await client.isRemoved(w)) yield* client.scan({ start, end });
      if (target !== undefined) return;
      w = await this.#targetFrom(kind, `${w}\0`);
      id = undefined;
    }
  }

  /** Reads the first target from a name on that has any. */
  async #targetFrom(kind: string, name: string): Promise<string | undefined> {
    const { keys } = this.#client;
    const range = { start: keys.below(kind, name), end: endOf(keys.below(kind)) };
    const [first] = await this.#client.list(range, { limit: 1 });
    return first && String(first.key[2]);
  }

  #isWanted({ id, entry }: Omit<Candidate, "target">): boolean {
    const hasEnded = this.#state === "dead" || readLog(entry.value).state === "delivered";
    return hasEnded && isInTime(id, this.#options);
  }

  /** Replays a group in one commit. When it is rejected, each is tried alone, as are those of sessions. */
  async #replayAll(group: readonly Candidate[]): Promise<void> {
    const all = await this.#endedOf(group);
    const at = this.#client.clock.now();
    const together = all.filter(({ session }) => session === undefined);
    const isRejected = together.length > 0 &&
      !await requeue(this.#client, together, at, this.#timeout);
    if (!isRejected) this.#replayed += together.length;
    for (const one of isRejected ? all : all.filter(({ session }) => session !== undefined)) {
      const isMine = await requeueOne(this.#client, one, at, this.#timeout) ||
        await this.#isMine(one, at);
      if (isMine) this.#replayed++;
      else this.#refused++;
    }
    this.#seen += group.length;
    if (all.length > 0) this.#wake();
  }

  /** What is left of the call's timeout, within limits. */
  get #timeout(): number {
    const left = this.#deadline - this.#client.clock.now();
    return Math.max(MIN_COMMIT_TIMEOUT, Math.min(left, COMMIT_TIMEOUT));
  }

  /** Returns whether a commit that was rejected had been applied: hardly another writes this very time. */
  async #isMine({ target, id }: Ended, at: number): Promise<boolean> {
    const [entry] = await this.#client.get([this.#client.keys.delivery(target, id)]);
    const log = readLog(entry!.value);
    return log.state === "pending" && log.at === at;
  }

  /** Reads which of a group can be delivered again. */
  async #endedOf(group: readonly Candidate[]): Promise<readonly Ended[]> {
    const client = this.#client;
    const { keys } = client;
    const state = this.#state;
    const events = await client.get(group.map(({ id }) => keys.event(id)));
    const logs = state === "delivered"
      ? group.map(({ entry }) => entry)
      : await client.get(group.map(({ target, id }) => keys.delivery(target, id)));
    const ended: Ended[] = [];
    for (const [n, { target, id, entry: { key, versionstamp } }] of group.entries()) {
      const { value } = events[n]!;
      if (value === null) this.#refused++;
      else if (await this.#isOfType(id, value)) {
        const log = readLog(logs[n]!.value);
        const session = sessionOf(readEventRecord(value), target);
        ended.push({ target, id, session, state, guard: { key, versionstamp }, log });
      }
    }
    return ended;
  }

  async #isOfType(id: string, value: unknown): Promise<boolean> {
    const { type = "*" } = this.#options;
    if (type === "*") return true;
    const record = readEventRecord(value);
    const event = record && await this.#client.readEvent(id, record);
    return typeof event === "object" && matches(type, event.type);
  }
}

/** Returns whether a position is a target and an id, or the start. */
function isPosition(position: readonly unknown[], target: string | undefined): boolean {
  const [w, id] = position;
  return position.length === 0 ||
    (position.length === 2 && typeof w === "string" && typeof id === "string" &&
      (target ?? w) === w);
}
