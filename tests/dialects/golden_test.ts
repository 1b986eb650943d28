/**
 * Golden files over HTTP: what an agent posts, the events that come of it, and the response to each outcome. A
 * file has `input`, `session`, `run`, `events`, `responses` by outcome, and, where data can be rewritten,
 * the fields that the gate changes. Nothing rewrites them.
 * @module
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type AgentEvents, createHooks, type HookEvent, type Hooks } from "@omniagent/hooks";
import { allow, ask, deny, type Gate } from "@omniagent/hooks/gates";
import { createHooksApp, type HooksAppAuth } from "@omniagent/hooks/hono";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

type Golden = {
  readonly input: object;
  readonly session: string | null;
  readonly run: string | null;
  readonly events: readonly { readonly type: string; readonly data: object }[];
  readonly rewrite?: object;
  readonly responses: Readonly<Record<string, unknown>>;
};

/** The gate that leads to each response. */
const gates: Readonly<Record<string, (golden: Golden) => Gate<HookEvent>["handle"]>> = {
  no_opinion: () => () => undefined,
  context: () => () => allow(undefined, { context: "Prefer git clean" }),
  context_alone: () => () => ({ decision: "none", context: "Prefer git clean" }),
  allow: () => () => allow("known command"),
  approve: () => () => allow("known command"),
  deny: () => () => deny("Builds are kept"),
  interrupt: () => () => deny("Builds are kept", { interrupt: true }),
  ask: () => () => ask("Remove the build?"),
  rewrite: ({ rewrite }) => ({ data }) => ({ ...data as object, ...rewrite }),
};

/** Beside this file, or beside its source where it is bundled. */
const goldens = ["./", "../../../tests/dialects/"]
  .map((path) => new URL(path, import.meta.url))
  .find((url) => existsSync(new URL("claude_code/", url)))!;

for (const dialect of ["claude-code", "copilot", "codex", "gemini", "cursor"]) {
  const folder = dialect.replace("-", "_");
  const directory = new URL(`${folder}/`, goldens);
  for (const file of readdirSync(directory).sort()) {
    const golden: Golden = JSON.parse(readFileSync(new URL(file, directory), "utf8"));
    test(`POST /gates/${dialect} emits and responds as recorded: ${file.slice(0, -5)}`, async () => {
      assert.deepEqual(await emittedFor(dialect, golden), expectedEvents(dialect, golden));
      for (const [name, expected] of Object.entries(golden.responses)) {
        assert.deepEqual(await responseFor(dialect, name, golden), expected, name);
      }
    });
  }
}

/** Without a session event of its own, a call begins its session. Nothing here has seen a run start. */
function expectedEvents(
  dialect: string,
  { session, run, events }: Golden,
): readonly unknown[] {
  const session_id = session;
  const created = {
    type: "session.created",
    data: { session_id, action: "created", client: { name: dialect } },
  };
  const isReported = session_id === null ||
    events.some(({ type }) => type === "session.created");
  return [
    ...(isReported ? [] : [{ ...created, sessionId: session, runId: null }]),
    ...events.map(({ type, data }) => ({
      type,
      data: type === "agent.end" ? { ...data, duration_ms: 0 } : data,
      sessionId: session,
      runId: run,
    })),
  ];
}

async function emittedFor(
  dialect: string,
  { input, responses }: Golden,
): Promise<readonly unknown[]> {
  const emitted: unknown[] = [];
  const response = await post(dialect, input, { auth: false }, (hooks) => {
    hooks.on("*", ({ type, data, sessionId = null, runId = null }) => {
      emitted.push({ type, data, sessionId, runId });
    });
  });
  assert.deepEqual(response, responses.no_opinion ?? {});
  return JSON.parse(JSON.stringify(emitted));
}

async function responseFor(dialect: string, name: string, golden: Golden): Promise<unknown> {
  if (name === "failure") {
    const verifyToken = (): never => {
      throw new Error("the identity provider is down");
    };
    return await post(dialect, golden.input, { verifyToken }, () => {});
  }
  const path = name === "approve" ? `${dialect}?approve=true` : dialect;
  return await post(path, golden.input, { auth: false }, (hooks) => {
    const kind = name === "rewrite" ? "rewrite" : "check";
    const gate = { name: "policy", kind, handle: gates[name]!(golden) } as Gate<HookEvent>;
    hooks.gate("*", gate as never);
  });
}

async function post(
  path: string,
  input: unknown,
  auth: HooksAppAuth,
  prepare: (hooks: Hooks<AgentEvents>) => void,
): Promise<unknown> {
  // Only an outbox can ask.
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = createHooks({ outbox, logger: silentLogger });
  prepare(hooks);
  const app = createHooksApp(hooks, { logger: silentLogger, ...auth });
  try {
    const response = await app.request(`/gates/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(input),
    });
    assert.equal(response.status, 200);
    return await response.json();
  } finally {
    await hooks.close();
  }
}
