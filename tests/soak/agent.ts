/**
 * The program that the soak starts and kills: publishes events durably to webhooks and a durable hook,
 * delivers them, and says what it does on standard output, line by line, as JSON. On SIGINT and SIGTERM
 * it drains.
 * @module
 */
import {
  createHooks,
  defineHook,
  fixedRetry,
  type Hooks,
  type Receipt,
  WebhookHook,
} from "@omniagent/hooks";
import { openStore } from "./open_store.ts";
import { createOutbox, drainOnSignal } from "@omniagent/hooks/outbox";
import { callerOf, faultOf, keyOf, payloadOf } from "./events.ts";

/** What it is told, as its one argument. */
export type Orders = {
  /** Of the store: a file, or the URL of a KV Connect server. */
  readonly path: string;
  /** Where each webhook goes. */
  readonly urls: Readonly<Record<string, string>>;
  readonly secret: string;
  /** The name of a durable hook, if there is to be one. */
  readonly hook?: string;
  /** Which start of a program this is: receivers see it in the header `x-run`. */
  readonly run: number;
  /** The numbers of the events that it publishes. */
  readonly numbers: readonly number[];
  /** Limit of an attempt, in milliseconds. @default {2000} */
  readonly timeout?: number;
  /** Instead of working on: one call of `drainOnce`, as a cron job makes it, then the end. */
  readonly drainFor?: number;
};

/** What it says. */
export type Saying =
  /** The event of this number is about to be emitted. */
  | { readonly say: "sent"; readonly number: number }
  /** `duplicate`: an earlier call had stored it, without learning that it had. */
  | {
    readonly say: "accepted";
    readonly number: number;
    readonly id: string;
    readonly duplicate: boolean;
  }
  /** A caller did not wait for the response, or never got it, and sends the request again. */
  | { readonly say: "asks again" }
  | { readonly say: "in flight"; readonly count: number }
  /** A request without a response: it may have arrived. */
  | { readonly say: "unconfirmed" }
  /** A call of the durable hook. `fault`: what was wrong with the event. */
  | { readonly say: "called"; readonly id: string; readonly ok: boolean; readonly fault?: string }
  /** An event that was not accepted. */
  | { readonly say: "refused"; readonly why: string }
  | { readonly say: "drained"; readonly settled: number; readonly remaining: boolean }
  | { readonly say: "log"; readonly message: string };

/** Events that are published at once. */
const PUBLISHERS = 8;
/** Longest that a hasty caller waits, in milliseconds. */
const HASTE = 4;
/** The part of its calls that the durable hook fails, and how long each takes at most, in milliseconds. */
const FAILING_PART = 0.2;
const CALL_TIME = 16;

const encoder = new TextEncoder();

/** At once, so that no line is lost when the process is killed. */
function say(saying: Saying): void {
  const line = encoder.encode(`${JSON.stringify(saying)}\n`);
  for (let at = 0; at < line.length;) at += Deno.stdout.writeSync(line.subarray(at));
}

const report = (...data: unknown[]) => say({ say: "log", message: data.join(" ") });
const logger = { debug() {}, info() {}, warn: report, error: report };
const retry = fixedRetry({ delay: 250, retries: 400 });

let inFlight = 0;

const countingFetch: typeof fetch = async (...args) => {
  say({ say: "in flight", count: ++inFlight });
  try {
    return await fetch(...args);
  } catch (error) {
    if (!/refused/.test(`${error} ${(error as Error).cause}`)) say({ say: "unconfirmed" });
    throw error;
  } finally {
    say({ say: "in flight", count: --inFlight });
  }
};

async function main(orders: Orders): Promise<void> {
  const { numbers, drainFor } = orders;
  const store = await openStore(orders.path);
  const outbox = createOutbox(store, { logger });
  const hooks = createHooks({ outbox, logger });
  listen(hooks, orders);
  if (drainFor !== undefined) {
    say({ say: "drained", ...await outbox.drainOnce({ timeout: drainFor }) });
    await hooks.close();
    return store.close();
  }
  drainOnSignal(hooks, { logger });
  await hooks.init();
  const waiting = [...numbers];
  const publishAll = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await publish(hooks, next);
    }
  };
  await Promise.all(Array.from({ length: PUBLISHERS }, publishAll));
}

function listen(hooks: Hooks, { urls, secret, hook, run, timeout = 2_000 }: Orders): void {
  for (const [name, url] of Object.entries(urls)) {
    const headers = { "x-run": String(run) };
    const options = { name, url, secret, headers, timeout, retry, fetch: countingFetch };
    hooks.use(new WebhookHook({ ...options, events: ["*"] }));
  }
  if (hook === undefined) return;
  hooks.use(defineHook({
    name: hook,
    events: ["*"],
    durable: true,
    timeout,
    retry,
    async handle(event) {
      await new Promise((resolve) => setTimeout(resolve, CALL_TIME * Math.random()));
      const ok = Math.random() >= FAILING_PART;
      const fault = faultOf(event);
      say({ say: "called", id: event.id, ok, ...(fault !== undefined && { fault }) });
      if (!ok) throw new Error("the hook fails at random");
    },
  }));
}

/** Emits an event as its caller does, who may ask twice. */
async function publish(hooks: Hooks, number: number): Promise<void> {
  const idempotencyKey = keyOf(number);
  const emit = (signal?: AbortSignal): Promise<Receipt> =>
    hooks.emit("tool.called", payloadOf(number), { idempotencyKey, signal });
  say({ say: "sent", number });
  const caller = callerOf(number);
  try {
    let first: Receipt | undefined;
    if (caller !== "patient") {
      const haste = caller === "hasty" ? AbortSignal.timeout(HASTE * Math.random()) : undefined;
      first = await emit(haste).catch(() => undefined);
      say({ say: "asks again" });
    }
    const { id, duplicate } = await emit();
    if (first && !(duplicate && first.id === id)) {
      throw new Error(`event ${number} is stored twice`);
    }
    say({ say: "accepted", number, id, duplicate });
  } catch (error) {
    say({ say: "refused", why: String(error) });
  }
}

if (import.meta.main) await main(JSON.parse(Deno.args[0]!));
