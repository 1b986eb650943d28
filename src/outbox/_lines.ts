import type { Publication } from "../core/mod.ts";
import { laneOf } from "./_lanes.ts";
import type { Targets } from "./_targets.ts";

/** A place in the lines of some sessions. */
export type Turn = {
  /** Resolves when those who came before have gone. */
  readonly come: Promise<unknown>;
  /** Lets the next one go. */
  readonly leave: () => void;
};

/**
 * The order in which publications of a session were asked for: preparing a large one takes longer than a
 * small one that comes after it.
 */
export class Lines {
  readonly #last = new Map<string, Promise<void>>();

  /** Takes a place, at once; undefined: nothing in the batch has an order. */
  enter(batch: readonly Publication[], targets: Targets): Turn | undefined {
    const sessions = new Set<string>();
    for (const { event, to } of batch) {
      const ordered = to.some((target) => laneOf(targets, target, event) !== undefined);
      if (ordered) sessions.add(event.sessionId!);
    }
    if (sessions.size === 0) return undefined;
    const come = Promise.all([...sessions].map((session) => this.#last.get(session)));
    let leave!: () => void;
    const gone = new Promise<void>((resolve) => leave = resolve);
    for (const session of sessions) this.#last.set(session, gone);
    void gone.then(() => {
      for (const session of sessions) {
        if (this.#last.get(session) === gone) this.#last.delete(session);
      }
    });
    return { come, leave };
  }
}
