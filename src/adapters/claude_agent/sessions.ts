import { delay } from "../../internal/async.ts";
import type { AgentHooks, AgentOptions } from "../options.ts";
import { AgentRun, type RunResult } from "../run.ts";
import type { AllowedCall } from "../tool_call.ts";
import { ModelCalls } from "./model_calls.ts";

/** Sessions that are kept while nothing happens in them. */
const MAX_SESSIONS = 1_000;

/** The sessions of Claude Code that a connection has seen. */
export class Sessions {
  readonly #hooks: AgentHooks;
  readonly #options: AgentOptions;
  readonly #sessions = new Map<string, Session>();
  /** Whether messages are observed. If not, hooks have to say when a run ends. */
  isWrapped = false;

  #arriving: Promise<unknown> = Promise.resolve();

  constructor(hooks: AgentHooks, options: AgentOptions) {
    this.#hooks = hooks;
    this.#options = options;
  }

  /** Resolves when a message has been observed. One that can't be is reported, and the query goes on. */
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
    await delay(0);
    await this.#arriving;
  }

  /** Returns the session with an id, as hooks and messages have it. */
  get(id: string): Session {
    const known = this.#sessions.get(id);
    if (known !== undefined) return known;
    const { sessionId = id } = this.#options;
    const session = new Session(this.#hooks, { ...this.#options, sessionId });
    this.#sessions.set(id, session);
    if (this.#sessions.size > MAX_SESSIONS) {
      const idle = [...this.#sessions].find(([, { current }]) => current === undefined);
      if (idle !== undefined) this.#sessions.delete(idle[0]);
    }
    return session;
  }
  /** Returns the sessions with a run that no query has claimed. */
  unclaimed(): readonly Session[] {
    return [...this.#sessions.values()].filter(({ current, isClaimed }) => current && !isClaimed);
  }

  /** Returns the session in which a call was allowed and has not ended. */
  withCall(callId: string): Session | undefined {
    return [...this.#sessions.values()].find(({ calls }) => calls.has(callId));
  }
}

/** One session: a run per prompt, with the runs of its subagents. */
export class Session {
  readonly #hooks: AgentHooks;
  readonly #options: AgentOptions;
  readonly #subagents = new Map<string, AgentRun>();
  #run: AgentRun | undefined;
  /** The model calls of its runs. */
  readonly models: ModelCalls = new ModelCalls();
  /** Calls that were allowed, until Claude Code says what became of them. */
  readonly calls: Map<string, AllowedCall> = new Map();
  /** Whether a message of a query was seen: that query ends its runs. */
  isClaimed = false;
  /** Why the prompt of the run was blocked. */
  denied: string | undefined;
  /** What the session has cost until the run before this one; undefined if it isn't known. */
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

  /** Whether a subagent has a run. */
  hasSubagent(agentId: string): boolean {
    return this.#subagents.has(agentId);
  }

  /** Returns the run of the session, or of a subagent. If there is none, it begins. */
  run(agentId?: string, name?: string): AgentRun {
    this.#run ??= new AgentRun(this.#hooks, this.#options);
    if (agentId === undefined) return this.#run;
    const known = this.#subagents.get(agentId);
    if (known !== undefined) return known;
    const run = this.#run.handOver({ agentId, name });
    this.#subagents.set(agentId, run);
    return run;
  }

  /** Ends the run of a subagent. */
  async endSubagent(agentId: string, result: RunResult): Promise<void> {
    const run = this.#subagents.get(agentId);
    this.#subagents.delete(agentId);
    if (run === undefined) return;
    await this.models.complete(run);
    if (result.response) await run.sent(result.response);
    await run.end(result);
  }

  /** Ends the run, and those of subagents that go on without it. */
  async end(result: RunResult): Promise<void> {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    this.calls.clear();
    const subagents = [...this.#subagents.values()];
    this.#subagents.clear();
    const lost = result.aborted ? "aborted" : undefined;
    for (const subagent of subagents) {
      await this.models.complete(subagent, lost);
      await subagent.end({ aborted: result.aborted });
    }
    await this.models.complete(run, lost);
    const { denied } = this;
    this.denied = undefined;
    const error = denied === undefined ? result.error : new Error(denied);
    const response = error === undefined && !result.aborted ? result.response : undefined;
    if (response) await run.sent(response);
    await run.end({ ...result, response: response || undefined, error });
  }
}
