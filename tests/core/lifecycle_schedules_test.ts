import { createHooks, type Hook, type Registration } from "@omniagent/hooks";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { Random } from "../support/random.ts";

const SEEDS = 1500;

async function microtasks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await undefined;
}

/** A hook that takes its time and fails now and then, and notes what should not be. */
function trackedHook(name: string, random: () => number, faults: string[]) {
  const state = { opened: 0, closed: 0 };
  const open = (): boolean => state.opened > state.closed;
  const fail = (chance: number): void => {
    if (random() < chance) throw new Error("by chance");
  };
  const pause = (): Promise<void> => microtasks(Math.floor(random() * 8));
  const hook: Hook = {
    name,
    events: ["*"],
    async init() {
      await pause();
      fail(0.1);
      state.opened++;
    },
    async handle() {
      if (!open()) faults.push(`${name} receives an event, opened ${state.opened} times`);
      await pause();
      if (!open()) faults.push(`${name} is closed while it handles`);
      fail(0.1);
    },
    async close() {
      state.closed++;
      await pause();
      fail(0.1);
    },
  };
  return { hook, state };
}

/** One life of a registry: steps in random order, many of them before the last has ended. */
async function live(seed: number): Promise<string[]> {
  const numbers = new Random(seed);
  const random = () => numbers.next();
  const faults: string[] = [];
  const hooks = createHooks({ logger: silentLogger, maxConcurrent: 2, maxPending: 3 });
  const tracked: ReturnType<typeof trackedHook>[] = [];
  const registrations: Registration[] = [];
  const pending: Promise<unknown>[] = [];
  const ignore = (promise: Promise<unknown>): void => void pending.push(promise.catch(() => {}));
  const steps: readonly (() => void)[] = [
    () => {
      const made = trackedHook(`hook-${tracked.length}`, random, faults);
      registrations.push(...hooks.use(made.hook));
      tracked.push(made);
    },
    () => registrations[Math.floor(random() * registrations.length)]?.unregister(),
    () => ignore(hooks.emit("tool.called", { name: "a" })),
    () =>
      ignore(hooks.emit("tool.called", { name: "b" }, { signal: new AbortController().signal })),
    () => hooks.emitInBackground("tool.called", { name: "c" }, { waitUntil: ignore }),
    () => ignore(hooks.init()),
    () => random() < 0.2 && ignore(hooks.close()),
  ];
  for (let i = 4 + random() * 16; i > 0; i--) {
    try {
      steps[Math.floor(random() * steps.length)]!();
    } catch (error) {
      if ((error as { code?: string }).code !== "hooks_closed") throw error;
    }
    if (random() < 0.4) await microtasks(random() * 12);
  }
  await hooks.close().catch(() => {});
  await Promise.all(pending);
  for (const { hook: { name }, state } of tracked) {
    if (state.opened !== state.closed) {
      faults.push(`${name} was opened ${state.opened} times and closed ${state.closed} times`);
    }
  }
  return faults;
}

test("in any order of calls, a hook receives events only while it is open, and is closed once", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    assert.deepEqual(await live(seed), [], `seed ${seed}`);
  }
});

test("a hook that is registered while the first event waits is opened before it receives the event", async () => {
  const log: string[] = [];
  const hooks = createHooks();
  const emitted = hooks.emit("tool.called", { name: "a" });
  hooks.use({
    name: "late",
    events: ["*"],
    init: () => void log.push("init"),
    handle: () => void log.push("handle"),
    close: () => void log.push("close"),
  });
  await emitted;
  await hooks.close();
  assert.ok(["init,handle,close", ""].includes(log.join()), log.join());
});

test("a hook whose init() emits without waiting receives that event once it is open", async () => {
  const log: string[] = [];
  const hooks = createHooks();
  hooks.use({
    name: "emits",
    events: ["*"],
    init() {
      log.push("init");
      void hooks.emit("tool.called", { name: "a" });
      void hooks.init();
    },
    handle: () => void log.push("handle"),
  });
  await hooks.init();
  await hooks.emit("tool.called", { name: "b" });
  assert.deepEqual(log, ["init", "handle", "handle"]);
});
