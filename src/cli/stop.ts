import type { CommandIO } from "./io.ts";

/** How long answers under way may take when the command stops, in milliseconds. */
export const GRACE = 2_000;

/** A signal that aborts when the user, or the system, asks the command to end. */
export type Stop = {
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Resolves when it has aborted. */
  readonly asked: Promise<void>;
  /** Listens no more. */
  release(): void;
};

/**
 * Listens to SIGINT and SIGTERM. More than one changes nothing: below `deno task` and `npm run` a
 * single Ctrl-C comes twice, from the terminal and from the parent.
 */
export function listenForStop(io: Pick<CommandIO, "onSignal">): Stop {
  const controller = new AbortController();
  const names = ["SIGINT", "SIGTERM"] as const;
  const releases = names.map((name) => io.onSignal(name, () => controller.abort()));
  const asked = new Promise<void>((resolve) =>
    controller.signal.addEventListener("abort", () => resolve(), { once: true })
  );
  return {
    signal: controller.signal,
    asked,
    release: () => releases.forEach((take) => take()),
  };
}
