/**
 * What every adapter must do, whatever the SDK: the same runs, and the same log of events.
 * @module
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createHooks, type Hooks, type HooksOptions } from "@omniagent/hooks";
import { allow, ask, deny } from "@omniagent/hooks/gates";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import type { Driver, Ending, Script, Tool, Turn } from "./driver.ts";
import { EventLog } from "./event_log.ts";
import { testHostile } from "./hostile.ts";
import { testObservers } from "./observers.ts";
import { testTraces, TRACE } from "./traces.ts";

type Scenario = {
  readonly name: string;
  readonly options?: HooksOptions;
  /** Registers gates. */
  readonly gates?: (hooks: Hooks) => void;
  readonly turns?: readonly Turn[];
  readonly script?: Partial<Script>;
  /** What the events are, in order. */
  readonly log: readonly string[];
  /** What the model was told of calls. */
  readonly told?: Readonly<Record<string, RegExp>>;
  readonly text?: string;
  readonly fails?: boolean;
  /** Whether a gate ends the run, of which each SDK says something else. */
  readonly stops?: boolean;
};

const pay = (amount: number, id = "c1") => ({ id, name: "pay", params: { amount } });
const TURNS: readonly Turn[] = [{ calls: [pay(7)] }, { text: "done" }];
/** The events of a run up to its first tool call. */
export const START: readonly string[] = [
  "agent.start",
  "message.received hi",
  "model.called",
  "model.completed 3+5",
];
/** The events of a run after its last tool call. */
export const END: readonly string[] = [
  "model.called",
  "model.completed 3+5",
  "message.sent done",
  "agent.end success 6+10",
];
/** The event of the tool call. */
export const CALLED = `tool.called c1 pay {"amount":7}`;

/** The events of the agent that another one starts. */
export const HELPED: readonly string[] = [
  "[helper] agent.start",
  "[helper] message.received help",
  "[helper] model.called",
  "[helper] model.completed 3+5",
  `[helper] tool.called h1 pay {"amount":7}`,
  "[helper] tool.completed h1 paid 7",
  "[helper] model.called",
  "[helper] model.completed 3+5",
  "[helper] message.sent helped",
  "[helper] agent.end success 6+10",
];

/** What happens to a run whose tool leaves another agent in the background, which pays when it has ended. */
export const BACKGROUND: readonly string[] = ["main", "helper"].flatMap((name) =>
  ["agent.start", "tool.called", "tool.completed", "agent.end"].map((type) => `${name}: ${type}`)
);

/** Hooks, and a log of their events. */
export function recorded(
  options: HooksOptions = {},
): { readonly hooks: Hooks; readonly log: EventLog } {
  const hooks = createHooks({ logger: silentLogger, ...options });
  return { hooks, log: new EventLog(hooks) };
}

/** A gate that judges every call of a tool. */
const policy = (handle: () => unknown, timeout = 5_000) => (hooks: Hooks) =>
  void hooks.gate("tool.called", { name: "policy", timeout, handle: handle as never });

const SCENARIOS: readonly Scenario[] = [
  {
    name: "a tool call that is allowed",
    log: [...START, CALLED, "tool.completed c1 paid 7", ...END],
    told: { c1: /^paid 7$/ },
  },
  {
    name: "a tool call that is rewritten",
    gates: (hooks) =>
      void hooks.gate("tool.called", {
        name: "cap",
        kind: "rewrite",
        handle: ({ data }) => ({ ...data, params: { amount: 1 } }),
      }),
    log: [...START, `tool.called c1 pay {"amount":1}`, "tool.completed c1 paid 1", ...END],
    told: { c1: /^paid 1$/ },
  },
  {
    name: "a tool call that is denied",
    gates: policy(() => deny("too much")),
    log: [...START, "tool.denied c1 too much", ...END],
    told: { c1: /too much/ },
  },
  {
    name: "a tool call whose denial stops the run",
    gates: policy(() => deny("too much", { interrupt: true })),
    log: [...START, "tool.denied c1 too much", "agent.end error: too much"],
    stops: true,
  },
  {
    name: "a tool call that is allowed with text for the model",
    gates: policy(() => allow("fine", { context: "The budget is spent now." })),
    log: [...START, CALLED, "tool.completed c1 paid 7", ...END],
    told: { c1: /^paid 7\W+The budget is spent now/ },
  },
  {
    name: "a call id that the model uses twice",
    gates: policy(() => undefined),
    turns: [{ calls: [pay(7)] }, { calls: [pay(7)] }, { text: "done" }],
    log: [
      ...START,
      CALLED,
      "tool.completed c1 paid 7",
      ...END.slice(0, 2),
      CALLED.replace("c1", "c1#2"),
      "tool.completed c1#2 paid 7",
      ...END.slice(0, 3),
      "agent.end success 9+15",
    ],
  },
  {
    name: "a tool call that a person approves",
    options: { gates: { onAsk: () => ({ decision: "allow" }) } },
    gates: policy(() => ask("Pay 7?")),
    log: [...START, CALLED, "tool.completed c1 paid 7", ...END],
    told: { c1: /^paid 7$/ },
  },
  {
    name: "a tool call that nobody approves in time",
    options: { gates: { onAsk: () => new Promise(() => {}) } },
    gates: policy(() => ask("Pay 7?", { expiresIn: 20 })),
    log: [...START, "tool.denied c1 The request was not approved", ...END],
    told: { c1: /not approved/ },
  },
  {
    name: "a tool that throws",
    script: { tools: { pay: () => Promise.reject(new Error("no money")) } },
    log: [...START, CALLED, "tool.completed c1 error: no money", ...END],
    told: { c1: /no money|error occurred/ },
  },
  {
    name: "a gate that throws",
    gates: policy(() => {
      throw new Error("gate down");
    }),
    log: [...START, "tool.denied c1 Gate 'policy' failed (error)", ...END],
    told: { c1: /Gate 'policy' failed/ },
  },
  {
    name: "a gate that does not return in time",
    gates: policy(() => new Promise(() => {}), 20),
    log: [...START, "tool.denied c1 Gate 'policy' failed (timeout)", ...END],
    told: { c1: /Gate 'policy' failed/ },
  },
  {
    name: "a result that is rewritten",
    gates: (hooks) =>
      void hooks.gate("tool.completed", {
        name: "mask",
        kind: "rewrite",
        handle: ({ data }) => ({ ...data, result: `${data.result}`.replace("7", "*") }),
      }),
    log: [...START, CALLED, "tool.completed c1 paid *", ...END],
    told: { c1: /^paid \*$/ },
  },
  {
    name: "a result that is denied",
    gates: (hooks) =>
      void hooks.gate("tool.completed", { name: "leaks", handle: () => deny("it leaks") }),
    log: [...START, CALLED, "tool.completed c1 error: it leaks", ...END],
    told: { c1: /it leaks/ },
  },
  {
    name: "three calls at once",
    gates: (hooks) =>
      void hooks.gate("tool.called", {
        name: "policy",
        handle: ({ data }) => data.params?.amount === 2 ? deny("not two") : undefined,
      }),
    turns: [{ calls: [pay(1, "c1"), pay(2, "c2"), pay(3, "c3")] }, { text: "done" }],
    log: [
      ...START,
      `tool.called c1 pay {"amount":1}`,
      "tool.completed c1 paid 1",
      "tool.denied c2 not two",
      `tool.called c3 pay {"amount":3}`,
      "tool.completed c3 paid 3",
      ...END,
    ],
    told: { c1: /^paid 1$/, c2: /not two/, c3: /^paid 3$/ },
  },
  {
    name: "a run that is paused and resumed",
    gates: policy(() => undefined),
    script: { pause: true },
    log: [
      ...START,
      "agent.end success 3+5",
      "agent.start",
      CALLED,
      "tool.completed c1 paid 7",
      "model.called",
      "model.completed 3+5",
      "message.sent done",
      "agent.end success 3+5",
    ],
    told: { c1: /^paid 7$/ },
  },
  {
    name: "an agent that starts another one",
    gates: policy(() => undefined),
    turns: [{ calls: [{ id: "c1", name: "helper", params: { amount: 7 } }] }, { text: "done" }],
    script: {
      subagent: {
        name: "helper",
        tools: { pay: ({ amount }) => `paid ${amount}` },
        turns: [{ calls: [pay(7, "h1")] }, { text: "helped" }],
      },
    },
    log: [
      ...START,
      `tool.called c1 helper {"amount":7}`,
      ...HELPED,
      "tool.completed c1 helped",
      ...END,
    ],
    told: { c1: /^helped$/ },
  },
  {
    name: "a run that is streamed",
    script: { stream: true },
    log: [...START, CALLED, "tool.completed c1 paid 7", ...END],
    told: { c1: /^paid 7$/ },
  },
  {
    name: "a model that fails",
    turns: [{ error: "model down" }],
    log: [
      ...START.slice(0, 3),
      "model.completed error: model down",
      "agent.end error: model down",
    ],
    fails: true,
  },
  {
    name: "a model that fails in a stream",
    turns: [{ error: "model down" }],
    script: { stream: true },
    log: [
      ...START.slice(0, 3),
      "model.completed error: model down",
      "agent.end error: model down",
    ],
    fails: true,
  },
  ...[false, true].map((stream): Scenario => ({
    name: `a ${stream ? "stream" : "run"} that is aborted while a tool runs`,
    script: { stream },
    log: [...START, CALLED, "tool.completed c1 error: stopped", "agent.end aborted"],
    fails: true,
  })),
];

const SEARCH = { id: "h1", name: "search", params: { query: "rates" }, result: "found" };

/** What only some SDKs report. A gate that denies everything can't stop it. */
const HOSTED: Scenario = {
  name: "a tool that the provider runs",
  gates: policy(() => deny("no")),
  turns: [{ text: "done", hosted: SEARCH }],
  log: [
    ...START,
    `tool.called h1 search {"query":"rates"} (not gated)`,
    "tool.completed h1 found",
    "message.sent done",
    "agent.end success 3+5",
  ],
};

/** What a schema makes 700 of, with what a model sends: a tool gets more than 100 in each case. */
export const DEFAULTED: readonly (readonly [
  what: string,
  // deno-lint-ignore no-explicit-any -- zod
  schema: (z: any) => object,
  sent: object,
])[] = [
  ["a default", (z) => z.number().default(700), {}],
  ["coercion", (z) => z.coerce.number(), { amount: "0x2bc" }],
  ["a fallback", (z) => z.number().catch(700), { amount: "none" }],
  // It rejects its own output.
  [
    "a transform",
    (z) => z.string().transform((text: string) => Number(text.slice(1))).pipe(z.number()),
    { amount: "$700" },
  ],
];

/** Registers all scenarios as tests. */
export function testAdapter(driver: Driver): void {
  test(`${driver.name}: its page says what differs`, () => checkPage(driver));
  for (const scenario of [...SCENARIOS, ...driver.hasHosted ? [HOSTED] : []]) {
    test(`${driver.name}: ${scenario.name}`, () => play(driver, scenario), driver);
  }
  testTraces(driver);
  testHostile(driver);
  const pay = async (hooks: Hooks) => (await driver.run(scriptOf(hooks))).told.c1;
  testObservers(driver.name, pay, driver);
}

/** Every difference is declared where users read it, in the same words, and nothing else differs. */
async function checkPage({ name, differences = {} }: Driver): Promise<void> {
  const page = await readFile(`../../docs/agents/${name}.md`, "utf8");
  const text = page.replaceAll(/\s+/g, " ");
  for (const [scenario, { why }] of Object.entries(differences)) {
    assert.ok(text.includes(why), `docs/agents/${name}.md says of ${scenario}: ${why}`);
    const names = [...SCENARIOS.map(({ name }) => name), TRACE];
    assert.ok(names.includes(scenario), `${scenario} is a scenario`);
  }
}

/** What the model says and does unless a scenario says otherwise: it pays, once. */
function scriptOf(hooks: Hooks): Script {
  const pay: Tool = ({ amount }) => `paid ${amount}`;
  return { hooks, sessionId: "s-1", prompt: "hi", tools: { pay }, turns: TURNS };
}

async function play(driver: Driver, scenario: Scenario): Promise<void> {
  const { hooks, log } = recorded(scenario.options);
  scenario.gates?.(hooks);
  const abort = new AbortController();
  const stops = scenario.name.includes("aborted");
  const tool: Tool = ({ amount }, { signal }) => {
    if (!stops) return `paid ${amount}`;
    return new Promise((_, reject) => {
      signal?.addEventListener("abort", () => reject(new Error("stopped")));
      abort.abort();
    });
  };
  const ending = await driver.run({
    ...scriptOf(hooks),
    tools: { pay: tool },
    turns: scenario.turns ?? TURNS,
    ...(stops && { signal: abort.signal }),
    ...scenario.script,
  });
  await hooks.close();
  judge(driver, scenario, log, ending);
}

function judge(driver: Driver, scenario: Scenario, log: EventLog, ending: Ending): void {
  log.check("s-1");
  const expected = driver.differences?.[scenario.name]?.log ?? scenario.log;
  assert.deepEqual(log.lines, expected);
  for (const [id, told] of Object.entries(scenario.told ?? {})) {
    assert.match(ending.told[id] ?? "", told, `what the model was told of ${id}`);
  }
  if (scenario.stops) return;
  if (scenario.fails) assert.notEqual(ending.error, undefined, "the run fails");
  else assert.equal(ending.text, scenario.text ?? "done");
}
