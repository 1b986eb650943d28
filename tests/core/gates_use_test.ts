/**
 * Gates as options: `withGate`, gate objects, what a rewrite may return, and the circuit breaker.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, DispatchError, type HookEvent, type HooksOptions } from "@omniagent/hooks";
import { allow, ask, deny, GateError, type GateRecord, withGate } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { mock, test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

function start(options: HooksOptions = {}) {
  return createHooks({ logger: silentLogger, ...options });
}

const CALL = { name: "bash", params: { command: "ls" } };

test("use() and the use option register what withGate() returns, and gate objects with a kind", async () => {
  const policy = withGate("tool.called", {
    name: "policy",
    handle: ({ data }) => data.name === "rm" ? deny("No deletions") : undefined,
  });
  const hooks = start({ use: [policy] });
  assert.equal((await hooks.decide("tool.called", { name: "rm" })).reason, "No deletions");
  const [off] = hooks.use({
    name: "closed",
    events: ["tool.*", "message.received"],
    kind: "check",
    handle: () => deny("Closed"),
  });
  assert.equal((await hooks.decide("tool.called", CALL)).reason, "Closed");
  off!();
  assert.equal((await hooks.decide("tool.called", CALL)).decision, "allow");
  await hooks.close();
});

test("a gate object that is a class keeps its 'this'", async () => {
  class Closed {
    readonly name = "closed";
    readonly events = ["tool.called"];
    readonly kind = "check";
    readonly #reason = "Closed";

    handle() {
      return deny(this.#reason);
    }
  }
  const hooks = start({ use: [new Closed()] });
  assert.equal((await hooks.decide("tool.called", CALL)).reason, "Closed");
});

test("use() registers all of its gates, or none", async () => {
  const hooks = start();
  const gate = { name: "policy", kind: "check" as const, events: ["tool.called"] };
  assert.throws(
    () => hooks.use({ ...gate, handle: () => deny("no") }, { ...gate, handle: () => undefined }),
    /Cannot register gate 'policy': the name is taken by another gate/,
  );
  assert.equal((await hooks.decide("tool.called", CALL)).decision, "allow");
});

test("use() rejects a gate object without its kind, which would only observe", () => {
  const gate = { name: "policy", events: ["tool.called"], handle: () => deny("no") };
  const hooks = start();
  for (const more of [{ onFailure: "deny" }, { mode: "enforce" }, { kind: "checks" }]) {
    assert.throws(() => hooks.use({ ...gate, ...more } as never), {
      name: "TypeError",
      message: `Cannot use this gate: it has '${
        Object.keys(more)[0]
      }', but its 'kind' is not "check" or "rewrite"`,
    });
  }
  assert.throws(() => hooks.use({ kind: "gate", events: ["*"], gate, name: "x" } as never), {
    message: /Cannot use this gate: unknown option 'name'/,
  });
});

test("a handler that returns a decision fails, since only gates decide", async () => {
  const errors: unknown[] = [];
  const hooks = start({ onError: (error) => void errors.push(error) });
  hooks.on("tool.called", () => deny("No"), { name: "sync" });
  hooks.on("tool.called", () => Promise.resolve(allow()), { name: "async" });
  hooks.use({ name: "policy", events: ["tool.called"], handle: async () => await ask("May I?") });
  const result = await hooks.call("bash", {}, () => "it ran");
  assert.equal(result, "it ran", "handlers never change the outcome");
  const [first] = errors.map(String);
  assert.match(first!, /^TypeError: A handler returned a decision, but only gates decide/);
  const outcome = await hooks.emit("tool.called", CALL).catch((error: unknown) => error);
  assert.ok(outcome instanceof DispatchError);
  assert.deepEqual(outcome.failures.map(({ name }) => name), ["sync", "async", "policy"]);
  await hooks.close();
  assert.deepEqual(errors.map(String), Array(6).fill(first));
});

test("allow() with data rewrites, and gives a reason and context as well", async () => {
  const hooks = start();
  const records: GateRecord[] = [];
  hooks.on("gate.*", (event) => {
    records.push(...(event.data as unknown as { readonly gates: readonly GateRecord[] }).gates);
  });
  hooks.gate("tool.called", {
    name: "dry-run",
    kind: "rewrite",
    handle: ({ data }) =>
      allow("made harmless", {
        context: "It was a dry run",
        data: { ...data, params: { command: "ls --dry-run" } },
      }),
  });
  const decision = await hooks.decide("tool.called", CALL);
  assert.deepEqual(decision.data.params, { command: "ls --dry-run" });
  assert.deepEqual([decision.reason, decision.context], ["made harmless", "It was a dry run"]);
  assert.deepEqual(
    [records[0]!.verdict, records[0]!.reason],
    ["rewritten", "made harmless"],
  );
});

test("a check that returns data is a failure, since the call would run unchanged", async () => {
  const hooks = start();
  hooks.gate("tool.called", { name: "mask", handle: () => allow("", { data: CALL }) });
  const decision = await hooks.decide("tool.called", CALL);
  assert.deepEqual([decision.decision, decision.gates[0]!.failure], ["deny", "invalid"]);
});

test("a gate that throws a revoked proxy fails like any other", async () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  for (const member of ["handle", "filter"] as const) {
    for (const isAsync of [false, true]) {
      const hooks = start();
      const fail = () => {
        throw proxy;
      };
      hooks.gate("tool.called", {
        name: "policy",
        mode: "shadow",
        handle: () => undefined,
        [member]: isAsync && member === "handle" ? () => Promise.reject(proxy) : fail,
      });
      const { decision, gates } = await hooks.decide("tool.called", CALL);
      assert.deepEqual([decision, gates[0]!.failure], ["allow", "error"]);
      await hooks.close();
    }
  }
});

test("a gate that throws a GateError fails with its code, and its message is not shown", async () => {
  for (const failure of ["unreachable", "status", "invalid", "too_large"] as const) {
    const hooks = start();
    hooks.gate("tool.called", {
      name: "remote",
      handle: () => {
        throw new GateError(failure, "10.0.0.7 refused");
      },
    });
    const decision = await hooks.decide("tool.called", CALL);
    assert.equal(decision.gates[0]!.failure, failure);
    assert.equal(decision.reason, `Gate 'remote' failed (${failure})`);
    assert.doesNotMatch(JSON.stringify(decision), /10\.0\.0\.7/);
  }
});

test("a gate that is unreachable five times in a row is not called for five seconds, and denies", async () => {
  mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  try {
    const hooks = start();
    const records: GateRecord[] = [];
    hooks.on("gate.*", (event) => void records.push(recordIn(event)));
    let calls = 0;
    let isUp = false;
    hooks.gate("tool.called", {
      name: "remote",
      handle: () => {
        calls++;
        if (!isUp) throw new GateError("unreachable", "refused");
        return allow();
      },
    });
    const decide = async () => (await hooks.decide("tool.called", CALL)).decision;
    for (let n = 0; n < 8; n++) assert.equal(await decide(), "deny");
    assert.equal(calls, 5);
    assert.deepEqual([records.at(-1)!.failure, records.at(-1)!.internal], [
      "unreachable",
      "was not called: it failed 5 times in a row (unreachable), and is tried again in 5000 ms",
    ]);
    mock.timers.tick(5_000);
    assert.equal(await decide(), "deny");
    assert.equal(await decide(), "deny");
    assert.equal(calls, 6, "one call tries it");
    isUp = true;
    mock.timers.tick(5_000);
    assert.equal(await decide(), "allow");
    assert.equal(await decide(), "allow");
    assert.equal(calls, 8);
  } finally {
    mock.timers.reset();
  }
});

test("a gate with onFailure 'allow' is always called, since it may deny again", async () => {
  const hooks = start();
  let calls = 0;
  hooks.gate("tool.called", {
    name: "remote",
    onFailure: "allow",
    handle: () => {
      if (++calls <= 20) throw new GateError("unreachable", "refused");
      return deny("no");
    },
  });
  for (let n = 0; n < 20; n++) {
    assert.equal((await hooks.decide("tool.called", CALL)).decision, "allow");
  }
  assert.equal((await hooks.decide("tool.called", CALL)).decision, "deny");
});

test("errors and invalid verdicts don't open the circuit breaker", async () => {
  const hooks = start();
  hooks.gate("tool.called", {
    name: "policy",
    handle: ({ data }) => {
      if (data.name !== "ls") throw new Error("cannot parse");
      return undefined;
    },
  });
  for (let n = 0; n < 20; n++) await hooks.decide("tool.called", { name: "bash" });
  assert.equal((await hooks.decide("tool.called", { name: "ls" })).decision, "allow");
});

test("a call is decided again after a gate was unreachable", async () => {
  const hooks = start();
  let isUp = false;
  hooks.gate("tool.called", {
    name: "remote",
    handle: () => {
      if (!isUp) throw new GateError("unreachable", "refused");
      return undefined;
    },
  });
  const call = { ...CALL, call_id: "c-1" };
  assert.equal((await hooks.decide("tool.called", call)).decision, "deny");
  isUp = true;
  assert.equal((await hooks.decide("tool.called", call)).decision, "allow");
});

function recordIn(event: HookEvent): GateRecord {
  return (event.data as { readonly gates: readonly GateRecord[] }).gates[0]!;
}

test("a schema that never validates what a rewrite returned ends with the decision, which denies", async () => {
  const schema = {
    "~standard": {
      version: 1 as const,
      vendor: "test",
      validate: (value: unknown) =>
        (value as { readonly result?: string }).result === undefined
          ? { value: value as never }
          : new Promise<never>(() => {}),
    },
  };
  const hooks = start({ gates: { timeout: 5 }, schemas: { "tool.called": schema } });
  hooks.gate("tool.called", {
    name: "rewrite",
    kind: "rewrite",
    onFailure: "allow",
    handle: ({ data }) => ({ ...data, result: "x" }) as never,
  });
  const { decision, gates } = await hooks.decide("tool.called", CALL);
  assert.deepEqual([decision, gates[0]!.failure], ["deny", "timeout"]);
  await hooks.close();
});

test("a schema that never validates a payload ends with the decision's timeout, and nothing runs", async () => {
  const schema = {
    "~standard": { version: 1, vendor: "test", validate: () => new Promise<never>(() => {}) },
  } as const;
  const hooks = start({ gates: { timeout: 5 }, schemas: { "tool.called": schema } });
  hooks.gate("tool.called", { name: "policy", handle: () => allow() });
  const run = () => assert.fail("the tool ran");
  await assert.rejects(
    hooks.call("bash", {}, run),
    /Cannot dispatch 'tool.called': its schema did not respond within 5 ms/,
  );
});

test("a schema that never validates what is stored ends with the decision's timeout, and nothing runs", async () => {
  const hangs = (data: unknown): boolean => "decision_id" in (data as object);
  const schema = {
    "~standard": {
      version: 1 as const,
      vendor: "test",
      validate: (value: unknown) =>
        hangs(value) ? new Promise<never>(() => {}) : { value: value as never },
    },
  };
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = start({ outbox, gates: { timeout: 5 }, schemas: { "tool.called": schema } });
  hooks.gate("tool.called", { name: "policy", handle: () => allow() });
  const run = () => assert.fail("the tool ran");
  await assert.rejects(
    hooks.call("bash", {}, run),
    /Cannot dispatch a batch: \[0\]: its schema did not respond within 5 ms/,
  );
  assert.deepEqual((await outbox.listEvents()).items, []);
  await hooks.close();
});

test("a schema that never validates what a person edited ends the wait, and nothing runs", async () => {
  let isHanging = false;
  const schema = {
    "~standard": {
      version: 1 as const,
      vendor: "test",
      validate: (value: unknown) =>
        isHanging && "decision_id" in (value as object)
          ? new Promise<never>(() => {})
          : { value: value as never },
    },
  };
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = start({ outbox, gates: { timeout: 5 }, schemas: { "tool.called": schema } });
  const question = () => ask("Pay?", { allow: ["allow", "edit"] });
  hooks.gate("tool.called", { name: "approve", handle: question });
  const asked = await hooks.decide("tool.called", { name: "pay", params: { amount: 5 } });
  assert.ok(asked.decision === "ask");
  isHanging = true;
  const data = { name: "pay", params: { amount: 1 } };
  await hooks.asks.resolve(asked.askId, { decision: "edit", data, by: "ada" });
  const { decision, reason } = await asked.wait();
  assert.deepEqual([decision, reason], ["deny", "The decision could not be recorded (store)"]);
  await hooks.close();
});

test("a decision that a verdict leaves out doesn't come from a polluted prototype", async () => {
  const hooks = start();
  hooks.gate("tool.called", { name: "policy", handle: () => ({ reason: "No" }) as never });
  Object.defineProperty(Object.prototype, "decision", { value: "allow", configurable: true });
  try {
    assert.equal((await hooks.decide("tool.called", CALL)).decision, "deny");
  } finally {
    delete (Object.prototype as { decision?: string }).decision;
  }
  await hooks.close();
});

test("an undefined value doesn't disable a safety option", () => {
  for (const gates of [undefined, null, { required: undefined }, { required: null }]) {
    assert.throws(() => start({ gates } as never), TypeError, JSON.stringify(gates));
  }
});

test("call() reads its options once: they can be reused while the tool runs", async () => {
  const hooks = createHooks({ logger: silentLogger });
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const ended: unknown[] = [];
  hooks.on("tool.completed", ({ sessionId, data }) => void ended.push([sessionId, data.call_id]));
  const options = { sessionId: "alice", callId: "c-1", signal: new AbortController().signal };
  const { signal } = options;
  await hooks.call("read", {}, (_, context) => {
    Object.assign(options, { sessionId: "bob", callId: "c-2", signal: AbortSignal.abort() });
    assert.equal(context.signal, signal);
  }, options);
  assert.deepEqual(ended, [["alice", "c-1"]]);
  await hooks.close();
});

test("asks.resolve() reads the response at the call", async () => {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = createHooks({ logger: silentLogger, outbox });
  hooks.gate("tool.called", { name: "approval", handle: () => ask("List?") });
  const decision = await hooks.decide("tool.called", CALL);
  assert.ok(decision.decision === "ask");
  const response = { decision: "deny" as "allow" | "deny", by: "ada" };
  const resolved = hooks.asks.resolve(decision.askId, response);
  Object.assign(response, { decision: "allow", by: "eve" });
  const { state, by } = await resolved;
  assert.deepEqual([state, by], ["denied", "ada"]);
  await hooks.close();
});
