import { setTimer } from "../internal/async.ts";
import type { AgentHooks } from "./options.ts";
import type { AllowedCall, ToolCall } from "./tool_call.ts";

/** How many calls wait for a run that resumes them. Beyond that, the oldest ends. */
const MAX_PAUSED = 1_000;

/** How many runs may be under way. Beyond that, the oldest counts as abandoned, such as an unread stream. */
const MAX_RUNS = 10_000;

/** How long closing hooks wait for runs to end, in milliseconds: an aborted one ends at once. */
const GRACE = 1_000;

/** The unfinished runs and calls of all hooks. */
const all = new WeakMap<object, Unfinished>();

/** The place where a call was paused: only a run that continues there may resume it. */
type Place = {
  /** Where the SDK paused the call, by an id that the model can't choose, such as that of a task. */
  readonly place: string | undefined;
  readonly sessionId: string | undefined;
  readonly agentId: string | undefined;
};

/** Returns the key of a paused call; undefined if its place is unknown, or its arguments can't be JSON. */
export function keyOf(
  { place, sessionId, agentId }: Place,
  { name, callId, params }: ToolCall,
): string | undefined {
  if (place === undefined) return undefined;
  try {
    return JSON.stringify([place, sessionId, agentId, name, callId, params]);
  } catch {
    return undefined;
  }
}

/** Runs that have not ended, and calls that wait for one. They end when hooks close. */
export class Unfinished {
  readonly #runs = new Map<object, () => void>();
  readonly #calls = new Map<string, AllowedCall>();
  readonly #observer: AgentHooks["registry"]["observer"];
  #cancel = (): void => {};

  constructor(observer: AgentHooks["registry"]["observer"]) {
    this.#observer = observer;
  }

  /** Returns the unfinished runs and calls of hooks, from all of their adapters. */
  static of({ registry: { observer } }: AgentHooks): Unfinished {
    const known = all.get(observer);
    if (known !== undefined) return known;
    const unfinished = new Unfinished(observer);
    observer.closing.addEventListener("abort", () => unfinished.#end(), { once: true });
    all.set(observer, unfinished);
    return unfinished;
  }

  /** Adds a run, and a function that ends it when hooks close. Returns a function to call when it has ended. */
  addRun(run: object, end: () => void): () => void {
    this.#runs.set(run, end);
    if (this.#runs.size > MAX_RUNS) this.#endOldest();
    return () => {
      this.#runs.delete(run);
      if (this.#runs.size === 0) this.#cancel();
    };
  }

  /** Keeps a call of a paused run, such as one that was interrupted, for the run that repeats it. */
  keep(key: string | undefined, call: AllowedCall): void {
    if (key === undefined) return void call.fail(notResumed());
    this.#fail(key); // one that was paused in the same place
    this.#calls.set(key, call);
    if (this.#calls.size <= MAX_PAUSED) return;
    const [oldest] = this.#calls.keys();
    this.#fail(oldest!);
  }

  /** Returns the call that a run repeats; undefined if it is new. */
  take(key: string | undefined): AllowedCall | undefined {
    if (key === undefined) return undefined;
    const call = this.#calls.get(key);
    this.#calls.delete(key);
    return call;
  }

  #fail(key: string): void {
    void this.take(key)?.fail(notResumed());
  }

  #endOldest(): void {
    const [oldest] = this.#runs;
    const [run, end] = oldest!;
    this.#runs.delete(run);
    const error = new Error("runs were abandoned, such as streams that nobody read to the end");
    this.#observer.report(
      `More than ${MAX_RUNS} runs have not ended, so the oldest was aborted`,
      error,
    );
    end();
  }

  #end(): void {
    for (const key of [...this.#calls.keys()]) this.#fail(key);
    if (this.#runs.size === 0) return;
    this.#cancel = setTimer(GRACE, () => this.#runs.forEach((end) => end()));
  }
}

function notResumed(): Error {
  return new Error("The run was not resumed");
}
