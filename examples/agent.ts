/**
 * A small assistant that emits message, tool, session, job, and `agent.end` events in the right
 * places. Its model, tools, and clock are scripted: see `conversation.ts` and `tools.ts`.
 *
 * `deno run --allow-read examples/talk.ts` prints its events. `deno task demo` sends them to a server.
 * @module
 */
import {
  type AgentEndData,
  type AgentEvents,
  createHooks,
  DispatchError,
  type EventType,
  type Hooks,
  type HooksOption,
  type MessageData,
  type ToolData,
} from "@omniagent/hooks";

/** What the model wants next: to call a tool, or to reply. */
export type Step =
  | { readonly tool: string; readonly params: Readonly<Record<string, string>> }
  | { readonly content: string };

export type Model = (transcript: readonly MessageData[]) => Promise<Step>;

export type Tool = (
  params: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => string | Promise<string>;

export type Job = {
  readonly id: string;
  readonly name: string;
  readonly everyMinutes: number;
  run(): void | Promise<void>;
};

export type AgentOptions = {
  readonly model: Model;
  readonly tools: Readonly<Record<string, Tool>>;
  readonly jobs?: readonly Job[];
  /** Hooks, webhooks, and handlers from `withHook` and its siblings. */
  readonly hooks?: readonly HooksOption[];
  /** A session ends after this many minutes without a message. @default {30} */
  readonly idleMinutes?: number;
  readonly now?: () => number;
};

type Session = {
  readonly id: string;
  readonly transcript: MessageData[];
  readonly startedAt: number;
  usedAt: number;
};

export const MINUTE = 60_000;

export class Agent {
  readonly hooks: Hooks;
  readonly #options: AgentOptions;
  readonly #now: () => number;
  readonly #jobs: { readonly job: Job; due: number }[];
  #session: Session | undefined;
  #sessions = 0;

  constructor(options: AgentOptions) {
    const { hooks = [], jobs = [], now = Date.now } = options;
    this.hooks = createHooks({ use: hooks });
    this.#options = options;
    this.#now = now;
    this.#jobs = jobs.map((job) => ({ job, due: now() + job.everyMinutes * MINUTE }));
  }

  /** Replies to a message. Emits `agent.end` once, whether it succeeds, fails, or is aborted. */
  async run(content: string, signal?: AbortSignal): Promise<string | undefined> {
    const start = performance.now();
    const session = this.#session ?? await this.#begin();
    let end: Omit<AgentEndData, "session_id" | "duration_ms">;
    try {
      const response = await this.#reply(session, content, signal ?? new AbortController().signal);
      end = { success: true, aborted: false, response };
    } catch (error) {
      end = signal?.aborted // an abort takes precedence over the error it causes
        ? { success: false, aborted: true }
        : { success: false, aborted: false, error: messageOf(error) };
    }
    session.usedAt = this.#now();
    try {
      await this.#emit("session.updated", { session_id: session.id, action: "updated" }, session);
    } finally {
      const duration_ms = Math.round(performance.now() - start);
      await this.#emit("agent.end", { session_id: session.id, ...end, duration_ms }, session);
    }
    return end.response;
  }

  /** Ends an idle session and runs the jobs that are due. */
  async tick(): Promise<void> {
    const { idleMinutes = 30 } = this.#options;
    const session = this.#session;
    if (session && this.#now() - session.usedAt >= idleMinutes * MINUTE) await this.#end(session);
    for (const entry of this.#jobs) {
      if (this.#now() < entry.due) continue;
      entry.due = this.#now() + entry.job.everyMinutes * MINUTE;
      await this.#execute(entry.job);
    }
  }

  /** Closes the hooks. */
  close(): Promise<void> {
    return this.hooks.close();
  }

  async #reply(session: Session, content: string, signal: AbortSignal): Promise<string> {
    const { model } = this.#options;
    const { transcript } = session;
    await this.#say("message.received", { role: "user", content }, session);
    for (;;) {
      const step = await model(transcript);
      if ("content" in step) {
        await this.#say("message.sent", { role: "assistant", content: step.content }, session);
        return step.content;
      }
      transcript.push({ role: "tool", content: await this.#call(step, session, signal) });
    }
  }

  /** A failing tool does not end the run: the model gets the error and may try again. */
  async #call(
    { tool: name, params }: Extract<Step, { tool: string }>,
    session: Session,
    signal: AbortSignal,
  ): Promise<string> {
    await this.#emit("tool.called", { name, params }, session);
    const outcome = await this.#attempt(name, params, signal);
    await this.#emit("tool.completed", { name, params, ...outcome }, session);
    signal.throwIfAborted();
    return outcome.result ?? `failed: ${outcome.error}`;
  }

  async #attempt(
    name: string,
    params: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Pick<ToolData, "result" | "error">> {
    const tool = this.#options.tools[name];
    if (tool === undefined) return { error: `unknown tool '${name}'` };
    try {
      return { result: await tool(params, signal) };
    } catch (error) {
      return { error: messageOf(error) };
    }
  }

  async #begin(): Promise<Session> {
    const now = this.#now();
    const id = `s-${++this.#sessions}`;
    const session: Session = { id, transcript: [], startedAt: now, usedAt: now };
    this.#session = session;
    await this.#emit("session.created", { session_id: id, action: "created" }, session);
    return session;
  }

  async #end(session: Session): Promise<void> {
    this.#session = undefined;
    await this.#emit("session.rollover", {
      session_id: session.id,
      reason: "idle",
      transcript: session.transcript,
      started_at: new Date(session.startedAt).toISOString(),
      ended_at: new Date(this.#now()).toISOString(),
    }, session);
  }

  async #execute({ id, name, run }: Job): Promise<void> {
    let success = true;
    try {
      await run();
    } catch {
      success = false;
    }
    await this.#emit("job.executed", { job_id: id, job_name: name, success });
  }

  async #say(
    type: "message.received" | "message.sent",
    message: MessageData,
    session: Session,
  ): Promise<void> {
    session.transcript.push(message);
    await this.#emit(type, message, session);
  }

  async #emit<Type extends EventType>(type: Type, data: AgentEvents[Type], session?: Session) {
    try {
      await this.hooks.emit(type, data, { sessionId: session?.id });
    } catch (error) {
      // The failure was logged, and the other handlers ran. The agent continues.
      if (!(error instanceof DispatchError)) throw error;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
