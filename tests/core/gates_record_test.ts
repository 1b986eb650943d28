/**
 * The record of a decision: its outcome, and why gates failed.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, type HooksOptions } from "@omniagent/hooks";
import { allow, ask, deny, type Gate, GateError, type GateRecord } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

type Handle = Gate["handle"];

/** The payload of `gate.decided`. */
type Recorded = { readonly outcome: string; readonly gates: readonly GateRecord[] };

const no: Handle = () => deny("No");
const broken: Handle = () => Promise.reject(new Error("it broke"));
const asks: Handle = () => ask("Really?");

/** Lets gates decide, and returns what is recorded: the outcome, and how each gate failed. */
async function recorded(
  gates: readonly (Handle | Partial<Gate>)[],
  options: HooksOptions = {},
  params: object = {},
): Promise<readonly unknown[]> {
  const hooks = createHooks({ logger: silentLogger, ...options });
  const records: Recorded[] = [];
  hooks.on("gate.decided", ({ data }) => void records.push(data as never));
  gates.forEach((gate, n) => {
    const more = typeof gate === "function" ? { handle: gate } : gate;
    hooks.gate("tool.called", { name: `g${n}`, ...more } as never);
  });
  const decision = await hooks.decide("tool.called", { name: "bash", params } as never);
  await hooks.close();
  const [{ outcome, gates: judged }] = records as [typeof records[number]];
  assert.equal(records.length, 1);
  const isDenied = outcome === "denied" || outcome === "error";
  assert.equal(decision.decision === "deny", isDenied);
  return [outcome, ...judged.flatMap(({ failure }) => failure ?? [])];
}

test("a decision is 'denied' if a gate or a person says no, whatever else fails", async () => {
  assert.deepEqual(await recorded([no]), ["denied"]);
  assert.deepEqual(await recorded([broken, no]), ["denied", "error"]);
  assert.deepEqual(await recorded([no, broken]), ["denied", "error"]);
  const refuses = { gates: { onAsk: () => ({ decision: "deny" as const }) } };
  assert.deepEqual(await recorded([asks], refuses), ["denied"]);
  const asksIfBroken = { onFailure: "ask" as const, handle: broken };
  assert.deepEqual(await recorded([asksIfBroken], refuses), ["denied", "error"]);
});

test("a decision is an 'error' if it denies because something failed", async () => {
  assert.deepEqual(await recorded([broken]), ["error", "error"]);
  assert.deepEqual(await recorded([() => undefined, broken]), ["error", "error"]);
  assert.deepEqual(await recorded([() => ({ decision: "maybe" }) as never]), ["error", "invalid"]);
  const unreachable = () => Promise.reject(new GateError("unreachable", "no response"));
  assert.deepEqual(await recorded([unreachable]), ["error", "unreachable"]);
  const slow = { timeout: 1, handle: () => new Promise<undefined>(() => {}) };
  assert.deepEqual(await recorded([slow]), ["error", "timeout"]);
  const required = { gates: { required: ["policy"] } };
  assert.deepEqual(await recorded([no], required), ["error", "missing"]);
  // A gate in shadow mode denies nothing.
  const shadow = { mode: "shadow" as const, handle: no };
  assert.deepEqual(await recorded([shadow, broken]), ["error", "error"]);
  const rewrite = { kind: "rewrite" as const, handle: () => ({ name: "zsh" }) as never };
  assert.deepEqual(await recorded([rewrite]), ["error", "invalid"]);
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const large = { text: "x".repeat(300_000) };
  assert.deepEqual(await recorded([() => undefined], { outbox }, large), ["error"]);
});

test("a gate whose ask can't be stored or sent fails with 'store', and the decision is an error", async () => {
  assert.deepEqual(await recorded([asks]), ["error", "store"]);
  const onAsk = () => Promise.reject(new Error("Slack is down"));
  assert.deepEqual(await recorded([asks], { gates: { onAsk } }), ["error"]);
});

test("a failure that doesn't deny isn't an error", async () => {
  const open = { onFailure: "allow" as const, handle: broken };
  assert.deepEqual(await recorded([open]), ["allowed", "error"]);
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const person = { onFailure: "ask" as const, handle: broken };
  assert.deepEqual(await recorded([person], { outbox }), ["asked", "error"]);
});

test("large texts of a gate are cut in the record, and their decision is kept", async () => {
  const large = "x".repeat(400_000);
  const verdicts = [
    [deny(large), "denied", ["tool.denied", "gate.decided"]],
    [deny("No", { internal: large }), "denied", ["tool.denied", "gate.decided"]],
    [allow(large, { context: large }), "allowed", ["tool.called", "gate.decided"]],
    [ask(large), "asked", ["gate.decided", "gate.asked"]],
  ] as const;
  for (const [verdict, outcome, types] of verdicts) {
    const outbox = createOutbox(memoryStore(), { logger: silentLogger });
    const hooks = createHooks({ logger: silentLogger, outbox });
    hooks.gate("tool.called", { name: "policy", handle: () => verdict });
    const decision = await hooks.decide("tool.called", { name: "bash", params: {} });
    assert.deepEqual([decision.decision, decision.reason], [verdict.decision, verdict.reason]);
    const events = (await outbox.listEvents({ order: "oldest" })).items.map(({ event }) => event);
    assert.deepEqual(events.map(({ type }) => type).sort(), [...types].sort());
    const record = events.find(({ type }) => type === "gate.decided")!.data as Recorded;
    assert.equal(record.outcome, outcome);
    const texts = [verdict.reason, verdict.internal].filter((text) => text === large);
    const recorded = [record.gates[0]!.reason, record.gates[0]!.internal]
      .filter((text) => text?.startsWith("x"));
    assert.deepEqual(recorded, texts.map(() => `${"x".repeat(16_370)} … [truncated]`));
    await hooks.close();
  }
});

test("a call with a large name is denied, and recorded with its name cut", async () => {
  const outbox = createOutbox(memoryStore(), { logger: silentLogger });
  const hooks = createHooks({ logger: silentLogger, outbox });
  hooks.gate("tool.called", { name: "policy", handle: () => undefined });
  const name = "n".repeat(300_000);
  const { decision, data } = await hooks.decide("tool.called", { name, params: {} });
  assert.equal(decision, "deny");
  assert.equal(data.name, name);
  const { items } = await outbox.listEvents({ order: "oldest" });
  const cut = `${"n".repeat(242)} … [truncated]`;
  const stored = items.map(({ event }) => [event.type, (event.data as { name: string }).name]);
  assert.deepEqual(stored.sort(), [["gate.decided", cut], ["tool.denied", cut]]);
  await hooks.close();
});
