import type { Store } from "../store/mod.ts";
import { commitChange, type Outcome } from "./_commit.ts";
import type { Env } from "./_env.ts";
import type { Keys } from "./_keys.ts";
import { type Retention, VERSION } from "./_records.ts";
import { OutboxUnavailableError } from "./errors.ts";

/** How long a probe waits for the store, in milliseconds: within the timeout of usual readiness probes. */
const PATIENCE = 3_000;
/** How long the result of a probe is used, in milliseconds: after a success, and after a failure. */
const USED_FOR = { succeeded: 5_000, failed: 1_000 };
/**
 * Bytes that a probe writes once a publish has failed. A few bytes may still fit a full disk, in a page that
 * SQLite has already; events would not.
 */
const LARGE = 32 * 1024;

/** What a store is probed with. */
export type StoreHealthOptions = {
  readonly store: Store;
  readonly keys: Keys;
  readonly env: Env;
  readonly retention: Retention;
};

/** Tracks whether the store accepts commits, from the last publish and from probes. */
export class StoreHealth {
  readonly #options: StoreHealthOptions;
  /** Whether a publish failed since the last success. */
  #failing = false;
  #probe: Promise<Outcome> | undefined;
  #probedAt = -Infinity;
  #usedFor = 0;

  constructor(options: StoreHealthOptions) {
    this.#options = options;
  }

  /** Notes how the commit of a publish ended. */
  note({ ok }: Outcome): void {
    if (this.#failing === (ok === "unknown")) return;
    this.#failing = ok === "unknown";
    this.#probedAt = -Infinity; // what an earlier probe said is out of date
  }

  /**
   * Resolves when the store takes commits. It probes at most once a second, and all callers share a probe.
   *
   * @throws {OutboxUnavailableError} when it does not
   */
  async check(): Promise<void> {
    const { now } = this.#options.env;
    if (this.#probe === undefined || Math.abs(now() - this.#probedAt) >= this.#usedFor) {
      this.#probedAt = now();
      this.#usedFor = Infinity; // until there is a result
      const isLarge = this.#failing;
      this.#probe = this.#write(isLarge).then((outcome) => {
        const failed = outcome.ok === "unknown";
        // A small probe says nothing about a publish that failed in the meantime.
        const isStale = !failed && this.#failing && !isLarge;
        this.#failing = failed || isStale;
        this.#probedAt = now();
        this.#usedFor = isStale ? 0 : failed ? USED_FOR.failed : USED_FOR.succeeded;
        return outcome;
      });
    }
    const outcome = await this.#probe;
    if (outcome.ok !== "unknown") return;
    throw new OutboxUnavailableError(outcome.stored, outcome.cause, "use the outbox");
  }

  /** Overwrites one key, which needs no check: to do it twice is fine. */
  async #write(isLarge: boolean): Promise<Outcome> {
    const { store, keys, env, retention: { rest } } = this.#options;
    const fill = isLarge ? { fill: "x".repeat(LARGE) } : {};
    const sets = [[keys.probe, { v: VERSION, at: env.now(), ...fill }, rest]] as const;
    const change = { checks: [], sums: [], deletes: [], sets };
    try {
      return await commitChange(store, change, env, PATIENCE, { failFast: true });
    } catch (cause) {
      return { ok: "unknown", cause, stored: false }; // it is closed
    }
  }
}
