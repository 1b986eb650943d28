/**
 * Fakes of what is given to the core, and small helpers. Fakes note what happens to them in a log of
 * sentences, so that a test compares one list: `["a opens", "a receives tool.called", "a closes"]`.
 * @module
 */
import assert from "node:assert/strict";
import {
  type AgentEvents,
  fixedRetry,
  type Hook,
  type HookEvent,
  type Hooks,
  type Receipt,
  type Webhook,
} from "@omniagent/hooks";
import type {
  Attempt,
  DeliveryQueue,
  DeliveryTarget,
  Publication,
  PublishOptions,
} from "@omniagent/hooks/outbox";
import { mock } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { quietHooks, settleMicrotasks as turn } from "./_helpers.ts";

export { quietHooks, settleMicrotasks as turn, unhandledDuring } from "./_helpers.ts";

/** The least payload of `tool.called` and `tool.completed`. */
export const BASH = { name: "bash" };

/** Asserts that a call throws, with exactly this error, and that nothing is left behind. */
export function refuses(call: (hooks: Hooks) => unknown, name: string, message: string): void {
  const hooks = quietHooks<AgentEvents>();
  assert.throws(() => call(hooks), { name, message });
  assert.deepEqual([hooks.registry.list(), hooks.registry.hookCount()], [[], 0]);
}

/** Stops the clock; `pass` lets time pass, and what it caused happen. */
export async function withClock(
  body: (pass: (milliseconds: number) => Promise<void>) => Promise<void>,
): Promise<void> {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    await body(async (milliseconds) => {
      await turn();
      mock.timers.tick(milliseconds);
      await turn();
    });
  } finally {
    mock.timers.reset();
  }
}

/** What can be changed of a fake hook. */
export type HookParts = Partial<Omit<Hook, "name">>;

/** A hook for all events that notes when it is opened, receives an event, and is closed. */
export function fakeHook(log: string[], name: string, parts: HookParts = {}): Hook {
  return {
    events: ["*"],
    ...parts,
    name,
    init(context) {
      log.push(`${name} opens`);
      return parts.init?.(context);
    },
    handle(event, context) {
      log.push(`${name} receives ${event.type}`);
      return parts.handle?.(event, context);
    },
    close() {
      log.push(`${name} closes`);
      return parts.close?.();
    },
  };
}

/** A webhook for all events that notes what is delivered to it. */
export function fakeWebhook(
  log: string[],
  name: string,
  parts: Partial<Omit<Webhook, "name">> = {},
): Webhook {
  return {
    name,
    events: ["*"],
    timeout: 1000,
    concurrency: 1,
    retry: fixedRetry({ retries: 1, delay: 1 }),
    accepts: () => true,
    attempt: () => Promise.resolve({ verdict: "delivered", duration: 1 }),
    ...parts,
    deliver(event, context) {
      log.push(`${name} sends ${event.type}`);
      return parts.deliver?.(event, context) ?? Promise.resolve();
    },
  };
}

/** A queue that stores nothing: it records its calls, and delivers when a test calls it. */
export class FakeQueue implements DeliveryQueue {
  readonly log: string[];
  readonly batches: (readonly Publication[])[] = [];
  readonly signals: (AbortSignal | undefined)[] = [];
  readonly targets = new Map<string, DeliveryTarget>();

  constructor(log: string[] = []) {
    this.log = log;
  }

  /** What becomes of a publication; a test may replace it. */
  store: (publication: Publication) => Receipt | Promise<Receipt> = ({ event, to }) => ({
    id: event.id,
    deliveries: to.length,
    duplicate: false,
    handlers: [],
  });

  publish(
    batch: readonly Publication[],
    options?: PublishOptions,
  ): Promise<readonly Receipt[]> {
    this.batches.push(batch);
    this.signals.push(options?.signal);
    for (const { event, to } of batch) this.log.push(`publish ${event.type} to [${to}]`);
    return Promise.all(batch.map(async (publication) => await this.store(publication)));
  }

  register(target: DeliveryTarget): { unregister(): void } {
    this.log.push(`register ${target.name}`);
    this.targets.set(target.name, target);
    const unregister = (): void => {
      if (this.targets.delete(target.name)) this.log.push(`unregister ${target.name}`);
    };
    return { unregister };
  }

  start(): void {
    this.log.push("start");
  }

  stop(): Promise<void> {
    this.log.push("stop");
    return Promise.resolve();
  }

  /** Makes one attempt, as a worker would. */
  attempt(
    name: string,
    event: HookEvent,
    { attempt = 1, signal = new AbortController().signal } = {},
  ): Promise<Attempt> {
    const target = this.targets.get(name);
    return target!.attempt(event, { attempt, signal, logger: silentLogger });
  }
}
