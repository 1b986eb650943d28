/**
 * The program that the soak starts and kills: publishes events durably to webhooks, delivers them, and
 * says what it does on standard output, line by line, as JSON. On SIGINT and SIGTERM it drains.
 * @module
 */
import { createHooks, fixedRetry, WebhookHook } from "@omniagent/hooks";
import { openStore } from "@omniagent/hooks/kv";
import { createOutbox, drainOnSignal } from "@omniagent/hooks/outbox";

/** What it is told, as its one argument. */
export type Orders = {
  /** Of the store: a file, or the URL of a KV Connect server. */
  readonly path: string;
  /** Where each webhook goes. */
  readonly urls: Readonly<Record<string, string>>;
  readonly secret: string;
  /** Which start of a program this is: receivers see it in the header `x-run`. */
  readonly run: number;
  /** How many events it publishes. */
  readonly events: number;
  /** Limit of an attempt, in milliseconds. @default {3000} */
  readonly timeout?: number;
  /** Instead of working on: one call of `drainOnce`, as a cron job makes it, then the end. */
  readonly drainFor?: number;
};

/** What it says. */
export type Saying =
  | { readonly say: "accepted"; readonly id: string }
  | { readonly say: "in flight"; readonly count: number }
  /** A request without an answer: it may have arrived all the same. */
  | { readonly say: "unanswered" }
  /** An event that was not accepted. */
  | { readonly say: "refused"; readonly why: string }
  | { readonly say: "drained"; readonly settled: number; readonly remaining: boolean }
  | { readonly say: "log"; readonly message: string };

/** Events that are published at once. */
const PUBLISHERS = 8;

const encoder = new TextEncoder();

/** At once, so that no line is lost when the process is killed. */
function say(saying: Saying): void {
  const line = encoder.encode(`${JSON.stringify(saying)}\n`);
  for (let at = 0; at < line.length;) at += Deno.stdout.writeSync(line.subarray(at));
}

let inFlight = 0;

const countingFetch: typeof fetch = async (...args) => {
  say({ say: "in flight", count: ++inFlight });
  try {
    return await fetch(...args);
  } catch (error) {
    if (!/refused/.test(`${error} ${(error as Error).cause}`)) say({ say: "unanswered" });
    throw error;
  } finally {
    say({ say: "in flight", count: --inFlight });
  }
};

async function main(orders: Orders): Promise<void> {
  const { path, urls, secret, run, events, timeout = 3_000, drainFor } = orders;
  const store = await openStore(path);
  const report = (...data: unknown[]) => say({ say: "log", message: data.join(" ") });
  const logger = { debug() {}, info() {}, warn: report, error: report };
  const outbox = createOutbox(store, { logger });
  const hooks = createHooks({ outbox, logger });
  for (const [name, url] of Object.entries(urls)) {
    hooks.use(
      new WebhookHook({
        name,
        events: ["*"],
        url,
        secret,
        headers: { "x-run": String(run) },
        timeout,
        retry: fixedRetry({ delay: 250, retries: 400 }),
        fetch: countingFetch,
      }),
    );
  }
  if (drainFor !== undefined) {
    say({ say: "drained", ...await outbox.drainOnce({ budgetMs: drainFor }) });
    await hooks.close();
    return store.close();
  }
  drainOnSignal(hooks, { logger });
  await hooks.init();
  let next = 0;
  const publish = async (): Promise<void> => {
    while (next < events) {
      const params = { number: `${run}-${++next}`, text: "ä".repeat(200) };
      try {
        const { id } = await hooks.emit("tool.called", { name: "soak", params });
        say({ say: "accepted", id });
      } catch (error) {
        say({ say: "refused", why: String(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: PUBLISHERS }, publish));
}

if (import.meta.main) await main(JSON.parse(Deno.args[0]!));
