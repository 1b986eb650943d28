import { canonicalJson } from "../../internal/json_text.ts";
import { type Changed, isCompleted } from "./completed_input.ts";
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
  /** How Claude Code completes the input, if a gate or a person has changed it. */
  readonly changed?: Changed | undefined;
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

  /** Returns whether a call has not ended, and ran with other input than gates judged. */
  hasStrayed(id: string, input: object): boolean {
    const open = this.#open.get(id);
    if (open === undefined || open.json === canonicalJson(input)) return false;
    const { name, json, changed } = open;
    return changed === undefined ||
      !isCompleted(name, { judged: JSON.parse(json), ran: input, ...changed });
  }

  /** Adds a call of a run. */
  add(id: string, { run, name, call, changed }: Omit<Open, "json">): void {
    this.#ended.delete(id);
    this.#open.set(id, { run, name, json: canonicalJson(call.params), call, changed });
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
