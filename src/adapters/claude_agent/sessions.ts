import { delay } from "../../internal/async.ts";
import type { AgentHooks, AgentOptions } from "../options.ts";
import { AgentRun, type RunResult } from "../run.ts";
import { Calls } from "./calls.ts";
import type { Changed } from "./completed_input.ts";
import { ModelCalls } from "./model_calls.ts";

/** The most idle sessions that are kept. */
const MAX_SESSIONS = 1_000;

/** Subagents of a session that have not stopped. Beyond that, Claude Code has forgotten the oldest. */
const MAX_SUBAGENTS = 1_000;

/** The sessions of Claude Code that a connection has seen. */
export class Sessions {
  readonly #hooks: AgentHooks;
  readonly #options: AgentOptions;
  readonly #sessions = new Map<string, Session>();
  /** Whether messages are observed. If not, hooks end runs. */
  isWrapped = false;

  #arriving: Promise<unknown> = Promise.resolve();
  /** How many hooks are waiting until all earlier messages have been observed. */
  #waiting = 0;
  /** Functions that resume queries paused because of too many unread messages. */
  readonly #paused = new Set<() => void>();

  constructor(hooks: AgentHooks, options: AgentOptions) {
    this.#hooks = hooks;
    this.#options = options;
  }

  /** Resolves when a message has been observed. If that fails, the failure is reported, and the query continues. */
  arrive(message: Promise<void>): Promise<void> {
    const { observer } = this.#hooks.registry;
    const observed = message.catch((error) => observer.report("Cannot observe a message", error));
    this.#arriving = Promise.all([this.#arriving, observed]).then(() => {});
    return observed;
  }

  /**
   * Resolves when the messages that arrived before a hook was called have been observed. The SDK calls a hook
   * at once, but passes a message on in a later microtask.
   */
  async caughtUp(): Promise<void> {
    if (!this.isWrapped) return;
    this.#waiting++;
    for (const resume of this.#paused) resume();
    this.#paused.clear();
    let seen: unknown;
    while (seen !== this.#arriving) {
      seen = this.#arriving;
      await delay(0);
      await this.#arriving;
    }
    this.#waiting--;
  }

  /** Resolves when a hook waits for messages, or when the `resume` function passed to `onPause` is called. */
  async pause(onPause: (resume: () => void) => void): Promise<void> {
    if (this.#waiting > 0) return;
    await new Promise<void>((resolve) => {
      this.#paused.add(resolve);
      onPause(() => {
        this.#paused.delete(resolve);
        resolve();
      });
    });
  }

  /** Returns the session with an id, as hooks and messages have it. */
  get(id: string): Session {
    const known = this.#sessions.get(id);
    if (known !== undefined) return known;
    const { sessionId = id } = this.#options;
    const session = new Session(this.#hooks, { ...this.#options, sessionId });
    this.#sessions.set(id, session);
    if (this.#sessions.size > MAX_SESSIONS) {
      const idle = [...this.#sessions].find(([, session]) => session.isIdle);
      if (idle !== undefined) this.#sessions.delete(idle[0]);
    }
    return session;
  }
  /** Returns the sessions with a run that no query has claimed. */
  unclaimed(): readonly Session[] {
    return [...this.#sessions.values()].filter(({ current, isClaimed }) => current && !isClaimed);
  }

  /** Returns the session in which a call was allowed and has not ended. Undefined if there are several. */
  withCall(callId: string): Session | undefined {
    const all = [...this.#sessions.values()].filter(({ calls }) => calls.get(callId) !== undefined);
    return all.length === 1 ? all[0] : undefined;
  }
}

/** One session: a run per prompt, with the runs of its subagents. */
export class Session {
  readonly #hooks: AgentHooks;
  readonly #options: AgentOptions;
  readonly #subagents = new Map<string, AgentRun>();
  #run: AgentRun | undefined;
  /** The run that ended last. A subagent that continues in the background belongs to it. */
  #last: AgentRun | undefined;
  /** The model calls of its runs. */
  readonly models: ModelCalls = new ModelCalls();
  /** The tool calls of its runs. */
  readonly calls: Calls = new Calls();
  /** Whether a message of a query was seen: that query ends its runs. */
  isClaimed = false;
  /** Where Claude Code works, as of its last hook. */
  place: Changed = { cwd: "", transcript: undefined };
  /** Why the prompt of the run was blocked. */
  denied: string | undefined;
  /** The cost of the session up to the previous run; undefined if unknown. */
  cost: number | undefined = 0;

  constructor(hooks: AgentHooks, options: AgentOptions) {
    this.#hooks = hooks;
    this.#options = options;
  }

  /** The session as events name it. */
  get sessionId(): string | undefined {
    return this.#options.sessionId;
  }

  /** The run that is under way. */
  get current(): AgentRun | undefined {
    return this.#run;
  }

  /** Whether no run is under way, not even that of a subagent. */
  get isIdle(): boolean {
    return this.#run === undefined && this.#subagents.size === 0;
  }

  /** Returns the run of the session, or of a subagent. Begins one if none is under way. */
  run(agentId?: string, name?: string): AgentRun {
    if (agentId === undefined) return this.#run ??= new AgentRun(this.#hooks, this.#options);
    const known = this.#subagents.get(agentId);
    if (known !== undefined) return known;
    const run = (this.#run ?? this.#last ?? this.run()).handOver({ agentId, name });
    this.#subagents.set(agentId, run);
    const [oldest] = this.#subagents.keys();
    if (this.#subagents.size > MAX_SUBAGENTS) void this.endSubagent(oldest!, { aborted: true });
    return run;
  }

  /** Returns the run that a message belongs to, if it is under way. */
  runOf(agentId: string | undefined): AgentRun | undefined {
    return (agentId === undefined ? undefined : this.#subagents.get(agentId)) ?? this.#run;
  }

  /** Ends the run of a subagent. */
  async endSubagent(agentId: string, result: RunResult): Promise<void> {
    const run = this.#subagents.get(agentId);
    this.#subagents.delete(agentId);
    if (run === undefined) return;
    this.calls.endAll(run);
    await this.models.complete(run, result.aborted ? "aborted" : undefined);
    if (result.response) await run.sent(result.response);
    await run.end(result);
  }

  /** Ends the run. Background subagents continue without it, unless it was aborted. */
  async end(result: RunResult): Promise<void> {
    if (result.aborted) await this.#endSubagents(result);
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    this.#last = run;
    this.calls.endAll(run);
    await this.models.complete(run, result.aborted ? "aborted" : undefined);
    const { denied } = this;
    this.denied = undefined;
    const error = denied === undefined ? result.error : new Error(denied);
    const response = error === undefined && !result.aborted ? result.response : undefined;
    if (response) await run.sent(response);
    await run.end({ ...result, response: response || undefined, error });
  }

  /** Ends the run, and those of all subagents: Claude Code has ended. */
  async close(result: Pick<RunResult, "aborted" | "error">): Promise<void> {
    await this.#endSubagents(result);
    await this.end(result);
  }

  async #endSubagents(result: Pick<RunResult, "aborted" | "error">): Promise<void> {
    const { aborted, error } = result;
    for (const id of [...this.#subagents.keys()]) await this.endSubagent(id, { aborted, error });
  }
}
