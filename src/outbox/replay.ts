import { checkKnown, OR_INFINITE, readDuration } from "../internal/options.ts";
import { checkOneOf, checkText } from "../internal/validate.ts";
import type { StoreEntry, StoreKey } from "../store/mod.ts";
import { OutboxUnavailableError } from "./errors.ts";
import type { ReplayOptions, ReplayResult } from "./operation_types.ts";
import {
  checkFilter,
  isInTime,
  type ListName,
  matches,
  readCursor,
  timesOf,
  writeCursor,
} from "./pagination.ts";
import { readEventRecord, readLog, sessionOf } from "./records.ts";
import { type Ended, requeue, requeueOne } from "./requeue.ts";
import { removalsIn, scanDeliveries } from "./scan_deliveries.ts";
import type { StoreClient } from "./store_client.ts";
import { COMMIT_TIMEOUT, MIN_COMMIT_TIMEOUT } from "./timeouts.ts";

/** Bytes of one delivery in a commit: its log has 16 KiB. */
const MAX_DELIVERY = 20_000;
const OPTIONS = "target state type since until timeout cursor".split(" ");

/** The result of a replay. `seen`: how many deliveries it looked at, including those of other types. */
type ReplayCounts = ReplayResult & { readonly seen: number };

/** A walk over the deliveries of a state, target after target, each in the order of its events. */
export class Replay {
  readonly #client: StoreClient;
  readonly #options: ReplayOptions;
  readonly #wake: () => void;
  readonly #state: "dead" | "delivered";
  readonly #list: ListName;
  readonly #isRemoved: (target: string) => Promise<boolean>;
  readonly #deadline: number;
  /** The last key whose outcome is known. */
  #position: StoreKey;
  #replayed = 0;
  #refused = 0;
  #seen = 0;

  /**
   * Checks a filter of deliveries to replay. `wake`: a delivery is due that no worker knows of.
   *
   * @throws {TypeError | RangeError} when an option is wrong
   */
  constructor(
    client: StoreClient,
    options: ReplayOptions = {} as ReplayOptions,
    wake: () => void = () => {},
  ) {
    const subject = "Cannot replay deliveries";
    checkKnown(subject, options, OPTIONS, { budgetMs: "timeout" });
    const { state = "dead", target, type = "*", cursor, timeout } = options;
    readDuration(subject, "timeout", timeout, OR_INFINITE);
    if (timeout === undefined) throw new TypeError(`${subject}: 'timeout' is missing`);
    checkOneOf(subject, "state", state, ["dead", "delivered"]);
    if (target !== undefined) checkText(subject, "target", target);
    checkFilter(subject, options);
    this.#client = client;
    this.#options = options;
    this.#wake = wake;
    this.#isRemoved = removalsIn(client);
    this.#state = state;
    this.#list = ["replay", state, target ?? "", type, ...timesOf(options)];
    const isTheirs = (position: StoreKey): boolean => isPosition(position, target);
    this.#position = readCursor(subject, cursor, this.#list, isTheirs) ?? [];
    this.#deadline = client.clock.now() + timeout;
  }

  /** Counts the deliveries that a replay looks at; undefined if that takes longer than its timeout. */
  async count(): Promise<number | undefined> {
    let count = 0;
    for await (const entry of this.#entries()) {
      if (await this.#isWanted(entry)) count++;
      if (this.#client.clock.now() >= this.#deadline) return undefined;
    }
    return count;
  }

  /** Replays until all were seen, or its timeout has passed: the cursor says where to continue. */
  async run(): Promise<ReplayCounts> {
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
    let group: StoreEntry[] = [];
    let last: StoreKey | undefined;
    for await (const entry of this.#entries()) {
      if (last !== undefined && (group.length === size || clock.now() >= this.#deadline)) {
        await this.#replayAll(group);
        group = [];
        this.#position = last.slice(2);
        if (clock.now() >= this.#deadline) return false;
      }
      if (await this.#isWanted(entry)) group.push(entry);
      last = entry.key;
    }
    await this.#replayAll(group);
    return true;
  }

  /** Reads the entries of the state, from the position on. */
  #entries(): AsyncIterable<StoreEntry> {
    const { target, since, until } = this.#options;
    const kind = this.#state === "dead" ? "dead" : "delivery";
    const position = this.#position.length > 0 ? [kind, ...this.#position] : undefined;
    return scanDeliveries(this.#client, { kinds: [kind], target, since, until, position });
  }

  async #isWanted({ key, value }: StoreEntry): Promise<boolean> {
    const isOfState = this.#state === "dead"
      ? value !== null
      : readLog(value).state === "delivered";
    const [target, id] = nameOf(key);
    return isOfState && isInTime(id, this.#options) && !await this.#isRemoved(target);
  }

  /** Replays a group in one commit. When it is rejected, each is tried alone, as are those of sessions. */
  async #replayAll(group: readonly StoreEntry[]): Promise<void> {
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

  /** Returns whether a rejected commit had been applied before: no other commit is likely to write this exact time. */
  async #isMine({ target, id }: Ended, at: number): Promise<boolean> {
    const [entry] = await this.#client.get([this.#client.keys.delivery(target, id)]);
    const log = readLog(entry!.value);
    return log.state === "pending" && log.at === at;
  }

  /** Reads which of a group can be delivered again. */
  async #endedOf(group: readonly StoreEntry[]): Promise<readonly Ended[]> {
    const client = this.#client;
    const { keys } = client;
    const state = this.#state;
    const events = await client.get(group.map(({ key }) => keys.event(nameOf(key)[1])));
    const logs = state === "delivered"
      ? group
      : await client.get(group.map(({ key }) => keys.delivery(...nameOf(key))));
    const ended: Ended[] = [];
    for (const [n, { key, versionstamp }] of group.entries()) {
      const [target, id] = nameOf(key);
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

/** Returns the target and the event of a key of a dead letter or a log. */
function nameOf([, , target, id]: StoreKey): [target: string, id: string] {
  return [String(target), String(id)];
}

/** Returns whether a position is a target and an id, or the start. */
function isPosition(position: readonly unknown[], target: string | undefined): boolean {
  const [w, id] = position;
  return position.length === 0 ||
    (position.length === 2 && typeof w === "string" && typeof id === "string" &&
      (target ?? w) === w);
}
