import type { CommandIO } from "./io.ts";

/** How long answers under way may take when the command stops, in milliseconds. */
export const GRACE = 2_000;

/** A signal that aborts when the user, or the system, asks the command to end. */
export type Stop = {
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  /** Resolves when it has aborted. */
  readonly asked: Promise<void>;
  /** Listens no more: the next SIGINT kills. */
  release(): void;
};

/** Listens to SIGINT and SIGTERM. */
export function listenForStop(io: Pick<CommandIO, "onSignal">): Stop {
  const controller = new AbortController();
  const releases = (["SIGINT", "SIGTERM"] as const).map((name) =>
    io.onSignal(name, () => {
      controller.abort();
      release(); // whoever asks twice does not want to wait
    })
  );
  const release = (): void => releases.forEach((take) => take());
  const asked = new Promise<void>((resolve) =>
    controller.signal.addEventListener("abort", () => resolve(), { once: true })
  );
  return { signal: controller.signal, asked, release };
}
