import assert from "node:assert/strict";
import fc from "../../support/fast_check.ts";
import { type Gate, listGates, readGate } from "../../../src/core/gates/gate.ts";
import type { GateOutcome } from "../../../src/core/gates/merge_verdicts.ts";
import { type GateRun, runGates } from "../../../src/core/gates/run_gates.ts";
import { allow, ask, deny, type Verdict } from "../../../src/core/gates/verdict.ts";
import { snapshotOf } from "../../../src/core/snapshot.ts";
import type { HookEvent } from "../../../src/core/events.ts";
import { Recorder } from "../../../src/core/recorder.ts";
import { Reporter } from "../../../src/core/reporter.ts";
import { systemClock } from "../../../src/internal/clock.ts";
import { test } from "../../support/harness.ts";
import { silentLogger } from "../../support/silent_logger.ts";

const recorder = new Recorder({}, new Reporter(silentLogger));

type Options = Partial<Omit<GateRun, "gates" | "event">>;

const DATA = { name: "bash", call_id: "c-1", params: { command: "ls" } };

test("without gates, an event is allowed with its data as it was", async () => {
  const outcome = await run([]);
  assert.equal(outcome.decision, "allow");
  assert.deepEqual(outcome.data, DATA);
  assert.deepEqual(outcome.gates, []);
});

test("rewrites run one after the other, each on the result of the one before; checks see the last", async () => {
  const seen: unknown[] = [];
  const add = (name: string): Gate<HookEvent> => ({
    name,
    kind: "rewrite",
    handle: ({ data }) => with_(data, { command: `${commandOf(data)} ${name}` }),
  });
  const outcome = await run([
    add("a"),
    see("check", (data) => void seen.push(commandOf(data))),
    add("b"),
  ]);
  assert.deepEqual(seen, ["ls a b"]);
  assert.equal(commandOf(outcome.data), "ls a b");
  assert.deepEqual(outcome.gates.map(({ name, verdict }) => `${name} ${verdict}`), [
    "a rewritten",
    "b rewritten",
    "check none",
  ]);
});

test("a rewrite that returns nothing keeps what an earlier one made", async () => {
  const outcome = await run([
    { name: "a", kind: "rewrite", handle: ({ data }) => with_(data, { command: "x" }) },
    { name: "b", kind: "rewrite", handle: () => undefined },
  ]);
  assert.equal(commandOf(outcome.data), "x");
});

test("data that a gate is given is frozen, and what it returns is copied", async () => {
  const mine = { ...DATA, params: { command: "x" } };
  const outcome = await run([
    { name: "a", kind: "rewrite", handle: () => mine },
    see("b", (data) => {
      assert.throws(() => (data as { name: string }).name = "other", TypeError);
      mine.params.command = "changed later";
    }),
  ]);
  assert.equal(commandOf(outcome.data), "x");
});

test("a rewrite can't change the name, the call or the session; nothing of it is applied", async () => {
  for (const change of [{ name: "other" }, { call_id: "c-2" }, { session_id: "s-2" }]) {
    const outcome = await run([
      { name: "a", kind: "rewrite", handle: ({ data }) => ({ ...data as object, ...change }) },
    ]);
    assert.equal(outcome.decision, "deny");
    assert.equal(outcome.gates[0]!.failure, "invalid");
    assert.deepEqual(outcome.data, DATA);
  }
});

test("a rewrite that doesn't fit the schema, or JSON, fails by its onFailure", async () => {
  const validate = ({ data }: HookEvent) =>
    commandOf(data) === "bad" ? [{ message: "must be good" }] : [];
  const bad = (name: string, command: unknown, onFailure: "deny" | "ask" | "allow") =>
    ({ name, kind: "rewrite", onFailure, handle: ({ data }) => with_(data, { command }) }) as Gate<
      HookEvent
    >;
  for (const command of ["bad", 1n, NaN]) {
    for (const onFailure of ["deny", "ask", "allow"] as const) {
      const outcome = await run([bad("a", command, onFailure)], { validate });
      assert.equal(outcome.decision, onFailure);
      assert.equal(outcome.gates[0]!.failure, "invalid");
      assert.deepEqual(outcome.data, DATA);
    }
  }
});

test("deny outranks ask, ask outranks allow, and allow outranks no opinion", async () => {
  const verdicts: readonly (Verdict | undefined)[] = [
    undefined,
    allow("fine"),
    ask("really?"),
    deny("first"),
    deny("second"),
  ];
  for (let count = 1; count <= verdicts.length; count++) {
    const outcome = await run(
      verdicts.slice(0, count).map((verdict, i) => ({ name: `g${i}`, handle: () => verdict })),
    );
    assert.equal(outcome.decision, ["allow", "allow", "ask", "deny", "deny"][count - 1]);
    assert.equal(
      outcome.verdict?.reason,
      [undefined, "fine", "really?", "first", "first"][count - 1],
    );
    assert.equal(outcome.gates.length, count, "all run");
  }
});

test("anything but a well-formed verdict is a failure, never no opinion", async () => {
  const values: readonly unknown[] = [
    true,
    "deny",
    { decision: "block" },
    { decision: "Deny" },
    {},
    [],
    { decision: "allow", reason: 5 },
    0,
  ];
  for (const value of values) {
    for (const result of [value, Promise.resolve(value)]) {
      const outcome = await run([{ name: "a", handle: () => result as Verdict }]);
      assert.equal(outcome.decision, "deny", String(value));
      assert.equal(outcome.gates[0]!.failure, "invalid");
      assert.equal(outcome.verdict!.reason, "Gate 'a' failed (invalid)");
    }
  }
});

test("a gate that throws or rejects, or whose filter throws, fails by its onFailure", async () => {
  const boom = () => {
    throw new Error("boom");
  };
  for (const onFailure of ["deny", "ask", "allow"] as const) {
    for (
      const gate of [
        { handle: boom },
        { handle: () => Promise.reject(new Error("boom")) },
        { filter: boom, handle: () => undefined },
      ]
    ) {
      const outcome = await run([{ name: "a", onFailure, ...gate }]);
      assert.equal(outcome.decision, onFailure);
      assert.deepEqual([outcome.gates[0]!.failure, outcome.gates[0]!.internal], ["error", "boom"]);
      assert.doesNotMatch(outcome.verdict?.reason ?? "", /boom/);
    }
  }
});

test("a gate that takes too long fails, its signal aborts, and its late verdict is ignored", async () => {
  const clock = new ManualClock();
  let signal: AbortSignal | undefined;
  let finish: ((verdict: Verdict) => void) | undefined;
  const running = run([
    { name: "quick", handle: () => Promise.resolve(allow()) },
    {
      name: "slow",
      timeout: 100,
      handle(_, context) {
        signal = context.signal;
        return new Promise<Verdict>((resolve) => finish = resolve);
      },
    },
  ], { clock });
  await turns();
  clock.advance(99);
  assert.equal(signal!.aborted, false);
  clock.advance(1);
  const outcome = await running;
  finish!(allow());
  assert.equal(outcome.decision, "deny");
  assert.equal(outcome.gates[1]!.failure, "timeout");
  assert.equal(outcome.gates[1]!.duration_ms, 100);
  assert.equal(signal!.aborted, true);
  assert.equal(clock.timers, 0);
});

test("a decision that takes too long ends the gates that run, and calls no other", async () => {
  const clock = new ManualClock();
  let called = false;
  const running = run([
    {
      name: "slow",
      kind: "rewrite",
      onFailure: "allow",
      handle: () => new Promise<never>(() => {}),
    },
    see("check", () => void (called = true)),
  ], { clock, timeout: 1_000 });
  await turns();
  clock.advance(1_000);
  const outcome = await running;
  assert.equal(called, false);
  assert.equal(outcome.decision, "deny");
  assert.deepEqual(outcome.gates.map(({ failure }) => failure), ["timeout"]);
});

test("the caller's signal ends a decision, and denies", async () => {
  const controller = new AbortController();
  const running = run([{ name: "a", handle: () => new Promise<never>(() => {}) }], {
    signals: [new AbortController().signal, controller.signal],
  });
  await turns();
  controller.abort(new Error("gone"));
  const outcome = await running;
  assert.equal(outcome.decision, "deny");
  assert.equal(outcome.gates[0]!.failure, "aborted");
  const after = await run([see("b", () => assert.fail("called"))], {
    signals: [controller.signal],
  });
  assert.equal(after.gates[0]!.failure, "aborted");
});

test("a gate in shadow mode is recorded, and changes nothing", async () => {
  const mode = "shadow";
  const outcome = await run([
    { name: "rewrite", kind: "rewrite", mode, handle: ({ data }) => with_(data, { command: "x" }) },
    { name: "deny", mode, handle: () => deny("no", { context: "not for the model" }) },
    { name: "fail", mode, handle: () => Promise.reject(new Error("boom")) },
  ]);
  assert.equal(outcome.decision, "allow");
  assert.deepEqual(outcome.data, DATA);
  assert.deepEqual(outcome.context, []);
  assert.deepEqual(outcome.gates.map(({ verdict, would_block }) => [verdict, would_block]), [
    ["rewritten", undefined],
    ["deny", true],
    ["failed", true],
  ]);
});

test("for results, checks judge the raw data, then the rewritten data", async () => {
  const seen: unknown[] = [];
  const gates: readonly Gate<HookEvent>[] = [
    { name: "mask", kind: "rewrite", handle: ({ data }) => with_(data, { command: "***" }) },
    { name: "check", handle: ({ data }, { final }) => void seen.push([commandOf(data), final]) },
  ];
  await run(gates, { isResult: true });
  assert.deepEqual(seen, [["ls", false], ["***", true]]);
  seen.length = 0;
  await run(gates.slice(1), { isResult: true });
  assert.deepEqual(seen, [["ls", true]], "without rewrites once");
});

test("a deny of a rewrite, or of the raw data, ends a decision before more is rewritten", async () => {
  const later = see("later", () => assert.fail("called"));
  const denied = await run([
    { name: "a", kind: "rewrite", handle: () => deny("no") },
    { ...later, kind: "rewrite" } as Gate<HookEvent>,
    later,
  ]);
  assert.deepEqual([denied.decision, denied.gates.length], ["deny", 1]);
  const raw = await run([
    { name: "check", handle: () => deny("no") },
    { ...later, kind: "rewrite" } as Gate<HookEvent>,
  ], { isResult: true });
  assert.deepEqual([raw.decision, raw.gates.length], ["deny", 1]);
});

test("an ask or allow of a rewrite is void once another one changes the data, unless that fails", async () => {
  const rewrite = (name: string, handle: Gate<HookEvent>["handle"]): Gate<HookEvent> =>
    ({ name, kind: "rewrite", handle }) as Gate<HookEvent>;
  const change = rewrite("later", ({ data }) => with_(data, { command: "rm" }));
  const same = rewrite("later", ({ data }) => with_(data, { command: commandOf(data) }));
  const asks = rewrite("asks", () => ask("Run ls?", { context: "dropped" }));
  const allows = rewrite("allows", () => allow("fine", { context: "kept" }));

  const asked = await run([asks, change]);
  assert.equal(asked.decision, "deny");
  assert.equal(asked.verdict!.reason, "Gate 'later' changed what gate 'asks' asks about");
  assert.equal((await run([asks, same])).decision, "ask");
  assert.equal((await run([change, asks])).decision, "ask");
  assert.equal((await run([change, asks])).verdict!.reason, "Run ls?");

  const allowed = await run([allows, change]);
  assert.deepEqual([allowed.decision, allowed.gates[0]!.verdict], ["allow", "none"]);
  assert.deepEqual(allowed.context, ["kept"]);
  assert.equal((await run([allows, same])).gates[0]!.verdict, "allow");

  const failing = rewrite("fails", () => Promise.reject(new Error("down")));
  const failed = await run([{ ...failing, onFailure: "ask" } as Gate<HookEvent>, change]);
  assert.deepEqual([failed.decision, failed.verdict!.reason], [
    "ask",
    "Gate 'fails' failed (error)",
  ]);
});

test("context for the model is collected in the order of the gates", async () => {
  const outcome = await run([
    {
      name: "a",
      handle: () => turns().then(() => allow("", { context: "one" })),
    },
    { name: "b", handle: () => allow("", { context: "two" }) },
  ]);
  assert.deepEqual(outcome.context, ["one", "two"]);
});

/** A gate, and how many turns it takes. */
type Plan = {
  readonly kind: "check" | "rewrite";
  readonly mode: "enforce" | "shadow";
  readonly onFailure: "deny" | "ask" | "allow";
  readonly result: "none" | "allow" | "deny" | "ask" | "data" | "throw" | "invalid";
};

test("the outcome depends on what gates return and on their order, never on their timing", async () => {
  const plan: fc.Arbitrary<Plan> = fc.record({
    kind: fc.constantFrom("check", "rewrite"),
    mode: fc.constantFrom("enforce", "enforce", "shadow"),
    onFailure: fc.constantFrom("deny", "ask", "allow"),
    result: fc.constantFrom("none", "allow", "deny", "ask", "data", "throw", "invalid"),
  });
  const delays = fc.array(fc.integer({ min: -1, max: 6 }), { minLength: 8, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(plan, { maxLength: 8 }),
      delays,
      delays,
      fc.boolean(),
      async (plans, one, other, isResult) => {
        const [first, second] = await Promise.all(
          [one, other].map((turns) =>
            run(plans.map((plan, i) => gateOf(plan, i, turns[i]!)), { isResult })
          ),
        );
        assert.deepEqual(withoutTimes(second!), withoutTimes(first!));
        // What is applied was judged: an enforced check that denies is never outvoted.
        const deniers = plans.filter(({ kind, mode, result, onFailure }) =>
          kind === "check" && mode === "enforce" &&
          (result === "deny" ||
            (["throw", "invalid", "data"].includes(result) && onFailure === "deny"))
        );
        if (deniers.length > 0) assert.equal(first!.decision, "deny");
      },
    ),
    { numRuns: 400 },
  );
});

function gateOf(
  { kind, mode, onFailure, result }: Plan,
  i: number,
  delay: number,
): Gate<HookEvent> {
  const value = (data: unknown): unknown => {
    if (result === "none") return undefined;
    if (result === "allow") return allow(`allowed by ${i}`);
    if (result === "deny") return deny(`denied by ${i}`, { context: `context of ${i}` });
    if (result === "ask") return ask(`asked by ${i}`);
    if (result === "data") return with_(data, { command: `${commandOf(data)}-${i}` });
    if (result === "invalid") return { decision: "perhaps" };
    throw new Error(`thrown by ${i}`);
  };
  const handle = ({ data }: HookEvent): unknown => {
    if (delay < 0) return value(data);
    return turns(delay).then(() => value(data));
  };
  return { name: `g${i}`, kind, mode, onFailure, handle } as Gate<HookEvent>;
}

function withoutTimes({ gates, ...rest }: GateOutcome): unknown {
  return { ...rest, gates: gates.map((gate) => ({ ...gate, duration_ms: 0 })) };
}

async function run(gates: readonly Gate<HookEvent>[], options: Options = {}): Promise<GateOutcome> {
  return await runGates({
    recorder,
    decisionId: "d-1",
    gates: listGates(gates.map((gate) => readGate(gate))),
    event: eventWith(DATA),
    isResult: false,
    timeout: 10_000,
    signals: [],
    logger: silentLogger,
    clock: systemClock,
    validate: () => [],
    late: () => {},
    ...options,
  });
}

function eventWith(data: unknown): HookEvent {
  return snapshotOf({ id: "e-1", type: "tool.called", timestamp: new Date(0), data }, "Cannot");
}

function see(name: string, look: (data: unknown) => void): Gate<HookEvent> {
  return { name, handle: ({ data }) => look(data) };
}

function with_(data: unknown, params: Readonly<Record<string, unknown>>): object {
  return { ...data as object, params };
}

function commandOf(data: unknown): unknown {
  return (data as typeof DATA).params.command;
}

async function turns(count = 3): Promise<void> {
  for (let i = 0; i < count; i++) await undefined;
}

/** A clock that stops until it is advanced. */
class ManualClock {
  #now = 0;
  readonly #timers = new Map<() => void, number>();

  get timers(): number {
    return this.#timers.size;
  }

  readonly now = (): number => this.#now;

  readonly random = (): number => 0.5;

  readonly setTimer = (milliseconds: number, callback: () => void): () => void => {
    const fire = (): void => callback();
    this.#timers.set(fire, this.#now + milliseconds);
    return () => void this.#timers.delete(fire);
  };

  advance(milliseconds: number): void {
    this.#now += milliseconds;
    for (const [fire, at] of [...this.#timers]) {
      if (at > this.#now) continue;
      this.#timers.delete(fire);
      fire();
    }
  }
}
