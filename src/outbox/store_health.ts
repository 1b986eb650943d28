import { CommitBuilder } from "./commit.ts";
import { OutboxUnavailableError } from "./errors.ts";
import { VERSION } from "./records.ts";
import type { CommitOutcome, StoreClient } from "./store_client.ts";
import { PROBE_TIMEOUT } from "./timeouts.ts";

/** How long the result of a probe is used, in milliseconds: after a success, and after a failure. */
const USED_FOR = { succeeded: 5_000, failed: 1_000 };
/**
 * Bytes that a probe writes once a publish has failed. A few bytes may still fit a full disk, in a page that
 * SQLite has already; events would not.
 */
const LARGE = 32 * 1024;

/** Tracks whether the store accepts commits, from the last publish and from probes. */
export class StoreHealth {
  readonly #client: StoreClient;
  /** Whether a publish failed since the last success. */
  #isFailing = false;
  #probe: Promise<CommitOutcome> | undefined;
  #probedAt = -Infinity;
  #usedFor = 0;

  constructor(client: StoreClient) {
    this.#client = client;
  }

  /** Notes how the commit of a publish ended. */
  note({ ok }: CommitOutcome): void {
    if (this.#isFailing === (ok === "unknown")) return;
    this.#isFailing = ok === "unknown";
    this.#probedAt = -Infinity; // the result of an earlier probe is out of date
  }

  /**
   * Resolves when the store accepts commits. Probes at most once a second; all callers share a probe.
   *
   * @throws {OutboxUnavailableError} when it doesn't
   */
  async check(): Promise<void> {
    const { clock } = this.#client;
    if (this.#probe === undefined || Math.abs(clock.now() - this.#probedAt) >= this.#usedFor) {
      this.#probedAt = clock.now();
      this.#usedFor = Infinity; // until there is a result
      const isLarge = this.#isFailing;
      this.#probe = this.#write(isLarge).then((outcome) => {
        const isFailed = outcome.ok === "unknown";
        // A small probe doesn't tell whether a publish that failed meanwhile would succeed.
        const isStale = !isFailed && this.#isFailing && !isLarge;
        this.#isFailing = isFailed || isStale;
        this.#probedAt = clock.now();
        this.#usedFor = isStale ? 0 : isFailed ? USED_FOR.failed : USED_FOR.succeeded;
        return outcome;
      });
    }
    const outcome = await this.#probe;
    if (outcome.ok !== "unknown") return;
    throw new OutboxUnavailableError(outcome.stored, outcome.cause, "use the outbox");
  }

  /** Overwrites one key. It needs no check, because doing it twice changes nothing. */
  async #write(isLarge: boolean): Promise<CommitOutcome> {
    const { keys, clock, retention } = this.#client;
    const fill = isLarge ? { fill: "x".repeat(LARGE) } : {};
    const builder = new CommitBuilder();
    builder.set(keys.probe, { v: VERSION, at: clock.now(), ...fill }, retention.rest);
    try {
      return await this.#client.commit(builder.commit, PROBE_TIMEOUT, { failFast: true });
    } catch (cause) {
      return { ok: "unknown", cause, stored: false }; // it is closed
    }
  }
}
