import type { Usage } from "./options.ts";

/** The result of a model call. */
export type ModelResult = {
  /** The model that responded. @default the one that was called */
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
  readonly usage?: Usage | undefined;
  /** Its cost according to the SDK, in US dollars. */
  readonly costUsd?: number | undefined;
  readonly finishReason?: string | undefined;
  /** Time to the first token, in milliseconds. */
  readonly ttftMs?: number | undefined;
  readonly error?: unknown;
};

/** How a run ended. */
export type RunResult = {
  /** The final text. */
  readonly response?: string | undefined;
  /** Its error. */
  readonly error?: unknown;
  /** Whether it was aborted, which outranks an error. */
  readonly aborted?: boolean | undefined;
  /** The tokens of the run, where the SDK counts them. @default the sum of its model calls */
  readonly usage?: Usage | undefined;
  /** What the run cost, in US dollars. @default the sum of its model calls, if all are known */
  readonly costUsd?: number | undefined;
};
