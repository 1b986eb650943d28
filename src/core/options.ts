import {
  checkDefined,
  checkKnown,
  checkNotText,
  OR_INFINITE,
  readCount,
  readDuration,
} from "../internal/options.ts";
import type { StandardSchemaV1 } from "../internal/standard_schema.ts";
import {
  checkFunctions,
  checkList,
  checkLogger,
  checkOneOf,
  invalidOption,
  isObject,
  isPlainObject,
  quote,
} from "../internal/validate.ts";
import { checkStore } from "../store/scoped_store.ts";
import type { Store } from "../store/mod.ts";
import type { HooksOption } from "./define_hook.ts";
import type { DeliveryQueue } from "./delivery.ts";
import type { EmitOptions } from "./emitter.ts";
import type { AgentEvents, EventOf, EventType, HookEvent } from "./events.ts";
import type { Logger } from "./hook.ts";
import type { GatesOptions } from "./gates/decision.ts";
import { checkTelemetry } from "./recorder.ts";
import { consoleLogger, silentLogger } from "./reporter.ts";
import type { Telemetry } from "./telemetry.ts";

/** Options of `createHooks` and `HookRegistry`. Durations are in milliseconds. */
export interface HooksOptions<
  Events extends object = AgentEvents,
  Outbox extends DeliveryQueue | undefined = DeliveryQueue | undefined,
> {
  /** What to register at once. All of it is registered, or nothing. */
  readonly use?: readonly HooksOption<Events>[] | undefined;
  /**
   * A validator per event type: a [Standard Schema](https://standardschema.dev). Payloads that fail are
   * rejected before any handler runs. It receives a copy of the payload in JSON form, and its output is not
   * used.
   */
  readonly schemas?:
    | {
      readonly [Type in EventType<Events>]?: StandardSchemaV1<unknown, Events[Type]> | undefined;
    }
    | undefined;
  /** Durable delivery to webhooks and durable hooks. @default none: webhooks are sent inline */
  readonly outbox?: Outbox | undefined;
  /** Options of all gates. */
  readonly gates?: GatesOptions;
  /** Where hooks store data. @default none */
  readonly store?: Store | undefined;
  /** Where traces and metrics go, such as `otel()` of `@omniagent/hooks/otel`. @default none */
  readonly telemetry?: Telemetry | undefined;
  /** Where failures are logged. `false` logs nothing. @default the console, warnings and errors */
  readonly logger?: Logger | false | undefined;
  /**
   * Returns the event to store and send, with the same id and type. It receives its own copy, which it
   * can change and return. Handlers of this process get the original. If it throws, nothing is stored
   * and no handler runs.
   */
  readonly redact?: (event: EventOf<Events>) => HookEvent;
  /**
   * Called for every failure that is logged: of a handler, of a filter, of `waitUntil`, of a hook that is
   * closed before `close`, and for every background event that could not be dispatched.
   */
  readonly onError?: ((error: unknown, event?: HookEvent) => void) | undefined;
  /** Called for every event that `overflow: "drop"` drops. */
  readonly onDrop?: ((event: HookEvent) => void) | undefined;
  /** How many background events run at once. `Infinity` means no limit. @default {100} */
  readonly maxConcurrent?: number | undefined;
  /** How many background events can wait. `Infinity` means no limit. @default {10000} */
  readonly maxPending?: number | undefined;
  /** What happens beyond that: `"reject"` calls `onError`, `"drop"` calls `onDrop`. @default {"reject"} */
  readonly overflow?: "reject" | "drop" | undefined;
  /** Keeps the platform alive until a background event is done. @default none */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /** The longest `close`, up to ten years. `Infinity` means no limit. @default {30000} */
  readonly closeTimeout?: number | undefined;
}

/** Options of `child`: the agent whose events it emits. */
export interface ChildOptions {
  /** The agent: `agent_id` of its `tool.*`, `model.*` and `agent.*` events. 1 to 256 characters. */
  readonly agentId: string;
  /** The agent that started it. @default the agent of the hooks that the child is created from */
  readonly parentAgentId?: string | undefined;
  /** The run of its events, unless an event names another. @default that of its parent */
  readonly runId?: string | undefined;
  /** The session of its events, unless an event names another. @default that of its parent */
  readonly sessionId?: string | undefined;
}

/** Options with their defaults. */
export type ResolvedOptions =
  & Omit<HooksOptions, "logger">
  & { readonly logger: Logger }
  & Required<
    { readonly [Name in "maxConcurrent" | "maxPending" | "closeTimeout"]: number } & {
      readonly overflow: "reject" | "drop";
      readonly use: readonly HooksOption[];
    }
  >;

const KNOWN: readonly string[] = [
  "use",
  "schemas",
  "outbox",
  "store",
  "gates",
  "telemetry",
  "logger",
  "redact",
  "onError",
  "onDrop",
  "maxConcurrent",
  "maxPending",
  "overflow",
  "waitUntil",
  "closeTimeout",
];

/** Names that people may expect. */
const RENAMED: Readonly<Record<string, string>> = {
  storage: "store",
  queue: "outbox",
  timeout: "closeTimeout",
  hooks: "use",
  hook: "use",
  handlers: "use",
  webhooks: "use",
  plugins: "use",
};

/** Checks options and adds the defaults. @throws {TypeError | RangeError} when one is invalid */
export function resolveOptions(options: HooksOptions): ResolvedOptions {
  const subject = "Cannot create hooks";
  checkKnown(subject, options, KNOWN, RENAMED);
  checkDefined(subject, options, {
    redact: "to store and send events as they are",
    gates: "to require no gates",
  });
  const { use = [], overflow = "reject", closeTimeout = 30_000 } = options;
  const { maxConcurrent = 100, maxPending = 10_000, logger = consoleLogger } = options;
  checkList(subject, "use", use);
  checkParts(subject, options);
  readCount(subject, "maxConcurrent", maxConcurrent, OR_INFINITE);
  readCount(subject, "maxPending", maxPending, { min: 0, infinite: true });
  checkOneOf(subject, "overflow", overflow, ["reject", "drop"]);
  checkFunctions(subject, options, [], ["redact", "onError", "onDrop", "waitUntil"]);
  checkLogger(subject, logger);
  return {
    ...options,
    use,
    overflow,
    maxConcurrent,
    maxPending,
    closeTimeout: readDuration(subject, "closeTimeout", closeTimeout, OR_INFINITE),
    logger: logger === false ? silentLogger : logger,
  };
}

/** Checks what the hooks are built on. */
function checkParts(
  subject: string,
  { store, outbox, schemas, telemetry }: HooksOptions,
): void {
  if (store !== undefined) checkStore(subject, store);
  if (telemetry !== undefined) checkTelemetry(subject, telemetry);
  if (outbox !== undefined) {
    checkFunctions(`${subject} with this outbox`, outbox, ["publish", "register", "start", "stop"]);
  }
  if (schemas !== undefined) checkSchemas(subject, schemas);
}

function checkSchemas(
  subject: string,
  schemas: Readonly<Record<string, StandardSchemaV1 | undefined>>,
): void {
  if (!isObject(schemas) || !isPlainObject(schemas)) { // a Map would validate nothing
    const rule = "a plain object with a schema per event type";
    throw invalidOption(subject, "schemas", schemas, rule);
  }
  for (const [type, schema] of Object.entries(schemas)) {
    if (schema !== undefined && typeof schema?.["~standard"]?.validate !== "function") {
      throw new TypeError(`${subject}: the schema of '${type}' must be a Standard Schema`);
    }
  }
}

const DISPATCH_OPTIONS: readonly string[] = ["signal", "idempotencyKey", "waitUntil"];
const EMIT_OPTIONS: readonly string[] = [
  "sessionId",
  "runId",
  "traceparent",
  ...DISPATCH_OPTIONS,
  "tx",
];

/** Option names of other libraries. */
const RENAMED_OF_EMIT = {
  session: "sessionId",
  run: "runId",
  key: "idempotencyKey",
  transaction: "tx",
};

/** Options of an emission that are fields of an event. */
const OF_EVENT = {
  sessionId: "event.sessionId",
  runId: "event.runId",
  traceparent: "event.traceparent",
};

/** Rejects unknown options of an emission. Called for every event with options, so it is cheap. */
export function checkEmitOptions(
  action: "emit" | "emitInBackground" | "dispatch",
  type: unknown,
  options: unknown,
): void {
  const isDispatch = action === "dispatch";
  const known = isDispatch ? DISPATCH_OPTIONS : EMIT_OPTIONS;
  const subject = `Cannot ${isDispatch ? action : "emit"} ${quote(type)}`;
  if (isObject(options)) {
    let isKnown = true;
    for (const name in options) isKnown &&= known.includes(name);
    const { tx } = options;
    if (isKnown && tx !== undefined) checkTransaction(subject, action, tx);
    if (isKnown) return;
  }
  if (!isDispatch) checkNotText(subject, options, "sessionId");
  const renamed = isDispatch ? { ...RENAMED_OF_EMIT, ...OF_EVENT } : RENAMED_OF_EMIT;
  checkKnown(subject, options, known, renamed);
}

/** Returns whether options of an emission ask for more than calling handlers. */
export function hasSpecial(
  options:
    | Pick<EmitOptions, "signal" | "idempotencyKey" | "waitUntil"> & { readonly tx?: unknown }
    | undefined,
): boolean {
  if (options === undefined) return false;
  const { signal, idempotencyKey, waitUntil, tx } = options;
  return (signal ?? idempotencyKey ?? waitUntil ?? tx) !== undefined;
}

/** Drivers have objects and functions as transactions. */
function checkTransaction(subject: string, action: string, tx: unknown): void {
  if (tx === null || (typeof tx !== "object" && typeof tx !== "function")) {
    throw invalidOption(subject, "tx", tx, "an open transaction");
  }
  if (action === "emit") return;
  throw new TypeError(
    `${subject}: 'tx' can't be used in the background, where the event may be stored after your ` +
      "transaction has ended. Use 'await hooks.emit()'",
  );
}
