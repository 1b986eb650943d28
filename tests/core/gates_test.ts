import assert from "node:assert/strict";
import {
  createHooks,
  EventValidationError,
  type HookEvent,
  type Hooks,
  type HooksOptions,
} from "@omniagent/hooks";
import { allow, ask, deny, GateDeniedError, type GateRecord } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import type { Store, StoreKey } from "@omniagent/hooks/store";
import { memoryStore } from "@omniagent/hooks/testing";
import { generateEncryptionKey, webhookStore } from "@omniagent/hooks/webhook-store";
import { bindStore } from "../support/bind_store.ts";
import { mock, test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { until } from "../support/until.ts";

type Params = { readonly command: string };

/** Hooks, and a log of their events: type, and what matters of the payload. */
function start(options: HooksOptions = {}) {
  const hooks = createHooks({ logger: silentLogger, ...options });
  const events: HookEvent[] = [];
  hooks.on("*", (event) => void events.push(event as HookEvent));
  const types = () => events.map(({ type }) => type);
  const dataOf = (type: string) =>
    events.find((event) => event.type === type)!.data as Readonly<Record<string, unknown>>;
  return { hooks, events, types, dataOf };
}

const bash = (params: Params): string => `ran ${params.command}`;

test("call() without gates runs the tool, and emits tool.called and tool.completed", async () => {
  const { hooks, types, dataOf } = start();
  const context = { sessionId: "s-1", callId: "c-1", agentId: "a-1" };
  assert.equal(await hooks.call("bash", { command: "ls" }, bash, context), "ran ls");
  assert.deepEqual(types(), ["tool.called", "tool.completed"]);
  const called = { name: "bash", call_id: "c-1", agent_id: "a-1", params: { command: "ls" } };
  assert.deepEqual(dataOf("tool.called"), called);
  const { duration_ms, ...completed } = dataOf("tool.completed");
  assert.deepEqual(completed, { name: "bash", call_id: "c-1", agent_id: "a-1", result: "ran ls" });
  assert.ok(Number(duration_ms) >= 0);
});

test("call() runs the tool with the parameters that were judged last", async () => {
  const { hooks, types, dataOf } = start();
  hooks.gate("tool.called", {
    name: "dry-run",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, params: { command: `${data.params?.command} --dry-run` } }),
  });
  let judged: unknown;
  hooks.gate("tool.*", { name: "policy", handle: ({ data }) => void (judged = data) });
  assert.equal(await hooks.call("bash", { command: "deploy" }, bash), "ran deploy --dry-run");
  assert.deepEqual((judged as { params: unknown }).params, undefined, "of the result");
  assert.deepEqual(types(), ["tool.called", "gate.decided", "tool.completed", "gate.decided"]);
  assert.deepEqual(dataOf("tool.called").params, { command: "deploy --dry-run" });
  const { digest_in, digest_out, outcome } = dataOf("gate.decided");
  assert.equal(outcome, "allowed");
  assert.match(String(digest_in), /^[0-9a-f]{64}$/);
  assert.notEqual(digest_in, digest_out);
});

test("call() resolves to the reason when a gate denies, and the tool never runs", async () => {
  const { hooks, types, dataOf } = start();
  hooks.gate("tool.called", {
    name: "policy",
    handle: () => deny("Not here", { internal: "rule 7", interrupt: true, context: "Ask first" }),
  });
  const run = (): never => assert.fail("the tool ran");
  const denied = await hooks.call("bash", { command: "rm" }, run, { callId: "c-1" });
  assert.deepEqual(denied, {
    denied: true,
    reason: "Not here",
    context: "Ask first",
    interrupt: true,
    decisionId: dataOf("tool.denied").decision_id,
  });
  assert.deepEqual(types(), ["tool.denied", "gate.decided"]);
  const { decision_id, ...data } = dataOf("tool.denied");
  assert.equal(typeof decision_id, "string");
  const params = { command: "rm" };
  assert.deepEqual(data, {
    name: "bash",
    call_id: "c-1",
    params,
    reason: "Not here",
    gate: "policy",
  });
  const [gate] = dataOf("gate.decided").gates as readonly GateRecord[];
  assert.equal(gate!.internal, "rule 7", "for the log");
  assert.doesNotMatch(JSON.stringify(denied), /rule 7/);
});

test("call() passes the context of gates to the tool", async () => {
  const { hooks } = start();
  hooks.gate("tool.called", {
    name: "budget",
    handle: () => allow("fine", { context: "Nothing is left" }),
  });
  const received = await hooks.call(
    "pay",
    {},
    (_, { context, isApproved }) => [context, isApproved],
  );
  assert.deepEqual(received, ["Nothing is left", true]);
  await hooks.close();
});

test("a gate without an opinion can add context, which approves nothing", async () => {
  const { hooks, dataOf } = start();
  hooks.gate("tool.called", {
    name: "hint",
    handle: () => ({ decision: "none", context: "Use rg" }),
  });
  const made = await hooks.decide("tool.called", { name: "grep" });
  assert.deepEqual([made.decision, made.context], ["allow", "Use rg"]);
  assert.equal((dataOf("gate.decided").gates as readonly GateRecord[])[0]!.verdict, "none");
});

test("new data with a verdict that can't change any is a failure", async () => {
  for (const decision of ["none", "ask"]) {
    const { hooks } = start();
    hooks.gate("tool.called", {
      name: "mask",
      handle: () => ({ decision, reason: "May I?", data: { name: "x" } }) as never,
    });
    const made = await hooks.decide("tool.called", { name: "bash" });
    assert.equal(made.reason, "Gate 'mask' failed (invalid)");
  }
});

test("call() with throwOnDeny throws a GateDeniedError", async () => {
  const { hooks } = start();
  hooks.gate("tool.called", { name: "policy", handle: () => deny("Not here") });
  await assert.rejects(
    hooks.call("bash", { command: "rm" }, bash, { throwOnDeny: true }),
    (error: unknown) => {
      assert.ok(error instanceof GateDeniedError);
      assert.equal(error.message, "Cannot call 'bash': Not here");
      return true;
    },
  );
});

test("call() rethrows what the tool threw, after tool.completed with its error", async () => {
  const { hooks, dataOf } = start();
  const error = new Error("exit 1");
  const run = (): never => {
    throw error;
  };
  await assert.rejects(hooks.call("bash", { command: "false" }, run), (thrown) => thrown === error);
  assert.equal(dataOf("tool.completed").error, "exit 1");
});

test("gates of tool.completed judge results: a rewrite changes them, and a deny withholds them", async () => {
  const { hooks, dataOf } = start();
  hooks.gate("tool.completed", {
    name: "mask",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, result: data.result?.replaceAll("hunter2", "***") }) as never,
  });
  hooks.gate("tool.completed", {
    name: "secrets",
    handle: ({ data }, { final }) =>
      final && data.result?.includes("PRIVATE KEY") ? deny("The result holds a key") : undefined,
  });
  assert.equal(await hooks.call("env", {}, () => "PASSWORD=hunter2"), "PASSWORD=***");
  assert.deepEqual(await hooks.call("env", {}, () => ({ password: "hunter2" })), {
    password: "***",
  });
  const denied = await hooks.call("cat", {}, () => "PRIVATE KEY", { callId: "c-9" });
  assert.ok(typeof denied === "object" && denied.reason === "The result holds a key");
  const all = dataOf("tool.completed");
  assert.equal(all.result, "PASSWORD=***");
});

test("exactly one of tool.completed and tool.denied follows each decision", async () => {
  const { hooks, events } = start();
  hooks.gate("tool.called", {
    name: "coin",
    handle: ({ data }) => Number(data.params?.n) % 3 === 0 ? deny("no") : undefined,
  });
  await Promise.all(Array.from({ length: 30 }, async (_, n) => {
    const run = (): string => {
      if (n % 3 === 1) throw new Error("failed");
      return "fine";
    };
    await hooks.call("tool", { n }, run, { callId: `c-${n}` }).catch(() => {});
  }));
  for (let n = 0; n < 30; n++) {
    const mine = events.filter(({ data }) => (data as { call_id?: string }).call_id === `c-${n}`);
    const types = mine.map(({ type }) => type).sort();
    assert.deepEqual(
      types,
      n % 3 === 0
        ? ["gate.decided", "tool.denied"]
        : ["gate.decided", "tool.called", "tool.completed"],
    );
  }
});

test("a handler that fails changes neither a decision nor a result, and is reported", async () => {
  const failures: string[] = [];
  const { hooks } = start({ onError: (error) => void failures.push(String(error)) });
  hooks.on("tool.*", () => {
    throw new Error("observer down");
  });
  assert.equal(await hooks.call("bash", { command: "ls" }, bash), "ran ls");
  hooks.gate("tool.called", { name: "policy", handle: () => allow() });
  assert.equal(await hooks.call("bash", { command: "ls" }, bash), "ran ls");
  assert.equal(failures.length, 4, failures.join("\n"));
});

test("the same call with the same data gets the same decision again; other data is a new decision", async () => {
  const { hooks, types } = start();
  let calls = 0;
  hooks.gate("tool.called", { name: "policy", handle: () => void calls++ });
  const decide = (command: string, sessionId = "s-1") =>
    hooks.decide("tool.called", { name: "bash", call_id: "c-1", params: { command } }, {
      sessionId,
    });
  const [first, again] = await Promise.all([decide("ls"), decide("ls")]);
  assert.equal(first.id, again.id);
  assert.equal((await decide("ls")).id, first.id);
  assert.equal(calls, 1);
  assert.notEqual((await decide("rm")).id, first.id);
  assert.notEqual((await decide("ls", "s-2")).id, first.id);
  assert.equal(calls, 3);
  assert.deepEqual(types().filter((type) => type === "tool.called").length, 3);
});

test("a required gate that is not registered denies everything, until it is", async () => {
  const { hooks, dataOf } = start({ gates: { required: ["policy"] } });
  const denied = await hooks.decide("message.received", { role: "user", content: "hi" });
  assert.equal(denied.decision, "deny");
  assert.equal(denied.reason, "Gate 'policy' is required, but isn't registered or isn't enforced");
  assert.equal((dataOf("gate.decided").gates as readonly GateRecord[])[0]!.failure, "missing");
  const off = hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const allowed = await hooks.decide("message.received", { role: "user", content: "hi" });
  assert.equal(allowed.decision, "allow");
  off();
  assert.equal(
    (await hooks.decide("session.created", { session_id: "s", action: "created" })).decision,
    "deny",
  );
});

test("an ask denies when there is nobody to ask, and applies the response of onAsk", async () => {
  const alone = start();
  alone.hooks.gate("tool.called", { name: "policy", handle: () => ask("Really?") });
  const denied = await alone.hooks.decide("tool.called", { name: "bash" });
  assert.deepEqual(
    [denied.decision, denied.reason],
    ["deny", "Approval is required: Really?"],
  );

  for (const decision of ["allow", "deny"] as const) {
    const { hooks } = start({
      gates: {
        onAsk: ({ question, event, gate, allow }) => {
          assert.deepEqual([question, event.type, gate], ["Really?", "tool.called", "policy"]);
          assert.deepEqual(allow, ["allow", "deny"]);
          return Promise.resolve({ decision });
        },
      },
    });
    hooks.gate("tool.called", { name: "policy", handle: () => ask("Really?") });
    assert.equal((await hooks.decide("tool.called", { name: "bash" })).decision, decision);
  }

  for (const onAsk of [() => Promise.reject(new Error("Slack is down")), () => "yes" as never]) {
    const { hooks } = start({ gates: { onAsk } });
    hooks.gate("tool.called", { name: "policy", handle: () => ask("Really?") });
    assert.equal((await hooks.decide("tool.called", { name: "bash" })).decision, "deny");
  }
});

test("data that a person edited is checked under a new id", async () => {
  const data = { name: "pay", params: { command: "5" } };
  const { hooks } = start({ gates: { onAsk: () => ({ decision: "edit", data }) } });
  const ids: string[] = [];
  hooks.gate("tool.called", {
    name: "approve",
    handle: (_, { decisionId }) => (ids.push(decisionId), ask("Pay?", { allow: ["edit"] })),
  });
  const decision = await hooks.decide("tool.called", { name: "pay", params: { command: "9" } });
  assert.deepEqual([decision.decision, decision.data], ["allow", data]);
  assert.equal(new Set(ids).size, 2);
});

test("a response after the expiry of an ask is ignored, even if no timer fired", async () => {
  mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  try {
    const { hooks } = start({
      gates: {
        onAsk: () => {
          mock.timers.tick(200); // as `confirm()` does, which blocks the thread
          return { decision: "allow" };
        },
      },
    });
    const question = { expiresIn: 200 };
    hooks.gate("tool.called", { name: "late", handle: () => ask("Really?", question) });
    assert.equal((await hooks.decide("tool.called", { name: "bash" })).decision, "deny");
    question.expiresIn = 201;
    assert.equal((await hooks.decide("tool.called", { name: "bash" })).decision, "allow");
  } finally {
    mock.timers.reset();
  }
});

test("data that a person edited is judged by rewrites, too: they may deny it, but not change it", async () => {
  let command = "";
  const { hooks } = start({
    gates: {
      onAsk: ({ event }) => ({
        decision: "edit",
        data: { ...event.data as object, params: { command } },
      }),
    },
  });
  hooks.gate("tool.called", {
    name: "dry-run",
    kind: "rewrite",
    handle: ({ data }) => {
      const command = String(data.params?.command);
      if (command.startsWith("rm")) return deny("Never rm");
      return command.endsWith("--dry-run")
        ? { ...data }
        : { ...data, params: { command: `${command} --dry-run` } };
    },
  });
  hooks.gate("tool.called", {
    name: "approve",
    handle: () => ask("Deploy?", { allow: ["allow", "edit"] }),
  });
  const outcomes: unknown[] = [];
  for (command of ["cp --dry-run", "cp", "rm --dry-run"]) {
    const outcome = await hooks.call("bash", { command: "ls" }, bash);
    outcomes.push(typeof outcome === "string" ? outcome : outcome.reason);
  }
  const refused = "A gate would change the edited data";
  assert.deepEqual(outcomes, ["ran cp --dry-run", refused, "Never rm"]);
});

test("an edit that a gate fails to judge is denied, even if the gate asks when it fails", async () => {
  for (const onFailure of ["ask", "allow"] as const) {
    const { hooks } = start({
      gates: {
        onAsk: ({ event }) => ({
          decision: "edit",
          data: { ...event.data as object, params: { command: "rm" } },
        }),
      },
    });
    hooks.gate("tool.called", {
      name: "approve",
      handle: () => ask("Run it?", { allow: ["allow", "edit"] }),
    });
    hooks.gate("tool.called", {
      name: "policy",
      onFailure,
      handle: ({ data }) => {
        if (JSON.stringify(data.params).includes("rm")) throw new Error("The server is down");
      },
    });
    const outcome = await hooks.call("bash", { command: "ls" }, bash);
    const denied = "Gate 'policy' failed (error)";
    assert.equal(
      typeof outcome === "string" ? outcome : outcome.reason,
      onFailure === "ask" ? denied : "ran rm",
    );
  }
});

test("an ask that expires denies", async () => {
  let signal: AbortSignal | undefined;
  const { hooks } = start({
    gates: {
      onAsk: (request) => {
        signal = request.signal;
        return new Promise<never>(() => {});
      },
    },
  });
  hooks.gate("tool.called", { name: "policy", handle: () => ask("Really?", { expiresIn: 5 }) });
  assert.equal((await hooks.decide("tool.called", { name: "bash" })).decision, "deny");
  assert.equal(signal!.aborted, true);
});

test("with an outbox, event and decision are stored in one commit before decide() resolves", async () => {
  const store = memoryStore();
  const outbox = createOutbox(store, { logger: silentLogger });
  const { hooks } = start({ outbox });
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const batches: string[][] = [];
  const publish = outbox.publish;
  outbox.publish = (batch, options) => {
    batches.push(batch.map(({ event }) => event.type));
    return publish(batch, options);
  };
  const { id } = await hooks.decide("tool.called", { name: "bash", call_id: "c-1" });
  assert.deepEqual(batches, [["tool.called", "gate.decided"]]);
  const stored = (await outbox.listEvents({ limit: 10 })).items.map(({ event: { data } }) => data);
  assert.equal(
    stored.filter((data) => (data as { decision_id: string }).decision_id === id).length,
    2,
  );
  await hooks.close();
  store.close();
});

test("a call that is too large to be stored is denied, and recorded without its parameters", async () => {
  for (const verdict of [deny("never"), undefined, ask("Really?")]) {
    const outbox = createOutbox(memoryStore(), { logger: silentLogger });
    const { hooks } = start({ outbox });
    hooks.gate("tool.called", { name: "policy", handle: () => verdict });
    const params = { command: "x".repeat(300_000) };
    const result = await hooks.call("bash", params, bash) as { readonly reason?: string };
    const reason = verdict?.decision === "deny" ? "never" : "The event is too large to be recorded";
    assert.equal(result.reason, reason);
    const { items } = await outbox.listEvents({ order: "oldest" });
    const stored = items.map(({ event }) => [event.type, (event.data as ToolDenied).reason]);
    assert.deepEqual(stored.sort(), [["gate.decided", reason], ["tool.denied", reason]]);
    await hooks.close();
  }
});

type ToolDenied = { readonly reason?: string };

test("a result that is too large to be stored is returned, and recorded without its text", async () => {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const { hooks } = start({ outbox });
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const result = "x".repeat(300_000);
  assert.equal(await hooks.call("read", { command: "a" }, () => result), result);
  const { items } = await outbox.listEvents({ type: "tool.completed" });
  assert.deepEqual(items.map(({ event }) => "result" in (event.data as object)), [false]);
  await hooks.close();
});

test("a call that can't be recorded is denied, and the tool doesn't run", async () => {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const publish = outbox.publish;
  outbox.publish = () => Promise.reject(new Error("the disk is full"));
  const { hooks } = start({ outbox });
  hooks.gate("tool.called", { name: "policy", handle: () => allow() });
  const run = (): never => assert.fail("the tool ran");
  const call = { callId: "c-1" };
  const denied = await hooks.call("bash", { command: "ls" }, run, call) as {
    readonly reason: string;
  };
  assert.match(denied.reason, /could not be recorded/);
  outbox.publish = publish;
  assert.equal(
    await hooks.call("bash", { command: "ls" }, bash, call),
    "ran ls",
    "the next call tries again",
  );
  await hooks.close();
});

test("a payload that a schema rejects throws, and so does a decision after close()", async () => {
  const { hooks } = start({
    schemas: {
      "tool.called": {
        "~standard": {
          version: 1,
          vendor: "test",
          validate: (value: unknown) =>
            (value as { name: unknown }).name === "bash"
              ? { value }
              : { issues: [{ message: "no" }] },
        } as never,
      },
    },
  });
  hooks.gate("tool.called", {
    name: "rename",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, params: 1n }) as never,
  });
  await assert.rejects(hooks.decide("tool.called", { name: "zsh" }), EventValidationError);
  const decision = await hooks.decide("tool.called", { name: "bash" });
  assert.deepEqual([decision.decision, decision.gates[0]!.failure], ["deny", "invalid"]);
  await hooks.close();
  await assert.rejects(hooks.decide("tool.called", { name: "bash" }), { name: "HooksClosedError" });
  assert.throws(() => hooks.gate("*", { name: "late", handle() {} }), { name: "HooksClosedError" });
});

test("decide() rejects the types that no gate decides about", async () => {
  const { hooks } = start({ gates: { required: ["policy"] } });
  for (const type of ["delivery.create", "webhook.send", "gate.decided"]) {
    await assert.rejects(hooks.decide(type as never, {} as never), /no gate decides about/);
  }
});

test("a required gate in shadow mode counts as missing", async () => {
  const { hooks } = start({ gates: { required: ["policy"] } });
  hooks.gate("*", { name: "policy", mode: "shadow", handle: () => undefined });
  assert.equal((await hooks.decide("tool.called", { name: "bash" })).decision, "deny");
});

test("a judged result is returned as its JSON, without anything that JSON doesn't show", async () => {
  const { hooks } = start();
  hooks.gate("tool.completed", {
    name: "mask",
    kind: "rewrite",
    handle: ({ data }) => ({ ...data, result: data.result?.replaceAll("sk-1", "***") }) as never,
  });
  const hidden = Object.defineProperty({ a: "sk-1" }, "secret", { value: "sk-1" });
  assert.deepEqual(await hooks.call("t", {}, () => hidden), { a: "***" });
  const judged = await hooks.call("t", {}, () => hidden) as Readonly<Record<string, unknown>>;
  assert.equal(judged["secret"], undefined);
  const cycle: Record<string, unknown> = { key: "sk-1" };
  cycle["self"] = cycle;
  for (const result of [{ key: "sk-1", n: 1n }, new Map([["key", "sk-1"]]), cycle, () => "sk-1"]) {
    const denied = await hooks.call("t", {}, () => result) as { readonly reason?: string };
    assert.equal(denied.reason, "The result has no JSON form that gates could judge");
  }
});

test("a rewrite that removes the result withholds it", async () => {
  const { hooks } = start();
  hooks.gate("tool.completed", {
    name: "withhold",
    kind: "rewrite",
    handle: ({ data: { result: _, ...data } }) => data as never,
  });
  assert.equal(await hooks.call("t", {}, () => "sk-1"), undefined);
});

test("the error of a tool is judged before the caller or an event gets it", async () => {
  const { hooks, dataOf } = start();
  hooks.gate("tool.completed", {
    name: "no-keys",
    handle: ({ data }) => data.error?.includes("sk-1") ? deny("The error holds a key") : undefined,
  });
  const run = (): never => {
    throw new Error("bad key sk-1");
  };
  const denied = await hooks.call("t", {}, run) as { readonly reason?: string };
  assert.equal(denied.reason, "The error holds a key");
  assert.equal(dataOf("tool.completed").error, "The error holds a key");
  const fine = (): never => {
    throw new RangeError("fine");
  };
  await assert.rejects(hooks.call("t", {}, fine), RangeError);
});

test("a decision is not reused after the gates change", async () => {
  const { hooks } = start({ gates: { required: ["policy"] } });
  const off = hooks.gate("tool.called", { name: "policy", handle: () => allow() });
  const call = (callId: string) => hooks.call("bash", { command: "ls" }, bash, { callId });
  assert.equal(await call("c-1"), "ran ls");
  off();
  assert.ok(typeof await call("c-1") === "object", "denied");
  hooks.gate("tool.called", { name: "policy", handle: () => deny("stricter now") });
  assert.ok(typeof await call("c-1") === "object", "denied");
});

test("a response that the gate did not offer denies, and an ask without an expiry ends", async () => {
  const { hooks } = start({ gates: { onAsk: () => ({ decision: "allow", reason: 5 as never }) } });
  const off = hooks.gate("tool.called", { name: "a", handle: () => ask("?", { allow: ["deny"] }) });
  assert.equal((await hooks.decide("tool.called", { name: "bash" })).decision, "deny");
  off();
  hooks.gate("tool.called", { name: "a", handle: () => ask("?") });
  const { decision, reason } = await hooks.decide("tool.called", { name: "bash" });
  assert.deepEqual([decision, reason], ["allow", undefined]);
});

test("a decision that the caller aborts denies, whatever onFailure says, and is not cached", async () => {
  const { hooks } = start();
  let isSlow = true;
  hooks.gate("tool.called", {
    name: "slow",
    onFailure: "allow",
    handle: () => isSlow ? new Promise<never>(() => {}) : undefined,
  });
  const controller = new AbortController();
  const options = { callId: "c-1", signal: controller.signal };
  const running = hooks.call("bash", { command: "ls" }, bash, options);
  setTimeout(() => controller.abort(), 2);
  assert.ok(typeof await running === "object", "denied");
  isSlow = false;
  assert.equal(await hooks.call("bash", { command: "ls" }, bash, { callId: "c-1" }), "ran ls");
});

test("a tool never starts after its caller has aborted, no matter which store access it waits for", async () => {
  const gates: readonly ((hooks: Hooks) => void)[] = [
    () => {},
    (hooks) => hooks.gate("tool.called", { name: "policy", handle: () => undefined }),
    (hooks) => hooks.gate("tool.called", { name: "person", handle: () => ask("Pay?") }),
  ];
  for (const [index, register] of gates.entries()) {
    for (let last = 1, isAborted = true; isAborted; last++) {
      const controller = new AbortController();
      const { signal } = controller;
      let accesses = 0;
      let isCalled = false;
      const inner = memoryStore();
      const access = async <Result>(result: Promise<Result>): Promise<Result> => {
        const value = await result;
        if (isCalled && ++accesses === last) controller.abort();
        return value;
      };
      const store: Store = {
        ...bindStore(inner),
        getMany: (keys) => access(inner.getMany(keys)),
        atomic() {
          const operation = inner.atomic();
          const { commit } = operation;
          operation.commit = () => access(commit.call(operation));
          return operation;
        },
      };
      const outbox = createOutbox(store, { logger: silentLogger });
      const onAsk = () => ({ decision: "allow" as const });
      const { hooks, types } = start({ outbox, gates: { onAsk } });
      register(hooks);
      const options = { sessionId: "s-1", callId: "c-1", signal };
      let hasRun = false;
      const run = () => {
        isCalled = false;
        hasRun = true;
        assert.equal(signal.aborted, false, `gates ${index}, access ${last}`);
      };
      isCalled = true;
      await hooks.call("pay", {}, run, options).catch(() => {});
      isCalled = false;
      isAborted = signal.aborted;
      assert.equal(hasRun, !isAborted, `gates ${index}, access ${last}`);
      await hooks.close();
      const count = (type: string) => types().filter((other) => other === type).length;
      assert.equal(
        count("tool.called"),
        count("tool.completed"),
        `gates ${index}, access ${last}: ${types()}`,
      );
    }
  }
});

test("a signal that aborts while the tool runs loses no tool.completed and no result", async () => {
  const { hooks, types } = start();
  hooks.gate("tool.*", { name: "policy", handle: () => undefined });
  const controller = new AbortController();
  const run = (): string => {
    controller.abort();
    return "done";
  };
  assert.equal(await hooks.call("bash", {}, run, { signal: controller.signal }), "done");
  assert.deepEqual(types().filter((type) => type === "tool.completed"), ["tool.completed"]);
});

test("malformed verdicts fail, in every form", async () => {
  const values: readonly (() => unknown)[] = [
    () => ({
      get decision(): never {
        throw new Error("boom");
      },
    }),
    () => allow(5 as never),
    () => allow("x", { context: 1n as never }),
    () => ask(""),
    () => ask("?", { expiresIn: NaN }),
    () => ask("?", { allow: ["maybe" as never] }),
    () => ({ decision: "ask" }),
  ];
  for (const value of values) {
    for (const handle of [value, () => Promise.resolve().then(value)]) {
      const { hooks, dataOf } = start();
      hooks.gate("tool.called", { name: "policy", handle: handle as never });
      assert.equal((await hooks.decide("tool.called", { name: "bash" })).decision, "deny");
      const [gate] = dataOf("gate.decided").gates as readonly GateRecord[];
      assert.equal(gate!.verdict, "failed", String(value));
    }
  }
});

test("a deny applies even if other fields are invalid, and isn't a failure", async () => {
  const denials: readonly (() => unknown)[] = [
    () => deny(undefined as never),
    () => deny(null as never),
    () => deny(new Error("no") as never),
    () => deny("no", { context: null as never, internal: 1n as never, interrupt: "yes" as never }),
    () => ({ decision: "deny", reason: null }),
    () => ({ decision: "deny", reason: "no", expiresIn: "1h", allow: 5, data: { name: "bash" } }),
  ];
  for (const kind of ["check", "rewrite"] as const) {
    for (const handle of denials) {
      const { hooks, dataOf } = start();
      const gate = { name: "policy", kind, onFailure: "allow", handle } as never;
      hooks.gate("tool.called", gate);
      const decision = await hooks.decide("tool.called", { name: "bash", params: {} });
      assert.deepEqual(
        [decision.decision, decision.gates[0]!.failure],
        ["deny", undefined],
        `${kind}: ${handle}`,
      );
      assert.match(String(dataOf("tool.denied").reason), /^(no|Denied by a gate)$/);
    }
  }
});

test("a rewrite can't forge a decision, return one as data, or remove the parameters", async () => {
  const rewrites: readonly object[] = [
    { name: "bash", params: {}, decision_id: "FORGED" },
    { decision: "allow", reason: "plain" },
    { name: "bash" },
  ];
  for (const data of rewrites) {
    const { hooks } = start();
    hooks.gate("tool.called", { name: "a", kind: "rewrite", handle: () => data as never });
    const decision = await hooks.decide("tool.called", { name: "bash", params: {} });
    assert.deepEqual([decision.decision, decision.gates[0]!.failure], ["deny", "invalid"]);
  }
  const { hooks, dataOf } = start();
  hooks.gate("tool.called", { name: "a", handle: () => undefined });
  const { id } = await hooks.decide("tool.called", { name: "bash", decision_id: "FORGED" });
  assert.equal(dataOf("tool.called").decision_id, id);
});

test("a rewrite's misspelled denial of any event is a failure, and never its new data", async () => {
  const message = { role: "user", content: "my key is sk-1" };
  const misspelled: readonly unknown[] = [
    { decision: "DENY" },
    { decision: "block", reason: "no" },
    { ...message, decision: "denied" },
    { ...message, decision: { behavior: "deny" } },
    "deny",
    false,
    ["deny"],
    { toJSON: () => "deny" },
  ];
  const noMessage: readonly unknown[] = [{ permissionDecision: "deny" }, { deny: true }, {}];
  const events = [
    ["message.received", [...misspelled, ...noMessage]],
    ["message.sent", [...misspelled, ...noMessage]],
    ["payment.requested", misspelled],
  ] as const;
  for (const [type, values] of events) {
    for (const value of values) {
      for (const onFailure of ["deny", "allow"] as const) {
        const { hooks } = start();
        const handle = () => value as never;
        hooks.gate(type as "message.sent", { name: "a", kind: "rewrite", onFailure, handle });
        const { decision, data, gates } = await hooks.decide(type as "message.sent", message);
        const said = [decision, data, gates[0]!.failure];
        assert.deepEqual(
          said,
          [onFailure, message, "invalid"],
          `${type}: ${JSON.stringify(value)}`,
        );
      }
    }
  }
  // An event that has such a field may get another value.
  const hooks = createHooks<{ "payment.requested": { readonly decision: string } }>();
  const handle = () => ({ decision: "refund" });
  hooks.gate("payment.requested", { name: "a", kind: "rewrite", handle });
  const decided = await hooks.decide("payment.requested", { decision: "charge" });
  assert.deepEqual([decided.decision, decided.data], ["allow", { decision: "refund" }]);
});

test("tool.denied names the gate that denied, not one in shadow mode", async () => {
  const { hooks, dataOf } = start();
  hooks.gate("tool.called", { name: "shadow", mode: "shadow", handle: () => deny("no") });
  hooks.gate("tool.called", {
    name: "failing",
    onFailure: "allow",
    handle: () => ({ decision: "Deny" }) as never,
  });
  hooks.gate("tool.called", { name: "policy", handle: () => deny("no") });
  await hooks.decide("tool.called", { name: "bash" });
  assert.equal(dataOf("tool.denied").gate, "policy");
});

test("a gate that returns after its timeout is recorded as late, and changes nothing", async () => {
  const { hooks, dataOf, types } = start();
  let slow!: (verdict: ReturnType<typeof deny>) => void;
  let other!: () => void;
  const timedOut = new Promise<void>((resolve) => {
    hooks.gate("tool.called", {
      name: "slow",
      timeout: 5,
      onFailure: "allow",
      handle: (_, { signal }) => {
        signal.addEventListener("abort", () => resolve());
        return new Promise((resolve) => slow = resolve);
      },
    });
  });
  hooks.gate("tool.called", {
    name: "other",
    timeout: 30_000,
    handle: () => new Promise<undefined>((resolve) => other = () => resolve(undefined)),
  });
  const decided = hooks.decide("tool.called", { name: "bash" });
  await timedOut;
  slow(deny("Too late"));
  await new Promise((resolve) => setTimeout(resolve, 0)); // the late result comes first
  other();
  assert.equal((await decided).decision, "allow");
  const [record] = dataOf("gate.decided").gates as readonly GateRecord[];
  assert.deepEqual([record!.verdict, record!.failure, record!.late], ["failed", "timeout", true]);
  assert.match(record!.internal!, /^took longer than 5 ms, and returned 'deny' after \d+ ms$/);
  assert.ok(!types().includes("gate.late"));
  await hooks.close();
});

test("a gate that returns after the decision emits gate.late with its verdict", async () => {
  for (const outbox of [undefined, createOutbox(memoryStore())]) {
    const { hooks } = start(outbox && { outbox });
    const late = new Promise<HookEvent>((resolve) => hooks.once("gate.late", resolve as never));
    let respond!: (verdict: ReturnType<typeof deny>) => void;
    hooks.gate("tool.called", {
      name: "slow",
      timeout: 5,
      onFailure: "allow",
      handle: () => new Promise((resolve) => respond = resolve),
    });
    const call = { name: "bash", call_id: "c-1", params: {} };
    const { id, decision } = await hooks.decide("tool.called", call, { sessionId: "s-1" });
    assert.equal(decision, "allow");
    respond(deny("Too late", { internal: "rule 7" }));
    const { data, sessionId } = await late;
    const { duration_ms, ...rest } = data as Readonly<Record<string, unknown>>;
    assert.ok(Number(duration_ms) >= 0);
    assert.equal(sessionId, "s-1");
    assert.deepEqual(rest, {
      decision_id: id,
      event_type: "tool.called",
      name: "bash",
      call_id: "c-1",
      gate: "slow",
      verdict: "deny",
      failure: "timeout",
      reason: "Too late",
      internal: "rule 7",
    });
    await hooks.close();
  }
});

test("a late result that can't be read is recorded as a failure", async () => {
  const { hooks } = start();
  const late = new Promise<HookEvent>((resolve) => hooks.once("gate.late", resolve as never));
  let respond!: (verdict: unknown) => void;
  hooks.gate("tool.called", {
    name: "slow",
    timeout: 5,
    handle: () => new Promise<never>((resolve) => respond = resolve as never),
  });
  await hooks.decide("tool.called", { name: "bash" });
  respond({
    get decision(): never {
      throw new Error("no verdict");
    },
  });
  const { verdict, internal } = (await late).data as Readonly<Record<string, unknown>>;
  assert.deepEqual([verdict, internal], ["failed", "no verdict"]);
  await hooks.close();
});

test("a gate that returns after close() emits nothing", async () => {
  const errors: unknown[] = [];
  const { hooks, types } = start({ onError: (error: unknown) => void errors.push(error) });
  let respond!: (verdict: ReturnType<typeof deny>) => void;
  hooks.gate("tool.called", {
    name: "slow",
    timeout: 5,
    handle: () => new Promise((resolve) => respond = resolve),
  });
  assert.equal((await hooks.decide("tool.called", { name: "bash" })).decision, "deny");
  await hooks.close();
  respond(deny("Too late"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual([errors, types().includes("gate.late")], [[], false]);
});

test("an observer that never ends delays no tool", async () => {
  const { hooks } = start({ closeTimeout: 1 });
  hooks.on(["tool.called", "gate.decided"], () => new Promise<never>(() => {}));
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  assert.equal((await hooks.decide("tool.called", { name: "bash" })).decision, "allow");
  await hooks.close().catch(() => {});
});

test("an observer that can't be opened keeps no tool from running, with an outbox or without", async () => {
  for (const init of [() => Promise.reject(new Error("no disk")), () => new Promise(() => {})]) {
    for (const outbox of [undefined, createOutbox(memoryStore())]) {
      const { hooks } = start({ closeTimeout: 1000, ...(outbox && { outbox }) });
      hooks.gate("tool.called", { name: "policy", handle: () => allow() });
      hooks.use({ name: "audit", events: ["*"], init: init as () => Promise<void>, handle() {} });
      assert.equal(await hooks.call("bash", { command: "ls" }, bash), "ran ls");
      const { items = [] } = await outbox?.listEvents() ?? {};
      const stored = items.map(({ event: { type } }) => type).sort();
      if (outbox) assert.deepEqual(stored, ["gate.decided", "tool.called", "tool.completed"]);
      await hooks.close().catch(() => {});
    }
  }
});

/** An outbox on a store that has a webhook, and what connects hooks to it; `read` may keep it from being read. */
async function withStoredWebhook(read: () => void = () => {}) {
  const inner = memoryStore();
  const encryptionKey = generateEncryptionKey();
  const audit = { name: "audit", events: ["*"], url: "https://93.184.216.34/" };
  await webhookStore(inner, { encryptionKey }).create(audit);
  const store: Store = {
    ...bindStore(inner),
    getMany(keys: readonly StoreKey[]) {
      if (keys.some((key) => key.includes("webhooks"))) read();
      return inner.getMany(keys);
    },
  };
  const outbox = createOutbox(store, { logger: silentLogger });
  const send = () => Promise.resolve(new Response());
  const connect = (hooks: Hooks) =>
    webhookStore(store, { encryptionKey, fetch: send }).connect(hooks);
  const targets = async () => {
    const { items } = await outbox.listEvents();
    const found = items.map(({ event, targets }) => `${event.type} to ${targets}`);
    return found.sort();
  };
  return { outbox, connect, targets };
}

test("stored webhooks receive the first decision and the first call, whatever other hooks do", async () => {
  const inits = [() => {}, () => Promise.reject(new Error("no disk")), () => new Promise(() => {})];
  for (const init of inits) {
    const { outbox, connect, targets } = await withStoredWebhook();
    const open = () => {
      const { hooks } = start({ closeTimeout: 1000, outbox });
      hooks.use({ name: "before", events: ["*"], init, handle() {} });
      connect(hooks);
      hooks.use({ name: "after", events: ["*"], init, handle() {} });
      return hooks;
    };
    const first = open();
    first.gate("tool.called", { name: "policy", handle: () => allow() });
    assert.equal((await first.decide("tool.called", { name: "bash" })).decision, "allow");
    await first.close().catch(() => {});
    assert.deepEqual(await targets(), ["gate.decided to audit", "tool.called to audit"]);
    const second = open();
    assert.equal(await second.call("bash", { command: "ls" }, bash), "ran ls");
    await until(async () => (await targets()).length === 4);
    await second.close().catch(() => {});
    assert.equal((await targets()).filter((one) => one.endsWith(" to audit")).length, 4);
  }
});

test("stored webhooks that a decision loaded stay registered even if another hook can't be opened", async () => {
  const { outbox, connect, targets } = await withStoredWebhook();
  const { hooks } = start({ outbox });
  hooks.gate("tool.called", { name: "policy", handle: () => allow() });
  const failing = () => Promise.reject(new Error("no disk"));
  hooks.use({ name: "flaky", events: ["*"], init: failing, handle() {} });
  connect(hooks);
  for (let i = 0; i < 3; i++) {
    await hooks.decide("tool.called", { name: "bash" });
    await assert.rejects(hooks.init(), { code: "hook_init_failed" });
  }
  assert.equal((await targets()).filter((one) => one.endsWith(" to audit")).length, 6);
  await hooks.close();
});

test("while stored webhooks can't be read, decisions are denied, and unobserved events are reported", async () => {
  let isBroken = true;
  const { outbox, connect, targets } = await withStoredWebhook(() => {
    if (isBroken) throw new TypeError("unreadable");
  });
  const errors: unknown[] = [];
  const { hooks } = start({ outbox, onError: (error) => void errors.push(error) });
  connect(hooks);
  assert.equal(await hooks.call("bash", { command: "ls" }, bash), "ran ls");
  await until(() => errors.length === 2); // of tool.called and tool.completed
  hooks.gate("tool.called", { name: "policy", handle: () => allow() });
  const { decision, reason } = await hooks.decide("tool.called", { name: "bash" });
  assert.deepEqual([decision, reason], ["deny", "The decision could not be recorded (store)"]);
  assert.deepEqual(await targets(), []);
  isBroken = false;
  assert.equal((await hooks.decide("tool.called", { name: "bash" })).decision, "allow");
  assert.deepEqual(await targets(), ["gate.decided to audit", "tool.called to audit"]);
  await hooks.close();
});

test("a hook receives the decisions made before it was opened", async () => {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => open = resolve);
  const received: string[] = [];
  const { hooks } = start({ outbox: createOutbox(memoryStore()) });
  hooks.gate("tool.called", { name: "policy", handle: () => allow() });
  hooks.use({
    name: "audit",
    events: ["*"],
    init: () => opened,
    handle: ({ type }) => void received.push(type),
  });
  assert.equal(await hooks.call("bash", { command: "ls" }, bash), "ran ls");
  assert.deepEqual(received, []);
  open();
  await hooks.close();
  assert.deepEqual(received.toSorted(), ["gate.decided", "tool.called", "tool.completed"]);
});

test("a hook that can't be opened is reported when it misses a decision", async () => {
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const { hooks } = start({ outbox: createOutbox(memoryStore()), onError });
  hooks.gate("tool.called", { name: "policy", handle: () => allow() });
  hooks.use({
    name: "audit",
    events: ["*"],
    init: () => Promise.reject(new Error("no disk")),
    handle() {},
  });
  assert.equal((await hooks.decide("tool.called", { name: "bash" })).decision, "allow");
  await hooks.close();
  assert.match(String(errors[0]), /no disk|audit/);
});

test("filters that don't return a boolean fail, and unknown options of call() are errors", async () => {
  for (const filter of [() => Promise.resolve(false), () => undefined]) {
    const { hooks } = start();
    hooks.gate("tool.called", { name: "a", filter: filter as never, handle: () => allow() });
    assert.equal((await hooks.decide("tool.called", { name: "bash" })).decision, "deny");
  }
  const { hooks } = start();
  const options = { throwOnDenied: true } as never;
  await assert.rejects(
    hooks.call("bash", { command: "ls" }, bash, options),
    /Did you mean 'throwOnDeny'/,
  );
});

test("gate() rejects invalid gates, and a name that is taken", () => {
  const { hooks } = start();
  const gate = { name: "a", handle: () => undefined };
  hooks.gate("tool.called", gate);
  const cases: readonly (readonly [gate: object, message: RegExp])[] = [
    [gate, /the name is taken by another gate/],
    [{ ...gate, name: "" }, /'name' must be/],
    [{ ...gate, name: "b", kind: "chek" }, /'kind' must be "check" or "rewrite", got "chek"/],
    [{ ...gate, name: "b", onFailure: "open" }, /'onFailure' must be/],
    [{ ...gate, name: "b", mode: "dry" }, /'mode' must be/],
    [{ ...gate, name: "b", timeout: 0 }, /'timeout' must be at least 1 ms, got 0/],
    [{ ...gate, name: "b", handle: undefined }, /'handle' must be a function/],
    [
      { ...gate, name: "b", onfailure: "allow" },
      /unknown option 'onfailure'. Did you mean 'onFailure'/,
    ],
  ];
  for (const [wrong, message] of cases) {
    assert.throws(() => hooks.gate("tool.called", wrong as never), { message }, String(message));
  }
  assert.throws(
    () => createHooks({ gates: { require: ["a"] } as never }),
    /Did you mean 'required'/,
  );
});
