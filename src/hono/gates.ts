import * as v from "valibot";
import {
  type AskedDecision,
  AskError,
  type FinalDecision,
  type HookRegistry,
} from "../core/mod.ts";
import { recordedText } from "../core/gates/recorded_text.ts";
import {
  type Dialect,
  dialects,
  type EncodeOptions,
  type HookCall,
  type HookOutcome,
  type ReportedEvent,
} from "../dialects/mod.ts";
import { checkJsonType, parseJsonBody, readBody } from "./body.ts";
import { decodeUtf8, findDuplicateKey } from "../internal/json_text.ts";
import { type AppContext, type RequestState, respondJson } from "./context.ts";
import { Problem, PROBLEMS } from "./problems.ts";
import { defineRoute, type Route } from "./router.ts";
import * as s from "./schemas.ts";

/**
 * The routes that other agents call as their hooks. The response is always one that the agent understands: it
 * treats any other response or status as no opinion.
 */
export const gateRoutes: readonly Route[] = dialects.map(gateRoute);

function gateRoute(dialect: Dialect): Route {
  const { name, title } = dialect;
  return defineRoute({
    method: "POST",
    path: `/gates/${name}`,
    scope: "decide",
    operationId: `decideFor${title.replaceAll(" ", "")}`,
    summary: `Respond to a hook of ${title}`,
    description:
      `Gates decide about the event, which is emitted if they allow it. Other events are only emitted. The ` +
      `response has the format of ${title} and status 200, even if the request is invalid or ` +
      `unauthorized: it then denies.`,
    query: {
      approve: s.describe(
        s.boolean,
        `Whether an allow also approves the call, so that ${title} skips its permission prompt`,
        true,
      ),
      ask: s.describe(
        s.oneOf("agent", "wait"),
        `Who responds when a gate asks. agent, the default: the user of ${title}, if it can ask. wait: ` +
          "the person who resolves the ask, while the response waits. An app can make this the only choice",
        "wait",
      ),
    },
    content: {
      "application/json": {
        schema: v.looseObject({}) as s.Schema,
        example: dialect.example.input,
      },
    },
    response: {
      description: `The output of a hook, in the format of ${title}`,
      schema: v.looseObject({}) as s.Schema,
      example: dialect.example.output,
      headers: { "hooks-gate": "The dialect of the response" },
    },
    handle: (c, { query: { approve, ask } }) => decide(c, dialect, { approve, ask }),
    respondProblem: (c, problem) => respondFailure(c, dialect, problem),
  });
}

type Options = EncodeOptions & { readonly ask?: "agent" | "wait" | undefined };

/** The parts of running requests that were read. */
const inputs = new WeakMap<RequestState, unknown>();

async function decide(
  c: AppContext,
  dialect: Dialect,
  options: Options,
): Promise<Response> {
  const request = c.get("hooksRequest");
  const { waits } = request.app;
  const input = await readInput(c);
  const call = dialect.decode(input);
  if ("invalid" in call) throw invalid(call.invalid);
  request.logFields.hook = call.hook;
  if (!waits.tryAcquire()) throw Problem.tooMany("too_many_waits");
  try {
    return respond(c, dialect, await respondTo(c, dialect, call, options));
  } finally {
    waits.release();
  }
}

async function respondTo(
  c: AppContext,
  dialect: Dialect,
  call: HookCall,
  options: Options,
): Promise<object> {
  const request = c.get("hooksRequest");
  const { registry, agentSessions } = request.app;
  await agentSessions.begin(dialect.name, call);
  let response: object = {};
  for (const event of call.events) {
    if (event.type === "tool.completed") await agentSessions.note(event, call.sessionId);
    if (!event.isDecided) {
      await agentSessions.emit(event, call);
      continue;
    }
    const { type, data } = agentSessions.timed(event, call.sessionId);
    const isAgent = options.ask !== "wait" && request.app.ask !== "wait";
    const { outcome: decision, final } = await decideOnce(
      registry,
      { ...call, type, data },
      (asked) => isAgent ? handOver(registry, dialect, call, asked) : waitFor(c, asked),
    );
    request.logFields.decision = decision.decision;
    if (final.failure !== undefined) request.logFields.failure = final.failure;
    response = dialect.encode(call, decision, options);
    if (final.decision === "allow") await agentSessions.note(event, call.sessionId, final);
    if (decision.decision !== "deny") continue;
    if (type === "tool.completed") {
      // The tool has run, no matter what the gates decided about its result.
      const { result: _, ...completed } = data;
      const error = recordedText(decision.reason ?? "denied");
      await agentSessions.emit({ type, data: { ...completed, error } }, call);
    }
    break;
  }
  return response;
}

/**
 * Decides about an event. An approval is for one response: the agent runs the call when it gets it, so that the
 * same call is judged again after that.
 */
async function decideOnce(
  { gates }: HookRegistry,
  { type, data, sessionId, runId }: ReportedEvent & Pick<HookCall, "sessionId" | "runId">,
  ask: (asked: AskedDecision) => Promise<HandedOver | FinalDecision>,
): Promise<HandedOver> {
  for (;;) {
    const decided = await gates.decide(type as never, data as never, { sessionId, runId });
    const asked = decided.decision === "ask" ? await ask(decided) : decided;
    const both: HandedOver = "outcome" in asked ? asked : { outcome: asked, final: asked };
    const { final, isUsed = false } = both;
    if (final.decision !== "allow" || isUsed || await gates.use(final)) return both;
  }
}

/** Asks that a request waits for. A second one that came at the same time shares the ask. */
const waiting = new Set<string>();

async function waitFor(c: AppContext, asked: AskedDecision): Promise<FinalDecision> {
  const { signal } = c.req.raw;
  waiting.add(asked.askId);
  try {
    return await asked.wait({ signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    return { ...asked, decision: "deny", reason: "The agent disconnected before anyone responded" };
  } finally {
    waiting.delete(asked.askId);
  }
}

/** The decision for the agent, and for our gates: an ask may be passed on to the agent's user. */
type HandedOver = {
  readonly outcome: HookOutcome;
  readonly final: FinalDecision;
  /** Whether the approval was used up when it was given. */
  readonly isUsed?: boolean;
};

/**
 * Leaves an ask to the agent, which asks its own user. For our gates, it is then allowed on that condition.
 * An agent that can't ask is denied, and so is a call whose ask another request made: it waits for a person,
 * in whose place the agent must not respond.
 */
async function handOver(
  { gates }: HookRegistry,
  { name: by, title, asks }: Dialect,
  { hook }: HookCall,
  asked: AskedDecision,
): Promise<HandedOver | FinalDecision> {
  const denial = `Approval is required: ${asked.reason}`;
  if (asked.isResumed || waiting.has(asked.askId)) {
    return { ...asked, decision: "deny", reason: denial };
  }
  const isAsked = asks(hook);
  let isUsed = false;
  try {
    if (isAsked) {
      await gates.handOver(asked.askId, { by, note: `${title} asks its user` });
      isUsed = true;
    } else await gates.asks.resolve(asked.askId, { decision: "deny", by, note: denial });
  } catch (error) {
    if (!(error instanceof AskError)) throw error;
    const isOffered = error.failure !== "refused";
    // Someone responded first, which counts; or the gate doesn't offer to allow it.
    if (!isOffered) return { ...asked, decision: "deny" };
  }
  const final = await asked.wait();
  const isLeft = isAsked && final.decision === "allow";
  return isLeft ? { outcome: { ...asked, data: final.data }, final, isUsed } : final;
}

/** Responds to a request that could not be decided, from the parts that were read. */
async function respondFailure(
  c: AppContext,
  dialect: Dialect,
  problem: Problem,
): Promise<Response> {
  const request = c.get("hooksRequest");
  request.logFields.problem = problem.code;
  // Requests of those who may not use the app weren't read.
  const input = inputs.has(request)
    ? inputs.get(request)
    : await readInput(c).catch(() => undefined);
  const reason = `The hooks server could not decide: ${describe(problem)}`;
  const { connection } = problem.extras.headers ?? {};
  return respond(
    c,
    dialect,
    dialect.fail(input, reason),
    connection === undefined ? {} : { connection },
  );
}

/** Returns a response with a header that identifies it: an empty object from another server would mean no opinion. */
function respond(
  c: AppContext,
  { name }: Dialect,
  output: object,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return respondJson(c, 200, output, { "hooks-gate": name, ...headers });
}

function describe({ code, errors: [first] }: Problem): string {
  if (first === undefined) return PROBLEMS[code][1];
  const [field] = /^\/\w+/.exec(first.pointer) ?? [""]; // what follows may be a key of the payload
  return `${field} ${first.detail}`.trim();
}

async function readInput(c: AppContext): Promise<unknown> {
  const request = c.get("hooksRequest");
  const { app } = request;
  checkJsonType(c.req.raw.headers);
  const body = await readBody(c.req, app);
  const { value, issues } = parseJsonBody(body, app.limits.jsonDepth);
  // Parsers disagree about which of two values counts, so it's unclear which event this is, or what runs.
  if (findDuplicateKey(decodeUtf8(body)!) !== undefined) throw invalid("a key occurs twice");
  inputs.set(request, value);
  // The tool would run with other data than was judged. Results are text for the model, which doesn't change.
  const inexact = issues.find(({ path = [] }) =>
    `${String(path[0])}`.match(/^(?:tool_input|command|file_path)$/)
  );
  if (inexact !== undefined) throw invalid(`a parameter ${inexact.message}`);
  return value;
}

function invalid(detail: string): Problem {
  return Problem.invalid({ pointer: "", detail });
}
