import type { CommandIO } from "./io.ts";

/** How long responses may take once the command shuts down, in milliseconds: supervisors kill after 5 s. */
export const GRACE_PERIOD = 2_000;

/** Reports when the user or the system ends the command. */
type ShutdownSignal = {
  /** Aborts on the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Resolves on the first SIGINT or SIGTERM. */
  readonly requested: Promise<void>;
  /** Stops listening. */
  release(): void;
};

/**
 * Listens for SIGINT and SIGTERM. Repeated signals are ignored: below `deno task` and `npm run`, one
 * Ctrl-C arrives twice, from the terminal and from the parent process.
 */
export function listenForShutdown(io: Pick<CommandIO, "onSignal">): ShutdownSignal {
  const controller = new AbortController();
  let request = (): void => {};
  const requested = new Promise<void>((resolve) => {
    request = () => {
      controller.abort();
      resolve();
    };
  });
  const releases = [io.onSignal("SIGINT", request), io.onSignal("SIGTERM", request)];
  return {
    signal: controller.signal,
    requested,
    release: () => releases.forEach((release) => release()),
  };
}
