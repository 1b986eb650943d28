/**
 * What no SDK expects of tools, models, and gates: each call still has one end, and so has each run.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, type Hooks } from "@omniagent/hooks";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import type { Driver, Script, Turn } from "./driver.ts";
import { EventLog } from "./event_log.ts";

const call = (id: string, amount = 7) => ({ id, name: "pay", params: { amount } });

/** A value that refers to itself. */
function cyclic(prototype: object | null): object {
  const value = Object.create(prototype);
  value.self = value;
  return value;
}

/** Tools that return what has no JSON form, or hardly one. */
const RETURNED: Readonly<Record<string, () => unknown>> = {
  "undefined": () => undefined,
  "null": () => null,
  "an empty text": () => "",
  "a bigint": () => 7n,
  "a symbol": () => Symbol("paid"),
  "a function": () => () => 7,
  "not a number": () => NaN,
  "an object that contains itself": () => cyclic(Object.prototype),
  "one without a prototype": () => cyclic(null),
  "an object whose toJSON throws": () => ({
    toJSON() {
      throw new Error("no form");
    },
  }),
  "a text of 4 MB": () => "x".repeat(4_000_000),
  "a stream": () => new ReadableStream({ start: (controller) => controller.close() }),
  "an error": () => new Error("returned"),
  "what looks like a denial": () => ({ denied: true, reason: "no", decisionId: "d-1" }),
};

/** Tools that throw what isn't an error, or hardly one. */
const THROWN: Readonly<Record<string, () => unknown>> = {
  "undefined": () => undefined,
  "null": () => null,
  "a text": () => "no money",
  "a bigint": () => 7n,
  "an object that contains itself": () => cyclic(null),
  "an error whose message throws": () =>
    Object.defineProperty(new Error(), "message", {
      get() {
        throw new Error("no message");
      },
    }),
  "an error that can't be changed": () => Object.freeze(new Error("no money")),
  "an error that looks like an abort": () => new DOMException("not aborted", "AbortError"),
};

/** Gates that rewrite calls and results to what no tool and no model expects. */
const REWRITTEN: Readonly<Record<string, (hooks: Hooks) => void>> = {
  "parameters of another type": (hooks) => rewrite(hooks, { amount: "seven" }),
  "no parameters": (hooks) => rewrite(hooks, {}),
  "parameters that the tool doesn't have": (hooks) =>
    rewrite(hooks, JSON.parse(`{"amount":1,"__proto__":{"admin":true},"more":[null]}`)),
  "no result": (hooks) =>
    void hooks.gate("tool.completed", {
      name: "remove",
      kind: "rewrite",
      handle: ({ data: { result: _, ...data } }) => data as never,
    }),
};

/** When a run is aborted: at an event, or before it begins. */
const PHASES = [
  "start",
  "agent.start",
  "message.received",
  "model.called",
  "model.completed",
  "gate",
  "tool.called",
  "tool.completed",
  "message.sent",
] as const;

const SCRIPT = { sessionId: "s-1", prompt: "hi", tools: { pay: () => "paid" } };
const TURNS: readonly Turn[] = [{ calls: [call("c1")] }, { text: "done" }];

/** What a tool of another protocol may return and throw: text. */
const TEXTS: readonly string[] = ["an empty text", "a text of 4 MB", "a text"];

/** Registers the tests of an SDK. */
export function testHostile(driver: Driver): void {
  const { name } = driver;
  const possible = <Value>(values: Readonly<Record<string, Value>>) =>
    Object.entries(values).filter(([what]) => !driver.hasTexts || TEXTS.includes(what));
  for (const guarded of [false, true]) {
    const how = guarded ? "with gates" : "without gates";
    for (const [what, make] of possible(RETURNED)) {
      test(`${name}: a tool that returns ${what} is one call (${how})`, async () => {
        const log = await play(driver, { tools: { pay: make } }, guarded ? judge : undefined);
        assert.equal(log.count("tool.completed"), 1);
      }, driver);
    }
    for (const [what, make] of possible(THROWN)) {
      const pay = () => Promise.reject(make());
      test(`${name}: a tool that throws ${what} is one call (${how})`, async () => {
        const log = await play(driver, { tools: { pay } }, guarded ? judge : undefined);
        assert.equal(log.count("tool.completed"), 1);
      }, driver);
    }
  }
  for (const [what, gates] of Object.entries(REWRITTEN)) {
    test(`${name}: a gate that leaves ${what} leaves one call`, async () => {
      const log = await play(driver, {}, gates);
      assert.equal(log.count("tool.completed"), 1);
    }, driver);
  }
  test(`${name}: calls that share an id in one response each have one end`, async () => {
    await play(driver, { turns: [{ calls: [call("c1", 1), call("c1", 2)] }, { text: "done" }] });
  }, driver);
  test(`${name}: a model that fails in the middle of a stream ends its run`, async () => {
    const turns = [{ error: "model down", after: "Well, " }];
    const log = await play(driver, { turns, stream: true });
    assert.equal(log.count("agent.end"), 1);
    assert.match(log.lines.at(-1)!, /^agent\.end error: .*model (down|failed)/i);
  }, driver);
  test(`${name}: two concurrent runs have their own calls`, async () => {
    const hooks = createHooks({ logger: silentLogger });
    const log = new EventLog(hooks);
    await Promise.all([1, 2].map(() => driver.run({ ...SCRIPT, turns: TURNS, hooks })));
    await log.settled();
    await hooks.close();
    log.check(SCRIPT.sessionId);
    assert.deepEqual([log.count("agent.end"), log.count("tool.completed")], [2, 2]);
  }, driver);
  // Where results are texts of another process, every run is a stream.
  for (const stream of driver.hasTexts ? [true] : [false, true]) {
    for (const phase of PHASES) {
      const what = `${stream ? "stream" : "run"} that is aborted at ${phase}`;
      test(`${name}: a ${what} has one end`, () => abortAt(driver, phase, stream), driver);
    }
  }
}

async function abortAt(
  driver: Driver,
  phase: (typeof PHASES)[number],
  stream: boolean,
): Promise<void> {
  const abort = new AbortController();
  const { signal } = abort;
  if (phase === "start") abort.abort();
  await play(driver, { signal, stream }, (hooks) => {
    if (phase !== "start" && phase !== "gate") hooks.on(phase, () => abort.abort());
    hooks.gate("tool.called", {
      name: "policy",
      handle: () => void (phase === "gate" && abort.abort()),
    });
  });
}

/** Plays a script, whose tool is called once unless it says otherwise, to the end of all runs. */
async function play(
  driver: Driver,
  script: Partial<Script>,
  observe: (hooks: Hooks) => void = () => {},
): Promise<EventLog> {
  const hooks = createHooks({ logger: silentLogger });
  const log = new EventLog(hooks);
  observe(hooks);
  await driver.run({ ...SCRIPT, turns: TURNS, ...script, hooks });
  await log.settled(); // `close` would end what has not ended
  await hooks.close();
  log.check(SCRIPT.sessionId);
  return log;
}

/** Registers gates that see everything, and change nothing. */
function judge(hooks: Hooks): void {
  for (const type of ["tool.called", "tool.completed", "message.received"] as const) {
    hooks.gate(type, { name: `sees-${type}`, handle: () => undefined });
  }
}

function rewrite(hooks: Hooks, params: object): void {
  const handle = ({ data }: { readonly data: object }) => ({ ...data, params });
  hooks.gate("tool.called", { name: "rewrite", kind: "rewrite", handle: handle as never });
}
