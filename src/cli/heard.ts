import type { HookEvent } from "../core/mod.ts";
import { clockText, eventText } from "./event_line.ts";
import type { CommandIO } from "./io.ts";
import { count, printable, styleOf } from "./style.ts";
import { wireOf } from "./wire.ts";

/** What became of a request. */
export type Outcome = "received" | "duplicate" | "refused" | "failed";

/** A request that `hooks listen` has answered. */
export type Heard = {
  /** When it came. */
  readonly at: Date;
  /** `failed` is on demand, `refused` is the sender's fault. */
  readonly outcome: Outcome;
  /** What was answered. */
  readonly status: number;
  /** Whether a secret of ours had signed it. */
  readonly verified: boolean;
  /** Its `webhook-id`, or the event's. */
  readonly id?: string | undefined;
  /** What was in it; when it was received. */
  readonly event?: HookEvent | undefined;
  /** Why it was refused. */
  readonly code?: string | undefined;
  /** The same, for people. */
  readonly detail?: string | undefined;
};

/** What became of a request, as JSON on one line. */
export function heardJson({ event, ...heard }: Heard): string {
  return JSON.stringify({ ...heard, ...(event ? { event: wireOf(event) } : {}) });
}

/** What became of a request: when it arrived, what was answered, and what was in it. */
export function heardText(heard: Heard, full: boolean, io: CommandIO): string {
  const style = styleOf(io, io.stdout);
  const { at, outcome, status, verified, event } = heard;
  const words = outcome === "received"
    ? (verified ? "verified" : "unverified")
    : outcomeWords[outcome];
  const paint = {
    received: verified ? style.green : style.yellow,
    duplicate: style.dim,
    failed: style.yellow,
    refused: style.red,
  }[outcome];
  const plain = `${status} ${words.padEnd(10)}`;
  const painted = `${status} ${paint(words.padEnd(10))}`;
  if (outcome === "received") {
    const columns = full ? undefined : io.stdout.columns;
    return eventText(event!, { arrival: at, style, columns, mark: { plain, painted } });
  }
  const id = printable(heard.id ?? "without an id");
  const reason = outcome === "refused" ? ` ${printable(`${heard.code}: ${heard.detail}`)}` : "";
  return `${painted} ${style.dim(clockText(at))} ${id}${reason}`;
}

const outcomeWords = { duplicate: "duplicate", refused: "refused", failed: "on demand" } as const;

/** Counts what became of requests. */
export class Tally {
  readonly #counts: Record<Outcome, number> = { received: 0, duplicate: 0, refused: 0, failed: 0 };
  #verified = 0;

  /** Counts one more. */
  count({ outcome, verified }: Heard): void {
    this.#counts[outcome]++;
    if (outcome === "received" && verified) this.#verified++;
  }

  /** The counts in words. */
  toString(): string {
    const { received, duplicate, refused, failed } = this.#counts;
    return `${count(received + duplicate + refused + failed, "request")}: ${received} received ` +
      `(${this.#verified} verified), ${duplicate} duplicate, ${refused} refused, ${failed} failed on demand`;
  }
}
