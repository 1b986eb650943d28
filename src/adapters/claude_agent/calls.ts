import { canonicalJson } from "../../internal/json_text.ts";
import type { AgentRun } from "../run.ts";
import type { AllowedCall } from "../tool_call.ts";

/** How many ended calls are remembered, so that later messages about them change nothing. */
const MAX_ENDED = 1_000;

/** An allowed call, with the data that was judged. */
type Open = {
  readonly run: AgentRun;
  readonly name: string;
  readonly json: string;
  readonly call: AllowedCall;
  /** Whether it isn't the input that Claude Code gave, so that Claude Code still adds defaults and completes paths. */
  readonly isChanged: boolean;
};

/** The allowed calls of a session, until Claude Code reports how they ended. */
export class Calls {
  readonly #open = new Map<string, Open>();
  /** The ids of the calls that ended last. */
  readonly #ended = new Set<string>();

  /** Returns a call that has not ended. */
  get(id: string): AllowedCall | undefined {
    return this.#open.get(id)?.call;
  }

  /** Returns whether a call with an id has ended, and no call with the same id has begun since. */
  hasEnded(id: string): boolean {
    return this.#ended.has(id);
  }

  /** Returns whether a call has not ended, and gates judged it with this name and these parameters. */
  isJudged(id: string, name: string, params: object): boolean {
    const open = this.#open.get(id);
    return open?.name === name && open.json === canonicalJson(params);
  }

  /** Returns whether a call has not ended, and ran with other input than gates judged; `"maybe"` if they changed it. */
  hasStrayed(id: string, input: object): boolean | "maybe" {
    const open = this.#open.get(id);
    if (open === undefined || isSame(open, input)) return false;
    return open.isChanged ? "maybe" : true;
  }

  /** Adds a call of a run. */
  add(id: string, { run, name, call, isChanged }: Omit<Open, "json">): void {
    this.#ended.delete(id);
    this.#open.set(id, { run, name, json: canonicalJson(call.params), call, isChanged });
  }

  /** Removes and returns a call, so that the caller can end it. Undefined if it has ended or never began. */
  take(id: string): AllowedCall | undefined {
    const call = this.get(id);
    if (call !== undefined) this.#end(id);
    return call;
  }

  /** Removes the calls of a run, which ends them. */
  endAll(run: AgentRun): void {
    for (const [id, call] of this.#open) if (call.run === run) this.#end(id);
  }

  #end(id: string): void {
    this.#open.delete(id);
    this.#ended.add(id);
    const [oldest] = this.#ended;
    if (this.#ended.size > MAX_ENDED) this.#ended.delete(oldest!);
  }
}

/** Returns whether input is what was judged. If that was changed: apart from fields that were added, and folders. */
function isSame({ json, isChanged }: Open, input: object): boolean {
  if (canonicalJson(input) === json) return true;
  if (!isChanged) return false;
  const fields = input as Readonly<Record<string, unknown>>;
  return Object.entries(JSON.parse(json) as object).every(([name, judged]) => {
    const ran = fields[name];
    const isCompleted = typeof judged === "string" && typeof ran === "string" &&
      ran.endsWith(`/${judged}`);
    return isCompleted || ran !== undefined && canonicalJson(ran) === canonicalJson(judged);
  });
}
