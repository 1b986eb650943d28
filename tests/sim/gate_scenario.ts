/**
 * Agents that decide and wait, and people who respond, over a store whose operations fail.
 * @module
 */
import { Recorder } from "../../src/core/recorder.ts";
import { Reporter } from "../../src/core/reporter.ts";
import { AskError, RecordConflictError } from "../../src/core/errors.ts";
import { type Gate, GateTable, readGate } from "../../src/core/gates/gate.ts";
import type { HostParts } from "../../src/core/gates/gate_host.ts";
import { Gatekeeper } from "../../src/core/gates/gatekeeper.ts";
import { ask, deny } from "../../src/core/gates/verdict.ts";
import { createEvent } from "../../src/core/snapshot.ts";
import { createOutboxIn } from "../../src/outbox/outbox.ts";
import { memoryStore } from "../../src/testing/memory_store.ts";
import { silentLogger } from "../support/silent_logger.ts";
import type { Faults } from "./faults.ts";
import { FaultyStore } from "./faulty_store.ts";
import { GateModel } from "./gate_model.ts";
import { SimProcess } from "./process.ts";
import { deterministically, Simulation } from "./simulation.ts";

const DAY = 24 * 60 * 60 * 1000;

/** How long a person may take, in milliseconds. */
const EXPIRY = 60_000;

/** Calls by id: what the tool is called with, and the response if a person is asked. */
const CALLS: Readonly<Record<string, { readonly amount: number; readonly response?: Response }>> = {
  "c-allowed": { amount: 1 },
  "c-denied": { amount: 200 },
  "c-approved": { amount: 50, response: { decision: "allow" } },
  "c-refused": { amount: 60, response: { decision: "deny" } },
  "c-edited": { amount: 70, response: { decision: "edit", amount: 20 } },
  "c-edited-badly": { amount: 80, response: { decision: "edit", amount: 150 } },
  "c-expired": { amount: 90 },
};

type Response = { readonly decision: "allow" | "deny" | "edit"; readonly amount?: number };

/** What may run: of each call, the amounts. */
const MAY_RUN: Readonly<Record<string, number>> = {
  "c-allowed": 1,
  "c-approved": 50,
  "c-edited": 20,
};

/** How the scenario ended. */
type GateEnd = {
  readonly violations: readonly string[];
  /** Of each call: whether the tool ran, or why not. */
  readonly outcomes: ReadonlyMap<string, string>;
  readonly crashes: number;
};

/** Runs the scenario: one agent that is started again when it dies, and two people who respond at once. */
export async function runGateScenario(faults: Faults, seed = 1): Promise<GateEnd> {
  const simulation = new Simulation(seed);
  return await deterministically(simulation, () => runIn(simulation, faults));
}

async function runIn(simulation: Simulation, faults: Faults): Promise<GateEnd> {
  const store = memoryStore({ now: () => simulation.now });
  const model = new GateModel(simulation, { head: 30 * DAY, rest: 31 * DAY, seen: 2 * DAY });
  const outcomes = new Map<string, string>();
  let crashes = 0;
  let isOver = false;
  let started = 0;
  const processes: SimProcess[] = [];

  const spawn = (
    name: string,
    onDeath: () => void,
    gates: readonly Gate[] = [],
  ): { process: SimProcess; keeper: Gatekeeper } => {
    const process = new SimProcess(`${name} ${started++}`, simulation, 0);
    processes.push(process);
    process.onDeath = () => {
      if (isOver) return;
      crashes++;
      simulation.after(500, () => isOver || onDeath());
    };
    const faulty = new FaultyStore(store, process, faults, model);
    const outbox = createOutboxIn(process.clock, faulty, { logger: silentLogger });
    const signal = new AbortController().signal;
    const reporter = new Reporter(silentLogger);
    const recorder = new Recorder({}, reporter);
    const host: HostParts = {
      logger: silentLogger,
      recorder,
      reporter,
      clock: process.clock,
      timeout: 10_000,
      records: outbox.records,
      isRedacting: false,
      closing: signal,
      ending: signal,
      abandoned: signal,
      admit: () => {},
      run: (work) => work(),
      runDirect: (work) => work(),
      isObserved: () => true,
      redact: (event) => event,
      validate: () => Promise.resolve(),
      validateInTime: () => Promise.resolve(),
      observe: () => {},
      announce: () => {},
      async publish(events, records) {
        const batch = events.map((event) => ({ event, fresh: true, to: [] }));
        await outbox.publish(batch, { records });
      },
    };
    const table = new GateTable("Cannot create gates", []);
    for (const gate of gates) table.add(readGate(gate), ["tool.called"]);
    return { process, keeper: new Gatekeeper(table, undefined, host) };
  };

  const agent = async (): Promise<void> => {
    const { process, keeper } = spawn("agent", () => void agent(), [
      {
        name: "limit",
        handle: ({ data }) => amountOf(data) > 100 ? deny("too much") : undefined,
      },
      {
        name: "approve",
        handle: ({ data }) =>
          amountOf(data) > 10
            ? ask("Pay?", { expiresIn: EXPIRY, allow: ["allow", "edit"] })
            : undefined,
      },
    ]);
    for (const [callId, { amount }] of Object.entries(CALLS)) {
      if (outcomes.has(callId)) continue;
      const data = { name: "pay", call_id: callId, params: { amount } };
      const decided = await keeper.decide(
        createEvent("tool.called", data, { sessionId: "s-1" }),
        undefined,
        {},
      );
      const final = decided.decision === "ask" ? await decided.wait() : decided;
      if (!process.alive) return;
      if (final.decision === "allow") {
        const ran = amountOf(final.data);
        model.ran(callId, final.id, final.data);
        if (MAY_RUN[callId] !== ran) model.violate(`${callId} ran with ${ran}`);
      }
      outcomes.set(callId, final.decision === "allow" ? "ran" : final.reason ?? "denied");
    }
  };

  const person = async (name: string): Promise<void> => {
    const { process, keeper } = spawn(name, () => void person(name));
    const { asks } = keeper;
    while (process.alive && !isOver) {
      await new Promise<void>((resolve) => void process.after(1_500, resolve));
      try {
        const { items } = await asks.list({ limit: 10 });
        for (const { id } of items) {
          const callId = model.callOf(id);
          const response = callId === undefined ? undefined : CALLS[callId]!.response;
          if (response === undefined) continue;
          const { decision, amount } = response;
          const data = { name: "pay", call_id: callId, params: { amount } };
          await asks.resolve(id, { decision, by: name, ...(amount && { data }) });
          model.reported(id, name);
        }
      } catch (error) {
        const isKnown = error instanceof AskError || error instanceof RecordConflictError ||
          (error as { code?: string }).code === "outbox_unavailable";
        if (!isKnown) model.violate(`${name}: ${error}`);
      }
    }
  };

  void agent();
  void person("ada");
  void person("bob");
  const isDone = (): boolean => outcomes.size === Object.keys(CALLS).length;
  await simulation.run(simulation.now + 20 * 60_000, isDone);
  // What was sent before and comes late, has come.
  await simulation.run(simulation.now + 2 * 60_000);
  isOver = true;
  for (const process of processes) process.kill();
  await simulation.run(simulation.now + 1_000);
  for (const callId of Object.keys(CALLS)) {
    if (!outcomes.has(callId)) model.violate(`${callId} never came to its end`);
  }
  model.check();
  return { violations: model.faults, outcomes, crashes };
}

function amountOf(data: unknown): number {
  return (data as { readonly params: { readonly amount: number } }).params.amount;
}
