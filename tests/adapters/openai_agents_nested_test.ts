/**
 * Whose call it is: agents that tools, guardrails, and other agents run have runs and an `agent_id` of their own.
 * @module
 */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { ask, deny } from "@omniagent/hooks/gates";
import { openaiAgentsHooks } from "@omniagent/hooks/openai-agents";
import { test } from "../support/harness.ts";
import { load } from "./driver.ts";
import { recorded } from "./scenario.ts";

const sdk = await load("@openai/agents-core");
const { Agent, run, Runner, RunState, setTracingDisabled, tool } = sdk;
const { assistantMessage, functionCall, ScriptedModel } = await load("@openai/agents-core/testing");
const { z } = await load("zod");

/** The SDK once more, as CommonJS. */
const copy = createRequire(import.meta.url)("@openai/agents-core");

setTracingDisabled(true);
copy.setTracingDisabled(true);

// deno-lint-ignore no-explicit-any -- generic in the SDK
type Tool = any;
type Options = Readonly<Record<string, unknown>>;

const call = (name: string, params: object = {}) => functionCall(name, params, { callId: name });

/** A tool without parameters. */
const toolOf = (name: string, execute: () => unknown, options: Options = {}) =>
  tool({ name, description: name, parameters: z.object({}), execute, ...options });

/** An agent whose model makes these calls, one in each turn, and then is done. */
function agentOf(name: string, calls: readonly string[], options: Options = {}) {
  const turns = calls.map((one) => [call(one, one === "work" ? { input: "go" } : {})]);
  const model = new ScriptedModel([...turns, [assistantMessage(`${name} is done`)]]);
  return new Agent({ name, model, ...options });
}

/** Hooks whose gate lets anyone but `guest` wipe, a runner, and the agents that wiped, or that the gate denied. */
function guarded({ agentId }: { readonly agentId?: string } = {}) {
  const { hooks, log } = recorded();
  const judged: unknown[] = [];
  hooks.gate("tool.called", {
    name: "guests",
    handle: ({ data }) => {
      if (data.name !== "wipe") return;
      judged.push(data.agent_id);
      return data.agent_id === "guest" ? deny("Guests may not wipe") : undefined;
    },
  });
  const wiped: string[] = [];
  const wiper = (name: string, options: Options = {}) =>
    agentOf(name, ["wipe"], {
      tools: [toolOf("wipe", () => `wiped ${wiped.push(name)}`, options)],
    });
  const runner = openaiAgentsHooks(hooks, new Runner(), { sessionId: "s-1", agentId });
  return { hooks, log, judged, wiped, wiper, runner };
}

type Guarded = ReturnType<typeof guarded>;

/** How `admin` and `guest` come to run within `work`, a tool of the main agent. */
const WAYS: Readonly<Record<string, (given: Guarded) => Tool>> = {
  "one after the other": ({ wiper }) =>
    toolOf("work", async () => {
      await run(wiper("admin"), "wipe");
      await run(wiper("guest"), "wipe");
      return "done";
    }),
  "at once": ({ wiper }) =>
    toolOf("work", async () => {
      await Promise.all([run(wiper("admin"), "wipe"), run(wiper("guest"), "wipe")]);
      return "done";
    }),
  "at once, streamed": ({ wiper }) =>
    toolOf("work", async () => {
      const streams = ["admin", "guest"].map((one) => run(wiper(one), "wipe", { stream: true }));
      for (const stream of await Promise.all(streams)) await stream.completed;
      return "done";
    }),
  "with the connected runner": ({ wiper, runner }) =>
    toolOf("work", async () => {
      await Promise.all([runner.run(wiper("admin"), "wipe"), runner.run(wiper("guest"), "wipe")]);
      return "done";
    }),
  "with a runner that overrides `run`": ({ wiper }) => {
    class Logged extends Runner {
      run(...args: readonly unknown[]) {
        return super.run(...args);
      }
    }
    return toolOf("work", async () => {
      await new Logged().run(wiper("admin"), "wipe");
      await new Logged().run(wiper("guest"), "wipe");
      return "done";
    });
  },
  "in a handoff": ({ wiper }) => {
    const guest = wiper("guest");
    const handoffs = [guest];
    const admin = agentOf("admin", ["wipe", "transfer_to_guest"], { handoffs });
    admin.tools = wiper("admin").tools;
    return toolOf("work", async () => (await run(admin, "wipe")).finalOutput);
  },
  "in a handoff of an agent used as a tool": ({ wiper }) => {
    const handoffs = [wiper("guest")];
    const admin = agentOf("admin", ["wipe", "transfer_to_guest"], { handoffs });
    admin.tools = wiper("admin").tools;
    return admin.asTool({ toolName: "work", toolDescription: "Works" });
  },
};

for (const [way, workOf] of Object.entries(WAYS)) {
  test(`openai-agents: each agent within a tool is judged by its own name, ${way}`, async () => {
    const given = guarded({ agentId: "main" });
    const { hooks, log, judged, wiped, runner } = given;
    const models: unknown[] = [];
    hooks.on("model.called", ({ data }) => void models.push(data.agent_id));
    await runner.run(agentOf("main", ["work"], { tools: [workOf(given)] }), "hi");
    await hooks.close();
    log.check("s-1");
    assert.deepEqual(new Set(judged), new Set(["admin", "guest"]));
    assert.deepEqual(wiped, ["admin"]);
    assert.deepEqual(models.toSorted(), ["admin", "admin", "guest", "guest", "main", "main"]);
    for (const name of ["admin", "guest"]) {
      const events = log.runs.filter((line) => line.startsWith(`${name}: agent.`));
      assert.deepEqual(events, [`${name}: agent.start`, `${name}: agent.end`]);
    }
  });
}

test("openai-agents: agents that a second copy of the SDK runs in a tool are judged by their own names", async () => {
  const { hooks, judged, wiped, wiper, runner } = guarded();
  const work = toolOf("work", async () => {
    await copy.run(wiper("admin"), "wipe");
    await copy.run(wiper("guest"), "wipe");
    return "done";
  });
  await runner.run(agentOf("main", ["work"], { tools: [work] }), "hi");
  await hooks.close();
  assert.deepEqual([judged, wiped], [["admin", "guest"], ["admin"]]);
});

test("openai-agents: agents that run at once receive their own messages", async () => {
  const { hooks, wiper, runner } = guarded({ agentId: "main" });
  const received: unknown[] = [];
  hooks.on(
    "message.received",
    ({ data }) => void received.push(`${data.agent_id}: ${data.content}`),
  );
  const work = toolOf("work", async () => {
    await Promise.all([run(wiper("admin"), "for admin"), run(wiper("guest"), "for guest")]);
    return "done";
  });
  await runner.run(agentOf("main", ["work"], { tools: [work] }), "hi");
  await hooks.close();
  assert.deepEqual(received.toSorted(), ["admin: for admin", "guest: for guest", "main: hi"]);
});

/** How a message of the main agent comes to `sub`, within the tool `work`. */
const INPUTS: Readonly<Record<string, (sub: Tool) => Tool>> = {
  "an agent used as a tool": (sub) => sub.asTool({ toolName: "work", toolDescription: "Works" }),
  "an agent that a tool runs": (sub) => toolOf("work", () => run(sub, "go")),
  "an agent that a tool runs as a stream": (sub) =>
    toolOf("work", async () => (await run(sub, "go", { stream: true })).completed),
  "an agent that a tool runs with a list of messages": (sub) =>
    toolOf("work", () => run(sub, [{ role: "user", content: "go" }])),
};

for (const [what, workOf] of Object.entries(INPUTS)) {
  test(`openai-agents: gates deny and rewrite messages to ${what}`, async () => {
    for (const isDenied of [true, false]) {
      const { hooks, log, runner } = guarded({ agentId: "main" });
      hooks.gate("message.received", {
        name: "policy",
        kind: "rewrite",
        handle: ({ data }) => {
          if (data.agent_id !== "sub") return;
          return isDenied ? deny("not you") : { ...data, content: "stop" };
        },
      });
      const sub = agentOf("sub", []);
      await runner.run(agentOf("main", ["work"], { tools: [workOf(sub)] }), "hi");
      await hooks.close();
      log.check("s-1");
      const inputs = sub.model.calls.map((
        { request: { input } }: { request: { input: unknown } },
      ) => JSON.stringify(input));
      if (isDenied) assert.deepEqual(inputs, []);
      else assert.ok(inputs.length === 1 && /stop/.test(inputs[0]) && !/go/.test(inputs[0]));
      const received = log.lines.filter((line) => line.includes("[sub] message.received"));
      assert.deepEqual(received, isDenied ? [] : ["[sub] message.received stop"]);
    }
  });
}

test("openai-agents: models that an agent within a tool gets by name are observed once", async () => {
  const { hooks, log } = recorded();
  const model = () => new ScriptedModel([[assistantMessage("done")]]);
  const modelProvider = { getModel: model };
  const work = toolOf("work", async () => {
    await new Runner({ modelProvider }).run(new Agent({ name: "a", model: "m" }), "hi");
    return "done";
  });
  const help = new Agent({ name: "b", model: "m" })
    .asTool({ toolName: "help", toolDescription: "Helps" });
  const calls = [[call("work"), call("help", { input: "hi" })], [assistantMessage("done")]];
  const main = new Agent({ name: "main", model: new ScriptedModel(calls), tools: [work, help] });
  const runner = openaiAgentsHooks(hooks, new Runner({ modelProvider }));
  await runner.run(main, "hi");
  await hooks.close();
  assert.equal(log.count("model.completed"), 4);
});

for (const decision of ["approve", "reject"]) {
  test(`openai-agents: a stored run resumes as the agent that had taken over, to ${decision} a call`, async () => {
    const { hooks, judged, wiped, wiper, runner } = guarded({ agentId: "main" });
    const main = agentOf("main", ["transfer_to_guest"]);
    main.handoffs = [wiper("guest", { needsApproval: true })];
    const paused = await runner.run(main, "hi");
    const state = await RunState.fromString(main, paused.state.toString());
    for (const one of state.getInterruptions()) state[decision](one);
    const models: unknown[] = [];
    hooks.on("model.called", ({ data }) => void models.push(data.agent_id));
    await runner.run(main, state);
    await hooks.close();
    assert.deepEqual([judged, wiped], [decision === "approve" ? ["guest"] : [], []]);
    assert.deepEqual(models, ["guest"]);
  });
}

test("openai-agents: an agent that a guardrail runs is judged by its own name", async () => {
  const { hooks, log, judged, wiped, wiper, runner } = guarded();
  const guest = wiper("guest");
  const main = wiper("main");
  main.inputGuardrails = [{
    name: "safe",
    runInParallel: false,
    execute: async ({ input }: { readonly input: unknown }) => {
      await run(guest, input);
      return { tripwireTriggered: false, outputInfo: {} };
    },
  }];
  await runner.run(main, "hi");
  await hooks.close();
  log.check("s-1");
  assert.deepEqual([judged, wiped], [["guest", undefined], ["main"]]);
  assert.deepEqual(log.runs.filter((line) => line.includes("agent.")), [
    "main: agent.start",
    "guest: agent.start",
    "guest: agent.end",
    "main: agent.end",
  ]);
});

/** A guardrail that runs an agent. */
const guardrailOf = (runs: (input: unknown) => Promise<unknown>) => ({
  name: "safe",
  execute: async ({ input }: { readonly input: unknown }) => {
    await runs(input);
    return { tripwireTriggered: false, outputInfo: {} };
  },
});

/** How a guardrail comes to run `guest` with the runner, or under the name, of the agent that it guards. */
const GUARDED: Readonly<Record<string, (guest: Tool) => Tool>> = {
  "of an agent that a tool runs": (guest) => {
    const admin = agentOf("admin", []);
    admin.inputGuardrails = [guardrailOf((input) => run(guest, input))];
    return agentOf("main", ["work"], { tools: [toolOf("work", () => run(admin, "check"))] });
  },
  "with the runner of an agent that a tool runs": (guest) => {
    const admin = agentOf("admin", []);
    const shared = new Runner();
    admin.outputGuardrails = [guardrailOf(() => shared.run(guest, "check"))];
    const work = toolOf("work", () => shared.run(admin, "go"));
    return agentOf("main", ["work"], { tools: [work] });
  },
  "under the name of its own agent": (guest) => {
    const inputGuardrails = [guardrailOf(() => run(guest, "check"))];
    return agentOf("guest", [], { inputGuardrails });
  },
};

for (const [how, mainOf] of Object.entries(GUARDED)) {
  test(`openai-agents: an agent that a guardrail runs ${how} has its own run`, async () => {
    const { hooks, log, judged, wiped, wiper, runner } = guarded({ agentId: "main" });
    const received: unknown[] = [];
    const models: unknown[] = [];
    hooks.gate("message.received", {
      name: "policy",
      handle: ({ data }) => {
        if (data.agent_id === "guest") received.push(data.content);
      },
    });
    hooks.on("model.called", ({ data }) => void models.push(data.agent_id));
    await runner.run(mainOf(wiper("guest")), "hi");
    await hooks.close();
    log.check("s-1");
    assert.deepEqual([received, judged, wiped], [["check"], ["guest"], []]);
    assert.equal(models.filter((one) => one === "guest").length, 2);
    assert.equal(log.count("agent.end"), how.includes("name") ? 2 : 3);
  });
}

test("openai-agents: a stored run that a proxy of a runner resumes is one run", async () => {
  const { hooks, log } = recorded();
  const bound = new Proxy(new Runner(), {
    get: (target, key) =>
      typeof target[key] === "function" ? target[key].bind(target) : target[key],
  });
  const runner = openaiAgentsHooks(hooks, bound, { sessionId: "s-1" });
  const wipe = toolOf("wipe", () => "wiped", { needsApproval: true });
  const main = agentOf("main", ["transfer_to_guest"]);
  main.handoffs = [agentOf("guest", ["wipe"], { tools: [wipe] })];
  const paused = await runner.run(main, "hi");
  const state = await RunState.fromString(main, paused.state.toString());
  for (const one of state.getInterruptions()) state.approve(one);
  await runner.run(main, state);
  await hooks.close();
  log.check("s-1");
  assert.equal(log.count("agent.start"), 4);
});

test("openai-agents: a runner that tries again is one run", async () => {
  const { hooks, log } = recorded();
  const retrying = new Runner();
  retrying.run = async (...args: readonly unknown[]) => {
    await Runner.prototype.run.apply(retrying, args);
    return Runner.prototype.run.apply(retrying, args);
  };
  const runner = openaiAgentsHooks(hooks, retrying, { sessionId: "s-1" });
  const turns = [[assistantMessage("bad")], [assistantMessage("good")]];
  await runner.run(new Agent({ name: "main", model: new ScriptedModel(turns) }), "hi");
  await hooks.close();
  log.check("s-1");
  const types = ["agent.start", "message.received", "model.called"] as const;
  assert.deepEqual(types.map((type) => log.count(type)), [1, 1, 2]);
});

for (const isStarted of [false, true]) {
  const when = isStarted ? "before" : "after";
  test(`openai-agents: an agent in the background that starts ${when} the run's end keeps its own run`, async () => {
    const { hooks, log, judged, wiped, wiper, runner } = guarded();
    const over = Promise.withResolvers<void>();
    hooks.once("agent.end", () => over.resolve());
    const worker = wiper("worker", { isEnabled: () => over.promise.then(() => true) });
    let left: Promise<{ readonly finalOutput: string }> | undefined;
    const start = toolOf("start", () => {
      left = isStarted ? run(worker, "go") : over.promise.then(() => run(worker, "go"));
      return "started";
    });
    const { signal, abort } = withAbort();
    await runner.run(agentOf("main", ["start"], { tools: [start] }), "hi", { signal });
    abort(); // as a timeout does, after the run
    assert.equal((await left)?.finalOutput, "worker is done");
    await hooks.close();
    log.check("s-1");
    assert.deepEqual([judged, wiped], [["worker"], ["worker"]]);
    assert.equal(log.count("agent.end"), 2);
  });
}

function withAbort() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

for (const isConnected of [false, true]) {
  const how = isConnected ? "the connected runner" : "the default runner";

  test(`openai-agents: an agent that ${how} runs within a run that was aborted calls no more tools`, async () => {
    const { hooks, wiped, wiper, runner } = guarded();
    const over = Promise.withResolvers<void>();
    hooks.once("agent.end", () => over.resolve());
    const { signal, abort } = withAbort();
    const worker = wiper("worker", { isEnabled: () => over.promise.then(() => true) });
    let left: Promise<unknown> | undefined;
    const start = toolOf("start", () => {
      left = isConnected ? runner.run(worker, "go") : run(worker, "go");
      abort();
      return "started";
    });
    const main = agentOf("main", ["start"], { tools: [start] });
    await assert.rejects(runner.run(main, "hi", { signal }));
    await assert.rejects(left!, /The run has ended/);
    await hooks.close();
    assert.deepEqual(wiped, []);
  });

  test(`openai-agents: a question about the message to an agent that ${how} runs ends with the outer run`, async () => {
    const { signal, abort } = withAbort();
    const over = Promise.withResolvers<void>();
    const onAsk = async () => {
      abort();
      await over.promise;
      return { decision: "allow" } as const; // too late
    };
    const { hooks } = recorded({ gates: { onAsk } });
    hooks.once("agent.end", () => over.resolve());
    const runner = openaiAgentsHooks(hooks, new Runner(), { agentId: "main" });
    hooks.gate("message.received", {
      name: "policy",
      handle: ({ data }) => data.agent_id === "worker" ? ask("Really?") : undefined,
    });
    const worker = agentOf("worker", []);
    let left: Promise<unknown> | undefined;
    const start = toolOf("start", () => {
      left = isConnected ? runner.run(worker, "go") : run(worker, "go");
      return "started";
    });
    const main = agentOf("main", ["start"], { tools: [start] });
    await assert.rejects(runner.run(main, "hi", { signal }));
    await assert.rejects(left!, /not approved/);
    await hooks.close();
    assert.equal(worker.model.calls.length, 0);
  });
}

/** How `sub` runs within a tool, with a model that isn't an object of the agent. */
const MODELS: Readonly<Record<string, (sub: Options, model: object) => Tool>> = {
  "gets by name from the default provider": (sub, model) => {
    sdk.setDefaultModelProvider({ getModel: () => model });
    return toolOf(
      "work",
      async () => (await run(new Agent({ ...sub, model: "m" }), "go")).finalOutput,
    );
  },
  "gets by name as a tool": (sub, model) => {
    sdk.setDefaultModelProvider({ getModel: () => model });
    const agent = new Agent({ ...sub, model: "m" });
    return agent.asTool({ toolName: "work", toolDescription: "Works" });
  },
  "gets from the configuration of its run": (sub, model) =>
    new Agent(sub).asTool({ toolName: "work", toolDescription: "Works", runConfig: { model } }),
};

for (const [how, workOf] of Object.entries(MODELS)) {
  test(`openai-agents: a gate that stops an agent within a tool stops the model that it ${how}`, async () => {
    const { hooks, log } = recorded();
    hooks.gate("tool.called", {
      name: "stop",
      handle: ({ data }) => data.name === "wipe" ? deny("Stop", { interrupt: true }) : undefined,
    });
    const { model } = agentOf("sub", ["wipe", "wipe"]);
    const work = workOf({ name: "sub", tools: [toolOf("wipe", () => "wiped")] }, model);
    const runner = openaiAgentsHooks(hooks, new Runner(), { sessionId: "s-1" });
    await runner.run(agentOf("main", ["work"], { tools: [work] }), "hi");
    await hooks.close();
    log.check("s-1");
    assert.equal(model.calls.length, 1);
    assert.ok(log.lines.some((line) => line.startsWith("[sub] agent.end error: Stop")));
  });
}

for (const isStored of [false, true]) {
  const what = isStored ? "a stored run" : "a run";
  test(`openai-agents: an agent used as a tool is called again when ${what} resumes`, async () => {
    const { hooks, log, wiped, wiper, runner } = guarded();
    const admin = wiper("admin", { needsApproval: true });
    const work = admin.asTool({ toolName: "work", toolDescription: "Works" });
    const main = agentOf("main", ["work"], { tools: [work] });
    const paused = await runner.run(main, "hi");
    const state = isStored
      ? await RunState.fromString(main, paused.state.toString())
      : paused.state;
    for (const one of state.getInterruptions()) state.approve(one);
    await runner.run(main, state);
    await hooks.close();
    log.check("s-1");
    assert.deepEqual(wiped, ["admin"]);
    assert.deepEqual(log.runs.filter((line) => line.startsWith("main: tool.")), [
      ...["main: tool.called", "main: tool.completed"],
      ...["main: tool.called", "main: tool.completed"],
    ]);
  });
}

test("openai-agents: no agent takes over from one that a gate stopped", async () => {
  const { hooks } = recorded();
  hooks.gate("tool.called", { name: "stop", handle: () => deny("Stop", { interrupt: true }) });
  const calls = [[call("wipe"), call("transfer_to_guest")]];
  const guest = agentOf("guest", []);
  const tools = [toolOf("wipe", () => "wiped")];
  const main = new Agent({ name: "main", model: new ScriptedModel(calls), tools });
  main.handoffs = [guest];
  const runner = openaiAgentsHooks(hooks, new Runner());
  await assert.rejects(runner.run(main, "hi"), /Stop/);
  await hooks.close();
  assert.equal(guest.model.calls.length, 0);
});
