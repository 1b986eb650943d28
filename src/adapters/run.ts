import { deferred, settled } from "./async.ts";
import { errorMessage } from "../internal/issues.ts";
import { createEventId } from "../internal/uuid.ts";
import type { AgentEvents, DeniedCall, EventType } from "../core/mod.ts";
import { ModelCalls, type ModelResult, type RunResult, RunSpan } from "./run_parts.ts";
import type { AgentHooks, AgentOptions, ModelCost } from "./options.ts";
import {
  type AllowedCall,
  Attempts,
  type BeginOptions,
  type Caller,
  callTool,
  openCall,
  type OpenedCall,
  type ToolCall,
  type ToolOutcome,
  toRecord,
  toText,
} from "./tool_call.ts";
import { keyOf, Unfinished } from "./unfinished.ts";

/** How long the end of a run waits for tools after an abort, in milliseconds: most of them end at once. */
const LAST_TOOLS = 1_000;

export type { ModelResult, RunResult } from "./run_parts.ts";

/** The session and the agents of a run. */
export type RunOptions = AgentOptions & {
  /** The agent that started this one. */
  readonly parentAgentId?: string | undefined;
};

/**
 * One run of an agent: its events, in order, from `agent.start` to exactly one `agent.end`.
 *
 * No method rejects because of an observer: failures are reported by the hooks. SDKs that await callbacks wait
 * until events are accepted, and stored if there is an outbox, but never for handlers.
 */
export class AgentRun {
  /** The run, a UUID v7. */
  readonly id: string = createEventId();
  readonly #hooks: AgentHooks;
  readonly #options: RunOptions;
  readonly #start: number = Date.now();
  readonly #span: RunSpan;
  readonly #models = new ModelCalls((call) => this.#price(call));
  /** Calls whose tool runs. */
  readonly #running = new Set<Promise<unknown>>();
  /** Calls that someone else ends. They end with the run. */
  readonly #open = new Set<AllowedCall>();
  readonly #attempts = new Attempts();
  /** Why a gate stopped the run: it denied a call with `interrupt`. */
  #stopped: string | undefined;
  #last: Promise<void> = Promise.resolve();
  #ended: Promise<void> | undefined;
  /** Lets hooks close. */
  readonly #finish: () => void;
  readonly #isAdmitted: boolean;

  /** Begins a run and emits `agent.start`. */
  constructor(hooks: AgentHooks, options: RunOptions = {}) {
    this.#hooks = hooks;
    this.#options = options;
    const leave = hooks.registry.observer.enter();
    const remove = Unfinished.of(hooks).addRun(this, () => void this.end({ aborted: true }));
    this.#finish = () => {
      remove();
      leave();
    };
    this.#isAdmitted = !hooks.registry.observer.closing.aborted;
    const { agentId, name, sessionId } = options;
    this.#span = new RunSpan(hooks, { runId: this.id, agentId, name, sessionId });
    this.#emit("agent.start", { run_id: this.id, ...this.#agent, name });
  }

  /** Whether `end` was called. */
  get isEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** Why a gate stopped the run: the model must not be called again. Undefined if none did. */
  get stopped(): string | undefined {
    return this.#stopped;
  }

  /** @throws {Error} when a gate stopped the run */
  throwIfStopped(): void {
    if (this.#stopped !== undefined) throw new Error(this.#stopped);
  }

  /** Resolves when the events so far are accepted. */
  flush(): Promise<void> {
    return this.#last;
  }

  /** Emits `message.received`. */
  received(content: string, role = "user"): Promise<void> {
    return this.#emit("message.received", { role, content, ...this.#agent });
  }

  /** Emits `message.sent`. */
  sent(content: string): Promise<void> {
    return this.#emit("message.sent", { role: "assistant", content, ...this.#agent });
  }

  /**
   * Lets gates judge a message from the user, and emits `message.received` if they allow it.
   *
   * @returns The text to continue with, or the reason for a denial
   */
  async judgeReceived(
    content: string,
    role = "user",
    signal?: AbortSignal,
  ): Promise<{ readonly content: string } | { readonly denied: string }> {
    if (!this.#hooks.registry.gates.guards("message.received")) {
      await this.received(content, role);
      return { content };
    }
    await this.#last;
    const { sessionId } = this.#options;
    try {
      const options = { sessionId, runId: this.id, signal };
      const data = { role, content, ...this.#agent };
      const decide = () => this.#hooks.decide("message.received", data, options);
      const decision = await this.#span.within(decide);
      const judged = decision.decision === "ask" ? await decision.wait({ signal }) : decision;
      if (judged.decision === "allow") return { content: judged.data.content };
      return { denied: judged.reason ?? "Denied by a gate" };
    } catch (error) {
      signal?.throwIfAborted();
      return { denied: `The message could not be judged: ${errorMessage(error)}` };
    }
  }

  /** Emits `model.called`. `callId` tells calls of this run apart. */
  modelCalled(
    callId: string,
    { model, provider }: { readonly model: string; readonly provider?: string | undefined },
  ): Promise<void> {
    this.#models.begin(callId, { model, provider });
    return this.#emit("model.called", { model, provider, call_id: callId, ...this.#agent });
  }

  /** Emits `model.completed` for a call that has begun, once. */
  modelCompleted(callId: string, result: ModelResult): Promise<void> {
    const data = this.#models.end(callId, result);
    if (data === undefined) return this.#last;
    return this.#emit("model.completed", { ...data, call_id: callId, ...this.#agent });
  }

  /**
   * Lets gates judge a tool call, runs the tool with what they judged, and emits `tool.called` and
   * `tool.completed`, or `tool.denied`.
   *
   * @param denied Converts a denial to a result of the tool
   * @throws what the tool throws
   */
  async tool<Result>(
    call: ToolCall,
    execute: (params: never, call: AllowedCall) => Result | PromiseLike<Result>,
    denied: (denial: DeniedCall) => Result,
  ): Promise<Result> {
    await this.#last;
    const own = this.#attempts.next(call);
    const refuse = (denial: DeniedCall): Result => denied(this.#note(denial));
    const work = this.#span.within(() => callTool(this.#hooks, own, this.#caller, execute, refuse));
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  /**
   * Begins a tool call that the SDK itself runs, or whose result has a form of its own: `tool()` in two halves.
   * If nobody completes the call, the end of the run does; one that `endsByItself` is waited for instead.
   *
   * A call that was paused goes on without another decision if it is the same call in the same place, and this
   * run has not called a model.
   */
  async begin(call: ToolCall, options: BeginOptions = {}): Promise<OpenedCall> {
    const { endsByItself = false, place, asNew = call, isNew = false } = options;
    await this.#last;
    const paused = Unfinished.of(this.#hooks);
    const { sessionId, agentId } = this.#options;
    const key = keyOf({ place, sessionId, agentId }, call);
    // A resumed run first runs its paused tools. What a model calls later is a new call, even with the same id.
    const repeated = isNew || this.#models.hasBegun ? undefined : paused.take(key);
    const opened = repeated ??
      await this.#span.within(() =>
        openCall(this.#hooks, this.#attempts.next(asNew), this.#caller)
      );
    if (opened.type === "denied") return { ...opened, denial: this.#note(opened.denial) };
    const closed = deferred<void>();
    const close = <Value>(value: Value): Value => {
      closed.resolve();
      this.#open.delete(begun);
      this.#running.delete(closed.promise);
      return value;
    };
    const noted = (outcome: ToolOutcome): ToolOutcome => {
      if (outcome.type === "denied") this.#note(outcome.denial);
      return outcome;
    };
    const begun: AllowedCall = {
      ...opened,
      isRepeated: repeated !== undefined,
      complete: (result) => opened.complete(result).then(noted).then(close),
      fail: (error) => opened.fail(error).then(noted).then(close),
      pause: () => paused.keep(key, close(opened)),
    };
    if (endsByItself) this.#running.add(closed.promise);
    else this.#open.add(begun);
    return begun;
  }

  /** Emits the events of a tool that the provider ran, which no gate can stop. */
  async hosted(
    { name, params, callId = createEventId() }: ToolCall,
    outcome: { readonly result?: unknown; readonly error?: unknown },
  ): Promise<void> {
    const call = { name, call_id: callId, ...this.#agent, params: toRecord(params), gated: false };
    this.#emit("tool.called", call);
    const { result, error } = outcome;
    const end = error === undefined ? { result: toText(result) } : { error: errorMessage(error) };
    await this.#emit("tool.completed", { ...call, ...end });
  }

  /** Begins the run of another agent that this one hands over to, or starts in the background. */
  handOver(agent: Pick<AgentOptions, "agentId" | "name">): AgentRun {
    return this.#span.within(() => this.child(agent));
  }

  /** Begins the run of another agent that a tool of this one starts: its span belongs to that of the tool. */
  child({ agentId, name }: Pick<AgentOptions, "agentId" | "name">): AgentRun {
    const parentAgentId = this.#options.agentId ?? this.id;
    return new AgentRun(this.#hooks, { ...this.#options, agentId, name, parentAgentId });
  }

  /** Ends the run and emits `agent.end`, once: later calls change nothing. */
  end(result: RunResult = {}): Promise<void> {
    return this.#ended ??= this.#end(result);
  }

  async #end({ response, aborted = false, usage, costUsd, ...result }: RunResult): Promise<void> {
    const error = this.#stopped === undefined ? result.error : new Error(this.#stopped);
    const reason = aborted ? "The run was aborted" : "The run has ended";
    for (const call of this.#open) await call.fail(new Error(`${reason} before the tool returned`));
    // Tools that still run after a success run in the background, and nobody waits for them.
    if (aborted || error !== undefined) await settled(this.#running, LAST_TOOLS);
    for (const callId of this.#models.open) {
      this.modelCompleted(callId, { error: aborted ? "aborted" : error ?? reason });
    }
    const sums = this.#models.totals;
    const totals = sums && { usage: usage ?? sums.usage, cost_usd: costUsd ?? sums.cost_usd };
    await this.#emit("agent.end", {
      run_id: this.id,
      session_id: this.#options.sessionId,
      ...this.#agent,
      success: !aborted && error === undefined,
      error: aborted || error === undefined ? undefined : errorMessage(error),
      aborted,
      response,
      duration_ms: Date.now() - this.#start,
      ...totals,
    });
    this.#span.end({ error, aborted, usage: totals?.usage });
    this.#finish();
  }

  #note(denial: DeniedCall): DeniedCall {
    if (denial.interrupt) this.#stopped ??= denial.reason;
    return denial;
  }

  get #agent(): { readonly agent_id?: string; readonly parent_agent_id?: string } {
    const { agentId, parentAgentId } = this.#options;
    return {
      ...(agentId !== undefined && { agent_id: agentId }),
      ...(parentAgentId !== undefined && { parent_agent_id: parentAgentId }),
    };
  }

  get #caller(): Caller {
    const { sessionId, agentId, parentAgentId } = this.#options;
    return { sessionId, agentId, parentAgentId, runId: this.id };
  }

  #price(call: ModelCost): number | undefined {
    try {
      const cost = this.#options.cost?.(call);
      return Number.isFinite(cost) ? cost : undefined;
    } catch (error) {
      this.#hooks.registry.observer.report(`'cost' failed for '${call.model}'`, error);
      return undefined;
    }
  }

  /** Events are accepted one after the other, so that every listener sees them in order. */
  #emit<Type extends EventType>(type: Type, data: Loose<AgentEvents[Type]>): Promise<void> {
    const { sessionId } = this.#options;
    const options = { sessionId, runId: this.id, isAdmitted: this.#isAdmitted };
    const send = (): Promise<void> =>
      this.#span.within(() => this.#hooks.registry.observer.emit(type, data, options));
    return this.#last = this.#last.then(send);
  }
}

/** A payload whose optional fields may be undefined: they are left out. */
type Loose<Data> = {
  readonly [Name in keyof Data]:
    | Data[Name]
    | (undefined extends Data[Name] ? undefined : never);
};
