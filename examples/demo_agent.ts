/**
 * The agent of `demo.ts`, in a process of its own, with five listeners. What it does it says on standard
 * output, a line of JSON each, at once: whoever is killed can't say it later.
 * @module
 */
import {
  defineHook,
  type EventType,
  type HooksOption,
  type Store,
  type ToolData,
  WebhookHook,
  withCompiledHook,
  withHook,
  withNamedHook,
  withWebhookHook,
} from "@omniagent/hooks";
import { openStore } from "@omniagent/hooks/kv";
import { createOutbox, drainOnSignal, type Outbox } from "@omniagent/hooks/outbox";
import { Agent } from "./agent.ts";
import { Conversation } from "./conversation.ts";
import { createTools, jobs } from "./tools.ts";

/** What it is told, as its one argument. */
export type Orders = {
  /** The first process is killed while its last tool runs, the second goes on from there. */
  readonly process: "first" | "second";
  /** Of the database. */
  readonly path: string;
  /** Of the webhook. */
  readonly url: string;
  readonly secret: string;
};

/** What it says. */
export type Saying =
  | { readonly say: "heading"; readonly text: string }
  /** It emits an event: from here on, the event may be in the store. */
  | { readonly say: "sent" }
  /** `emit` has resolved: the event is in the store. */
  | Accepted
  | { readonly say: "heard"; readonly by: string; readonly id: string }
  /** Each accepted event was tried once, whatever came of it: no request is under way. */
  | { readonly say: "tried" }
  /** What the meter has in the store when it is closed, by the id of the event. */
  | { readonly say: "metered"; readonly tools: Readonly<Record<string, Metered>> };

export type Metered = { readonly type: string; readonly name: string; readonly failed: boolean };

export type Accepted = {
  readonly say: "accepted";
  readonly id: string;
  readonly type: EventType;
  readonly data: Readonly<Record<string, unknown>>;
  /** The handlers that heard it before `emit` resolved. */
  readonly handlers: readonly { readonly name: string; readonly ok: boolean }[];
  /** Deliveries that were stored with it. */
  readonly deliveries: number;
};

const encoder = new TextEncoder();

function say(saying: Saying): void {
  const line = encoder.encode(`${JSON.stringify(saying)}\n`);
  for (let at = 0; at < line.length;) at += Deno.stdout.writeSync(line.subarray(at));
}

/** Counts tools, durably: what one process has counted, the next one has too. */
function createMeter() {
  let store: Store;
  return defineHook({
    name: "meter",
    events: ["tool.*"],
    durable: true,
    init: (context) => void (store = context.store!),
    async handle({ id, type, data: { name, error } }) {
      const metered: Metered = { type, name, failed: error !== undefined };
      await store.set([id], metered); // by id, as a durable hook may hear an event twice
    },
    async close() {
      const tools: Record<string, Metered> = {};
      for await (const { key, value } of store.list({ prefix: [] })) {
        tools[String(key[0])] = value as Metered;
      }
      say({ say: "metered", tools });
    },
  });
}

function listeners(url: string, secret: string): readonly HooksOption[] {
  const hear = (by: string) => ({ id }: { id: string }) => say({ say: "heard", by, id });
  const hearChat = hear("chat");
  return [
    withHook("message.received", function chat(event) {
      hearChat(event);
    }),
    withNamedHook("*", "audit", hear("audit")),
    withCompiledHook(createMeter()),
    withWebhookHook(
      new WebhookHook({
        name: "webhook",
        events: ["*"],
        url,
        secret,
        timeout: 1000,
        retryCount: 5, // quick attempts, before the schedule that takes more than a day
        retryDelay: 2000,
      }),
    ),
  ];
}

async function main(orders: Orders): Promise<void> {
  const store = await openStore(orders.path);
  const outbox = createOutbox(store);
  const first = orders.process === "first";
  const conversation = await Conversation.read(first ? "until the slow tool" : "from there");
  const accepted: Accepted[] = [];
  const agent = new Agent({
    model: conversation.model,
    now: conversation.now,
    tools: createTools(),
    jobs,
    outbox,
    store,
    hooks: listeners(orders.url, orders.secret),
    sessions: first ? 0 : 1,
    onEmit: () => say({ say: "sent" }),
    onReceipt(type, data, { id, deliveries, handlers }) {
      const outcomes = handlers.map(({ name, ok }) => ({ name, ok }));
      const said = { say: "accepted", id, type, data, deliveries, handlers: outcomes } as Accepted;
      accepted.push(said);
      say(said);
    },
  });
  agent.hooks.on("tool.completed", ({ id }) => say({ say: "heard", by: "alarm", id }), {
    name: "alarm",
    filter: (event) => event.data.error !== undefined,
  });
  drainOnSignal(agent.hooks); // closes on SIGTERM, and ends; SIGKILL it never hears of

  const played = conversation.play(agent, (text) => say({ say: "heading", text }));
  if (first) await inSlowTool(accepted);
  else await played;
  await allTried(outbox, accepted);
  say({ say: "tried" });
}

/** Until the tool runs that would run for ten seconds. */
async function inSlowTool(accepted: readonly Accepted[]): Promise<void> {
  const isSlow = ({ type, data }: Accepted) =>
    type === "tool.called" && (data as ToolData).params?.with === "everyone";
  while (!accepted.some(isSlow)) await pause(5);
}

async function allTried(outbox: Outbox, accepted: readonly Accepted[]): Promise<void> {
  for (const { id, type } of accepted) {
    for (const target of type.startsWith("tool.") ? ["webhook", "meter"] : ["webhook"]) {
      while (!(await outbox.get(target, id))?.made) await pause(5);
    }
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

if (import.meta.main) await main(JSON.parse(Deno.args[0]!));
