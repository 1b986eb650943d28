import type { AgentEvents } from "./events.ts";
import type { StandardIssue, StandardSchemaV1 } from "../internal/standard_schema.ts";
import { isObject } from "../internal/validate.ts";

/** One field of a payload: what it must be, and how JSON Schema says so. */
type Field = {
  readonly check: (value: unknown) => readonly StandardIssue[];
  readonly json: Readonly<Record<string, unknown>>;
};

/** The fields of a payload. Others are ignored. */
type Fields = {
  readonly required: Readonly<Record<string, Field>>;
  readonly optional?: Readonly<Record<string, Field>>;
};

const text = /* @__PURE__ */ field((value) => typeof value === "string", "must be a string", {
  type: "string",
});
const flag = /* @__PURE__ */ field((value) => typeof value === "boolean", "must be true or false", {
  type: "boolean",
});
const number = /* @__PURE__ */ field((value) => Number.isFinite(value), "must be a number", {
  type: "number",
});
const mapping = /* @__PURE__ */ field(isObject, "must be an object", { type: "object" });

const list = /* @__PURE__ */ field(Array.isArray, "must be a list", { type: "array" });
const any = /* @__PURE__ */ field(() => true, "", {});

const message: Fields = { required: { role: text, content: text } };
const messageOfAgent: Fields = {
  required: message.required,
  optional: /* @__PURE__ */ ofAgent({}),
};
/** Go writes an empty list as null. */
const transcript: Field = {
  check: (value) => {
    if (value === null) return [];
    if (!Array.isArray(value)) return [{ message: "must be a list of messages" }];
    return value.flatMap((item, index) => within([index], checkFields(item, message)));
  },
  json: { type: ["array", "null"], items: /* @__PURE__ */ jsonOf(message) },
};
/** Fields of an event that an agent may emit. No literal is spread: bundlers keep that even if it is unused. */
function ofAgent(fields: Readonly<Record<string, Field>>): Readonly<Record<string, Field>> {
  return { agent_id: text, parent_agent_id: text, ...fields };
}
const tool: Fields = {
  required: { name: text },
  optional: /* @__PURE__ */ ofAgent({
    params: mapping,
    result: text,
    error: text,
    call_id: text,
    duration_ms: number,
    decision_id: text,
    gated: flag,
  }),
};
const tokens: Fields = {
  required: { input_tokens: number, output_tokens: number },
  optional: { cache_read_tokens: number, cache_write_tokens: number, reasoning_tokens: number },
};
const usage: Field = {
  check: (value) => checkFields(value, tokens),
  json: /* @__PURE__ */ jsonOf(tokens),
};
const session: Fields = {
  required: { session_id: text, action: /* @__PURE__ */ oneOf("created", "updated") },
  optional: /* @__PURE__ */ ofAgent({}),
};

const FIELDS: Readonly<Record<keyof AgentEvents, Fields>> = {
  "message.received": messageOfAgent,
  "message.sent": messageOfAgent,
  "tool.called": tool,
  "tool.completed": tool,
  "tool.denied": {
    required: { name: text, reason: text, decision_id: text },
    optional: /* @__PURE__ */ ofAgent({ params: mapping, call_id: text, gate: text }),
  },
  "gate.decided": {
    required: {
      decision_id: text,
      event_type: text,
      outcome: /* @__PURE__ */ oneOf("allowed", "denied", "asked", "error"),
      gates: list,
      digest_in: text,
      digest_out: text,
      took_ms: number,
    },
    optional: {
      name: text,
      call_id: text,
      agent_id: text,
      reason: text,
      ask_id: text,
      failure: /* @__PURE__ */ oneOf("store"),
    },
  },
  "gate.late": {
    required: {
      decision_id: text,
      event_type: text,
      gate: text,
      verdict: /* @__PURE__ */ oneOf("allow", "deny", "ask", "none", "rewritten", "failed"),
      duration_ms: number,
    },
    optional: {
      name: text,
      call_id: text,
      agent_id: text,
      failure: text,
      reason: text,
      internal: text,
    },
  },
  "gate.asked": {
    required: {
      ask_id: text,
      decision_id: text,
      event_type: text,
      digest: text,
      data: any,
      question: text,
      expires_at: text,
      allow: list,
    },
    optional: { name: text, gate: text, call_id: text, agent_id: text },
  },
  "gate.resolved": {
    required: {
      ask_id: text,
      decision_id: text,
      outcome: /* @__PURE__ */ oneOf("allowed", "denied", "expired"),
    },
    optional: { by: text, note: text, edited: flag, data: any, digest: text },
  },
  "model.called": {
    required: { model: text, call_id: text },
    optional: /* @__PURE__ */ ofAgent({ provider: text }),
  },
  "model.completed": {
    required: { model: text, call_id: text, usage, duration_ms: number },
    optional: /* @__PURE__ */ ofAgent({
      provider: text,
      cost_usd: number,
      finish_reason: text,
      ttft_ms: number,
      error: text,
    }),
  },
  "session.created": session,
  "session.updated": session,
  "session.rollover": {
    required: {
      session_id: text,
      reason: /* @__PURE__ */ oneOf("idle", "daily"),
      transcript,
      started_at: text,
      ended_at: text,
    },
    optional: /* @__PURE__ */ ofAgent({}),
  },
  "job.executed": {
    required: { job_id: text, job_name: text, success: flag },
    optional: /* @__PURE__ */ ofAgent({}),
  },
  "agent.start": { required: { run_id: text }, optional: /* @__PURE__ */ ofAgent({ name: text }) },
  "agent.end": {
    required: { success: flag, aborted: flag, duration_ms: number },
    optional: /* @__PURE__ */ ofAgent({
      run_id: text,
      session_id: text,
      error: text,
      response: text,
      usage,
      cost_usd: number,
    }),
  },
};

/**
 * Validators of the agent events, by type, for `schemas` of `createHooks`. They check required fields
 * and the types of known fields; other fields pass, and null means that an optional field is absent. The
 * HTTP app validates with them by default.
 *
 * ```ts
 * import { agentEventSchemas, createHooks } from "@omniagent/hooks";
 *
 * const hooks = createHooks({ schemas: agentEventSchemas });
 * await hooks.emit("tool.called", { nme: "bash" } as never).catch((error) => {
 *   console.log(error.issues); // [ { message: "is missing", path: [ "data", "name" ] } ]
 * });
 * await hooks.close();
 * ```
 */
export const agentEventSchemas: {
  readonly [Type in keyof AgentEvents]: StandardSchemaV1<unknown, AgentEvents[Type]>;
} = /* @__PURE__ */ Object.fromEntries(
  /* @__PURE__ */ Object.entries(FIELDS).map(([type, fields]) => [type, schemaOf(fields)]),
) as never;

/** Returns the JSON Schemas (draft 2020-12) of the payloads of the agent events, by type. */
export function agentEventJsonSchemas(): Readonly<
  Record<string, Readonly<Record<string, unknown>>>
> {
  return Object.fromEntries(Object.entries(FIELDS).map(([type, fields]) => [type, jsonOf(fields)]));
}

function schemaOf(fields: Fields): StandardSchemaV1 {
  return {
    "~standard": {
      version: 1,
      vendor: "omniagent",
      validate: (value) => {
        const issues = checkFields(value, fields);
        return issues.length > 0 ? { issues } : { value };
      },
    },
  };
}

function checkFields(
  value: unknown,
  { required, optional = {} }: Fields,
): readonly StandardIssue[] {
  if (!isObject(value)) return [{ message: "must be an object" }];
  const issues: StandardIssue[] = [];
  for (const [name, { check }] of Object.entries(required)) {
    const issue = { message: "is missing" };
    const isThere = Object.hasOwn(value, name) && value[name] !== undefined;
    issues.push(...within([name], isThere ? check(value[name]) : [issue]));
  }
  for (const [name, { check }] of Object.entries(optional)) {
    const field = Object.hasOwn(value, name) ? value[name] ?? undefined : undefined;
    if (field !== undefined) issues.push(...within([name], check(field)));
  }
  return issues;
}

function within(
  start: readonly PropertyKey[],
  issues: readonly StandardIssue[],
): readonly StandardIssue[] {
  return issues.map(({ message, path = [] }) => ({ message, path: [...start, ...path] }));
}

function field(
  holds: (value: unknown) => boolean,
  message: string,
  json: Readonly<Record<string, unknown>>,
): Field {
  return { check: (value) => holds(value) ? [] : [{ message }], json };
}

function oneOf(...words: readonly string[]): Field {
  const message = `must be ${words.map((word) => `"${word}"`).join(" or ")}`;
  return field((value) => words.includes(value as string), message, { enum: words });
}

function jsonOf({ required, optional = {} }: Fields): Readonly<Record<string, unknown>> {
  const properties = Object.entries(required).map(([name, { json }]) => [name, json]);
  const others = Object.entries(optional).map((
    [name, { json }],
  ) => [name, { ...json, type: [json.type, "null"] }]);
  return {
    type: "object",
    required: Object.keys(required),
    properties: Object.fromEntries([...properties, ...others]),
  };
}
