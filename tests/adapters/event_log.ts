/**
 * The events of a run as sentences, so that the logs of two SDKs can be compared.
 * @module
 */
import assert from "node:assert/strict";
import type { HookEvent, Hooks } from "@omniagent/hooks";
import { until } from "../support/until.ts";

/** The threads of subagents have random ids. */
const UUID = /[0-9a-f]{8}-[0-9a-f-]{27}/g;

type Data = Readonly<Record<string, never>>;

/** Events that say what gates did, which the tests of gates cover. */
const LEFT_OUT = /^gate\./;

/** Records events, and judges what must hold of every run. */
export class EventLog {
  readonly #events: HookEvent[] = [];

  constructor(hooks: Hooks) {
    hooks.on("*", (event) => void this.#events.push(event as HookEvent));
  }

  /** Returns how often a type was emitted. */
  count(type: string): number {
    return this.#events.filter((event) => event.type === type).length;
  }

  /** Returns what happened to runs and tools, as the name of who did it and the type. */
  get runs(): readonly string[] {
    const names = new Map<string, string>();
    return this.#events.flatMap(({ type, data, runId = "" }) => {
      const { name = "" } = data as { readonly name?: string };
      if (type === "agent.start") names.set(runId, name);
      return /^(agent|tool)\./.test(type) ? [`${names.get(runId)}: ${type}`] : [];
    });
  }

  /** Returns the log. Tool calls that ran at once are sorted by their ids. */
  get lines(): readonly string[] {
    const events = this.#events.filter(({ type }) => !LEFT_OUT.test(type));
    const sorted: HookEvent[] = [];
    for (let start = 0; start < events.length;) {
      const isTool = isOfTool(events[start]!);
      let end = start + 1;
      while (end < events.length && isTool && isOfTool(events[end]!)) end++;
      sorted.push(...events.slice(start, end).sort((a, b) => callId(a).localeCompare(callId(b))));
      start = end;
    }
    return sorted.map(sentence);
  }

  /** Resolves when each run has ended, and each call. Fails after a minute. */
  async settled(): Promise<void> {
    const isOver = () =>
      this.count("agent.start") === this.count("agent.end") &&
      this.count("tool.called") === this.count("tool.completed");
    await until(isOver, () => `all to end:\n${this.lines.join("\n")}`);
  }

  /** Fails unless each call has one end, and each run one start and one end, of one session. */
  check(sessionId: string): void {
    const calls = new Map<string, string[]>();
    const runs = new Map<string, string[]>();
    for (
      const { type, data, runId, sessionId: session } of this.#events as HookEvent<string, Data>[]
    ) {
      if (LEFT_OUT.test(type)) continue;
      assert.equal(session, sessionId, `the session of ${type}`);
      assert.ok(runId, `the run of ${type}`);
      if (type.startsWith("agent.")) add(runs, data.run_id!, type);
      // Ids of calls are unique in a run.
      if (type.startsWith("tool.")) add(calls, `${data.call_id} of ${runId}`, type);
    }
    for (const [id, types] of runs) {
      assert.deepEqual(types, ["agent.start", "agent.end"], `the events of run ${id}`);
    }
    for (const [id, types] of calls) {
      const isDenied = types[0] === "tool.denied";
      const whole = isDenied ? ["tool.denied"] : ["tool.called", "tool.completed"];
      assert.deepEqual(types, whole, `the events of call ${id}`);
    }
  }
}

function sentence({ type, data: payload }: HookEvent): string {
  const data = payload as Data;
  const by = data.agent_id === undefined ? "" : `[${data.agent_id}] `;
  return `${by}${type} ${details(type, data)}`.trimEnd();
}

function details(type: string, data: Data): string {
  const { input_tokens, output_tokens } = data.usage ?? {} as { [name: string]: number };
  const tokens = `${input_tokens}+${output_tokens}`;
  const error = data.error === undefined ? undefined : `error: ${withoutRuntime(data.error)}`;
  switch (type) {
    case "message.received":
    case "message.sent":
      return data.content!;
    case "model.completed":
      return error ?? tokens;
    case "tool.called":
      return `${data.call_id} ${data.name} ${JSON.stringify(data.params)}${
        data.gated === false ? " (not gated)" : ""
      }`;
    case "tool.denied":
      return `${data.call_id} ${data.reason}`;
    case "tool.completed":
      return `${data.call_id} ${error ?? `${data.result}`.replace(UUID, "<uuid>")}`;
    case "agent.end":
      return data.aborted ? "aborted" : error ?? `success ${data.usage ? tokens : ""}`;
  }
  return "";
}

/** Runtimes word the error of an abort differently. */
function withoutRuntime(error: string): string {
  return error.replace(/^(This operation was aborted|The signal has been aborted)$/, "aborted");
}

function isOfTool({ type }: HookEvent): boolean {
  return type.startsWith("tool.");
}

function callId({ data }: HookEvent): string {
  return (data as { readonly call_id?: string }).call_id ?? "";
}

function add(map: Map<string, string[]>, key: string, value: string): void {
  map.set(key, [...map.get(key) ?? [], value]);
}
