import { guarded } from "../core/reporter.ts";
import { maskError } from "../internal/mask_error.ts";
import type { Logger } from "../core/mod.ts";
import type { Env } from "./_env.ts";

/** A kind of trouble is logged once in this time, in milliseconds: a store that fails, fails often. */
const QUIET = 60_000;
/** Kinds that are kept: beyond that, those go that are not quiet any more. A kind may name a number. */
const MOST_KINDS = 200;

/** Logs trouble with the store: at first, then once a minute with how often it was. */
export class TroubleLog {
  readonly #logger: Logger;
  readonly #env: Env;
  readonly #kinds = new Map<string, { at: number; held: number }>();

  constructor(logger: Logger, env: Env) {
    this.#logger = logger;
    this.#env = env;
  }

  /** Logs, unless it did so for the same kind a moment ago. */
  warn(kind: string, ...details: readonly unknown[]): void {
    const now = this.#env.now();
    const last = this.#kinds.get(kind);
    if (last !== undefined && Math.abs(now - last.at) < QUIET) {
      last.held++;
      return;
    }
    const times = last !== undefined && last.held > 0 ? ` (and ${last.held} times before)` : "";
    if (this.#kinds.size >= MOST_KINDS) this.#forget(now);
    this.#kinds.set(kind, { at: now, held: 0 });
    // One that fails has nowhere to say so, and must not end the work that had trouble.
    guarded(() =>
      this.#logger.warn(`${kind}${times}`, ...details.map((detail) => maskError(detail)))
    );
  }

  #forget(now: number): void {
    for (const [kind, { at }] of this.#kinds) {
      if (Math.abs(now - at) >= QUIET) this.#kinds.delete(kind);
    }
  }
}
