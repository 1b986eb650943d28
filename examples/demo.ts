/**
 * The small agent of `agent.ts` with five listeners, one of them on the other end of HTTP:
 * `deno task demo`. It ends with what was heard, and fails if anything is missing.
 * @module
 */
import {
  defineHook,
  type EventType,
  type Receipt,
  WebhookHook,
  withCompiledHook,
  withHook,
  withNamedHook,
  withWebhookHook,
} from "@omniagent/hooks";
import { generateSecret, webhookReceiver } from "@omniagent/hooks/webhook";
import { Agent, Conversation, createTools, jobs } from "./agent.ts";

type Emitted = { readonly id: string; readonly type: EventType; readonly data: unknown };

const started = performance.now();

/** What each listener says that it heard: the ids of events, by its name. */
const heard: Record<string, string[]> = { chat: [], meter: [], alarm: [], audit: [], webhook: [] };

// 1. The far end of the webhook: a server of its own on loopback, which verifies every signature.
const secret = generateSecret();
const receive = webhookReceiver((event) => void heard.webhook!.push(event.id), {
  secrets: secret,
});
const answers: Record<number, number> = {};
let failed = 0;
let busy = true; // the first request is turned away, so that one has to come again

const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
  const response = busy ? new Response("busy", { status: 503 }) : await receive(request);
  busy = false;
  answers[response.status] = (answers[response.status] ?? 0) + 1;
  return response;
});
const url = `http://127.0.0.1:${server.addr.port}/`;

// 2. Four listeners that an agent takes as options, and a fifth that needs a filter.
const tools = new Map<string, { calls: number; failures: number }>();
const meter = defineHook({
  name: "meter",
  events: ["tool.*"],
  handle({ id, type, data }) {
    heard.meter!.push(id);
    const count = tools.get(data.name) ?? { calls: 0, failures: 0 };
    if (type === "tool.called") count.calls++;
    else if (data.error !== undefined) count.failures++;
    tools.set(data.name, count);
  },
  close() {
    for (const [name, { calls, failures }] of tools) {
      console.log(`  meter says: ${name} called ${calls} times, ${failures} failed`);
    }
  },
});

const conversation = await Conversation.read();
const emitted: Emitted[] = [];
const agent = new Agent({
  model: conversation.model,
  now: conversation.now,
  tools: createTools(),
  jobs,
  hooks: [
    withHook("message.received", function chat(event) {
      heard.chat!.push(event.id);
    }),
    withNamedHook("*", "audit", (event) => void heard.audit!.push(event.id)),
    withCompiledHook(meter),
    withWebhookHook(
      new WebhookHook({
        name: "webhook",
        events: ["*"],
        url,
        secret,
        retryCount: 2,
        retryDelay: 50,
      }),
    ),
  ],
  trace(type, data, receipt) {
    emitted.push({ id: receipt.id, type, data });
    failed += receipt.handlers.filter(({ ok }) => !ok).length;
    print(type, data, receipt);
  },
});
agent.hooks.on("tool.completed", (event) => void heard.alarm!.push(event.id), {
  name: "alarm",
  filter: (event) => event.data.error !== undefined,
});

// 3. The conversation, and a stranger who sends what was never emitted.
console.log("A small agent talks, and five listeners hear it. Right of each event: who heard it.");
await conversation.play(agent, (text) => console.log(`\n${text}`));
console.log("\nthe agent is closed");
await agent.close();

const forged = JSON.stringify({ id: "1", type: "agent.end", timestamp: new Date(), data: {} });
const stranger = await fetch(url, { method: "POST", body: forged });
await stranger.body?.cancel();
console.log(`  a request without a signature came in and was refused: ${stranger.status}`);
await server.shutdown();

// 4. Who should have heard what, and who did.
const listeners = [
  ["chat", "quick handler", "message.received", (type) => type === "message.received"],
  ["meter", "compiled hook", "tool.*", (type) => type.startsWith("tool.")],
  ["alarm", "filtered handler", "tools that failed", (type, data) => isToolError(type, data)],
  ["audit", "named handler", "*", () => true],
  ["webhook", "signed webhook", "* over HTTP", () => true],
] satisfies readonly [string, string, string, (type: EventType, data: unknown) => boolean][];

let missing = 0;
const types = new Set(emitted.map(({ type }) => type));
console.log(`\n${emitted.length} events of ${types.size} types were emitted\n`);
console.log(row("listener", "kind", "hears", "emitted", "heard", "missing"));
for (const [name, kind, hears, wants] of listeners) {
  const ids = emitted.filter(({ type, data }) => wants(type, data)).map(({ id }) => id);
  const lost = ids.filter((id) => !heard[name]!.includes(id)).length;
  missing += lost + Math.max(0, heard[name]!.length - ids.length); // heard twice is as wrong
  console.log(row(name, kind, hears, ids.length, heard[name]!.length, lost));
}
console.log(
  `\nwebhook requests: ${answers[200] ?? 0} verified, ${answers[503] ?? 0} turned away once and ` +
    `sent again, ${answers[400] ?? 0} without a signature refused`,
);

const right = missing + failed === 0 && types.size === 9 && answers[503] === 1 &&
  stranger.status === 400;
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(
  right ? `nothing is missing (${seconds} s)` : `SOMETHING IS MISSING OR FAILED (${seconds} s)`,
);
if (!right) Deno.exit(1);

function isToolError(type: EventType, data: unknown): boolean {
  return type === "tool.completed" && Object.hasOwn(Object(data), "error");
}

function row(...cells: readonly (string | number)[]): string {
  const widths = [10, 18, 20, 7, 7, 9];
  return cells.map((cell, n) =>
    n < 3 ? String(cell).padEnd(widths[n]!) : String(cell).padStart(widths[n]!)
  ).join("");
}

function print(type: EventType, data: unknown, { handlers }: Receipt): void {
  const names = handlers.map(({ name, ok }) => ok ? name : `${name} FAILED`).join(", ");
  const words = describe(type, data as Readonly<Record<string, unknown>>);
  console.log(`  ${type.padEnd(16)} ${shorten(words, 31).padEnd(31)} ${names}`);
}

/** The part of a payload that is worth a line. */
function describe(type: EventType, data: Readonly<Record<string, unknown>>): string {
  switch (type) {
    case "message.received":
    case "message.sent":
      return `"${data.content}"`;
    case "tool.called":
      return `${data.name}(${JSON.stringify(data.params)})`;
    case "tool.completed":
      return data.error === undefined ? `${data.name}: ${data.result}` : `error: ${data.error}`;
    case "session.created":
    case "session.updated":
      return `${data.session_id}`;
    case "session.rollover":
      return `${data.session_id} ${data.reason}, ${(data.transcript as unknown[]).length} messages`;
    case "job.executed":
      return `${data.job_name}: ${data.success ? "success" : "failure"}`;
    case "agent.end":
      if (data.aborted) return "aborted";
      return data.success ? "success" : `error: ${data.error}`;
  }
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
