import { abortable, isThenable } from "../../internal/async.ts";
import { checkDefined, checkKnown, OR_INFINITE, readDuration } from "../../internal/options.ts";
import { createEventId } from "../../internal/uuid.ts";
import { checkFunctions, isObject } from "../../internal/validate.ts";
import { correlationOf, isReport } from "../event_rules.ts";
import type { AgentEvents, EventOf, EventPattern, EventType, HookEvent } from "../events.ts";
import type { HookLifecycle } from "../lifecycle.ts";
import type { HooksOptions } from "../options.ts";
import type { Observer } from "../observer.ts";
import { createRegistration, type Registration } from "../registration.ts";
import { createEvent } from "../snapshot.ts";
import type { Asks } from "./asks.ts";
import { isByPerson } from "./by_person.ts";
import type {
  CallOptions,
  CallTraits,
  DecideOptions,
  Decision,
  DeniedCall,
  FinalDecision,
  GatesOptions,
  ToolContext,
} from "./decision.ts";
import { type Gate, GateTable, readGate, readGatePatterns } from "./gate.ts";
import { createHost, type HostParts, type RegistryParts } from "./gate_host.ts";
import type { Gatekeeper } from "./gatekeeper.ts";
import { DECISION_TIMEOUT } from "./limits.ts";

const DECIDE_OPTIONS = ["sessionId", "runId", "traceparent", "signal"];

const CALL_OPTIONS = [
  ...DECIDE_OPTIONS,
  "callId",
  "agentId",
  "parentAgentId",
  "throwOnDeny",
];

/**
 * The gates of a registry, and the decisions they make. Importing the package loads the code that registers
 * gates; the code that decides is loaded with the first decision.
 */
export class Gates<Events extends object = AgentEvents> {
  /** Lists and resolves asks. See `Hooks.asks`. */
  readonly asks: Asks;
  readonly #lifecycle: HookLifecycle;
  readonly #host: HostParts;
  readonly #observer: Observer;
  readonly #table: GateTable;
  readonly #onAsk: GatesOptions["onAsk"];
  #keeper: Gatekeeper | undefined;
  /** The calls whose end gates have judged as that of another call, by what their tools got. */
  readonly #judged = new WeakSet<ToolContext>();

  /** @ignore A registry creates its own. @throws {TypeError | RangeError} when an option is invalid */
  constructor(
    { gates = {}, outbox, redact }: Omit<HooksOptions, "logger">,
    parts: RegistryParts,
  ) {
    const subject = "Cannot create hooks: 'gates'";
    checkKnown(subject, gates, ["required", "timeout", "onAsk"]);
    checkDefined(subject, gates, { required: "to require no gates" });
    const { required = [] } = gates;
    this.#table = new GateTable(subject, required);
    checkFunctions(subject, gates, [], ["onAsk"]);
    const timeout = readDuration(subject, "timeout", gates.timeout, OR_INFINITE) ??
      DECISION_TIMEOUT;
    this.#onAsk = gates.onAsk;
    this.#lifecycle = parts.lifecycle;
    this.#host = createHost(parts, { outbox, redact, timeout });
    this.#observer = parts.observer;
    this.asks = {
      list: async (options) => {
        const given = copyOf(options, ["state", "limit", "cursor"]);
        return (await this.#load("Cannot list asks")).asks.list(given);
      },
      get: async (askId) => (await this.#load("Cannot get ask")).asks.get(askId),
      resolve: async (askId, resolution) => {
        const given = copyOf(resolution, ["decision", "data", "by", "note"]);
        return (await this.#load("Cannot resolve ask")).asks.resolve(askId, given);
      },
    };
  }

  /**
   * Registers a gate for one pattern or several. See `Hooks.gate`.
   *
   * @throws {TypeError | RangeError} when the gate is invalid, or its name is taken
   * @throws {HooksClosedError} after `close`
   */
  register<const Pattern extends EventPattern<Events>>(
    pattern: Pattern | readonly Pattern[],
    gate: Gate<EventOf<Events, Pattern>>,
  ): Registration {
    this.#lifecycle.admit("Cannot register gate", false);
    const registered = readGate(gate as unknown as Gate<HookEvent>);
    const subject = `Cannot register gate '${registered.name}'`;
    const patterns = readGatePatterns(subject, pattern);
    if (this.#table.has(registered.name)) {
      throw new TypeError(`${subject}: the name is taken by another gate`);
    }
    return createRegistration(this.#table.add(registered, patterns));
  }

  /** Returns whether gates decide about events of a type, or a required one is missing. */
  guards(type: string): boolean {
    return !isReport(type) && this.#table.guards(type); // a record of a record would never end
  }

  /** Decides about an event, and emits it if it is allowed. See `Hooks.decide`. */
  async decide<Type extends EventType<Events>>(
    type: Type,
    data: Events[Type],
    options: DecideOptions = {},
  ): Promise<Decision<Events[Type]>> {
    const subject = `Cannot decide about '${type}'`;
    if (isReport(type)) {
      throw new TypeError(
        `${subject}: no gate decides about gate.*, webhook.* and delivery.* events`,
      );
    }
    rejectTransaction(subject, options);
    checkKnown(subject, options, DECIDE_OPTIONS);
    options.signal?.throwIfAborted();
    this.#host.admit(subject);
    const event = createEvent(type, data, options);
    const decision = this.#decide(event, options.signal);
    return (isThenable(decision) ? await decision : decision) as Decision<Events[Type]>;
  }

  /**
   * Uses up a person's approval before the approved execution starts. A decision of gates alone isn't used up.
   * Returns false if the approval was used before. The event then needs another decision.
   *
   * @throws {Error} when the store fails: then nothing may begin
   */
  async use(decision: FinalDecision): Promise<boolean> {
    const isKept = this.#keeper !== undefined && isByPerson(decision);
    return isKept ? await this.#keeper!.use(decision) : true;
  }

  /**
   * Approves an ask for an agent that asks its own user, in place of a person. The approval is used up in the same
   * commit, so that no other execution that waits for the ask gets it.
   *
   * @throws {AskError} when someone responded first, or the gate doesn't offer to allow it
   */
  async handOver(
    askId: string,
    agent: { readonly by: string; readonly note: string },
  ): Promise<void> {
    await (await this.#load("Cannot resolve ask")).handOver(askId, agent.by, agent.note);
  }

  /**
   * Returns a function that uses up a decision once what it allowed has run; undefined if no call gets it again. It
   * doesn't keep the data of the decision.
   */
  useLater(decision: FinalDecision): (() => Promise<unknown>) | undefined {
    return this.#keeper?.useLater(decision);
  }

  /**
   * Loads the code that decides, ahead of the first decision: adapters call it outside of any run. Never
   * throws: a decision reports what could not be loaded.
   */
  preload(): void {
    for (const load of [importToolCall, importGatekeeper]) load().catch(() => {});
  }

  /**
   * Notes that a call ends as another one has that its tool made, whose end gates have judged: they don't judge it
   * again. Call it before the tool returns, with the tool's second argument.
   */
  markJudged(context: ToolContext): void {
    this.#judged.add(context);
  }

  /** Decides about a tool call, and runs the tool if it is allowed. See `Hooks.call`. */
  call<Params extends object, Result>(
    name: string,
    params: Params,
    run: (params: Params, context: ToolContext) => Result | PromiseLike<Result>,
    options: CallOptions = {},
  ): Promise<Result | DeniedCall> {
    // `close` waits for the tool, so that what it did is recorded.
    return this.#host.run(async () => {
      const subject = `Cannot call '${name}'`;
      rejectTransaction(subject, options);
      checkKnown(subject, options, CALL_OPTIONS);
      const given = copyOf(options, CALL_OPTIONS);
      const event = this.#toolCalled(name, params, given);
      const { callTool } = await loaded(subject, importToolCall());
      const host = {
        ...this.#host,
        guards: (type: string) => this.guards(type),
        decide: async (event: HookEvent, signal?: AbortSignal, traits?: CallTraits) =>
          await this.#decide(event, signal, traits),
        isJudged: (context: ToolContext) => this.#judged.has(context),
        use: async (decision: FinalDecision) => await this.#keeper?.use(decision) ?? true,
        observer: this.#observer,
        telemetry: this.#host.recorder,
      };
      return await callTool(host, { event, run, options: given });
    });
  }

  /** Returns the event of a call, with the parameters as they are now. @throws {HooksClosedError} */
  #toolCalled(name: string, params: object, options: CallOptions): HookEvent {
    const type = "tool.called";
    const { callId = createEventId(), agentId, parentAgentId } = options;
    options.signal?.throwIfAborted();
    this.#host.admit(
      this.guards(type) ? `Cannot decide about '${type}'` : `Cannot dispatch '${type}'`,
    );
    const ids = { call_id: callId, agent_id: agentId, parent_agent_id: parentAgentId };
    return createEvent(type, { name, ...ids, params }, correlationOf(options));
  }

  /** Decides about an event that was accepted before `close`: at once, if there is nothing to wait for. */
  #decide(
    event: HookEvent,
    signal: AbortSignal | undefined,
    traits: CallTraits = {},
  ): Decision | Promise<Decision> {
    const validated = this.#host.validateInTime(event);
    if (validated) return validated.then(() => this.#judge(event, signal, traits));
    return this.#judge(event, signal, traits);
  }

  #judge(
    event: HookEvent,
    signal: AbortSignal | undefined,
    traits: CallTraits,
  ): Decision | Promise<Decision> {
    if (!this.guards(event.type)) {
      const decision: Decision = { id: event.id, decision: "allow", data: event.data, gates: [] };
      const published = this.#host.publish([event]);
      if (!published) return decision;
      return (signal ? abortable(published, signal) : published).then(() => decision);
    }
    return this.#keeper?.decideUnobserved(event, signal, traits) ?? this.#host.run(async () => {
      const keeper = await this.#load(`Cannot decide about '${event.type}'`);
      return await keeper.decide(event, signal, traits);
    });
  }

  async #load(subject: string): Promise<Gatekeeper> {
    if (this.#keeper !== undefined) return this.#keeper;
    const { Gatekeeper } = await loaded(subject, importGatekeeper());
    return this.#keeper ??= new Gatekeeper(this.#table, this.#onAsk, this.#host);
  }
}

/**
 * Copies options, which the caller may change or reuse after the call, with those that they inherit. What is no object
 * fails later.
 */
function copyOf<Options>(options: Options, names: readonly string[]): Options {
  if (!isObject(options)) return options;
  const known = names.filter((name) => name in options).map((name) => [name, options[name]]);
  return { ...options, ...Object.fromEntries(known) };
}

/** @throws {TypeError} when there is a transaction */
function rejectTransaction(subject: string, options: object | null): void {
  if ((options as { readonly tx?: unknown } | null)?.tx === undefined) return;
  throw new TypeError(
    `${subject}: 'tx' can't be used, because a decision is recorded before anything happens, and a ` +
      "rollback would remove that record. Decide first, then emit in the transaction",
  );
}

type ToolCallModule = Pick<typeof import("./tool_call.ts"), "callTool">;

let toolCall: Promise<ToolCallModule> | undefined;
let gatekeeper: Promise<typeof import("./gatekeeper.ts")> | undefined;

/**
 * Imports the code that calls tools, once: on Deno, code after an import may run in the async context of the
 * import instead of its own.
 */
function importToolCall(): Promise<ToolCallModule> {
  return toolCall ??= import("./tool_call.ts");
}

/** Imports the code that decides, once. */
function importGatekeeper(): Promise<typeof import("./gatekeeper.ts")> {
  return gatekeeper ??= import("./gatekeeper.ts");
}

/** Waits for code that is loaded when it is first needed. @throws {Error} when it isn't deployed */
async function loaded<Module>(subject: string, module: Promise<Module>): Promise<Module> {
  try {
    return await module;
  } catch (cause) {
    throw new Error(
      `${subject}: the code of gates could not be loaded, so nothing is allowed. ` +
        "Deploy every file of the package or bundle",
      { cause },
    );
  }
}
