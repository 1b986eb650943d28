/**
 * Kills `hooks serve` in the middle of a request, restarts it, and checks that nothing is lost:
 * `deno task demo`.
 *
 * An agent posts its events to `hooks serve`, which delivers them to the three webhooks in `hooks.yaml`.
 * Each webhook has a `hooks listen` that verifies requests; two of them fail until the kill. The receivers
 * outlive the server and report which events arrived.
 *
 * Fails if events are missing after `--limit SECONDS` (28).
 * @module
 */
import { fileURLToPath } from "node:url";
import { withNamedHook } from "@omniagent/hooks";
import { generateKeyPair, generateSecret } from "@omniagent/hooks/webhook";
import { Agent } from "./agent.ts";
import { Conversation } from "./conversation.ts";
import { type AgentEvent, Client, type Delivery, type Receipt } from "./demo_client.ts";
import { HooksProcess } from "./demo_process.ts";
import { Receiver } from "./demo_receiver.ts";
import { printEvent, printTable, printTitle } from "./demo_report.ts";
import { createTools, jobs } from "./tools.ts";

const started = performance.now();
const inTime = AbortSignal.timeout(readLimit(Deno.args));
await using cleanup = new AsyncDisposableStack();
const folder = await Deno.makeTempDir({ prefix: "hooks_demo_" });
cleanup.defer(() => Deno.remove(folder, { recursive: true }));

// 1. Start the receivers, the server, and the agent, which continues once its event is accepted.
const secrets = { audit: generateSecret(), slack: generateSecret(), billing: generateSecret() };
const isMail = ({ type, data }: AgentEvent) => type.startsWith("tool.") && data.name === "mail";
const isEnd = ({ type }: AgentEvent) => type === "agent.end";
const receivers = [
  listen("audit", "*", () => true, secrets.audit, ["--fail", "50%", "--status", "503"]),
  listen("slack-notify", "tool.* of mail", isMail, secrets.slack, ["--status", "503"]),
  listen("billing", "agent.end", isEnd, secrets.billing),
] as const;
const token = crypto.randomUUID();
let server = await serve();
let client = new Client(await server.url, token, inTime);
const emitted: AgentEvent[] = [];
const accepted = new Map<AgentEvent, Receipt>();
const repeated = { sent: 0, known: 0 };
let killed: Deno.CommandStatus | undefined;

console.log(`
Running hooks serve with hooks.yaml, a hooks listen for each of its three webhooks, and an agent that
posts its events. The number on the right is how many webhooks the event is stored for.`);
printTitle("The first server, while the receivers of audit and slack-notify fail");
const conversation = await Conversation.read();
const { model, now } = conversation;
const forward = withNamedHook("*", "forward", (event) => send(event as AgentEvent));
const agent = new Agent({ model, now, tools: createTools(), jobs, hooks: [forward] });
await conversation.play(agent, (text) => console.log(`\n${text}`));
await agent.close();

// 3. The agent is done. Wait for pending deliveries, and send a forged request.
const waits = () => client.deliveries("pending").then(({ length }) => length > 0, () => false);
while (await waits() && !inTime.aborted) await pause(50);
const last = new Client(await server.url, token, AbortSignal.timeout(2000));
const deliveries = await last.deliveries("attempted").catch(() => []);
const forged = await receivers[2].forge();
const ended = await server.end("SIGTERM");
await Promise.all(receivers.map((receiver) => receiver.close()));

printTitle("Sent and received");
let failures = 0;
printTable([
  ["webhook", "receives", "sent", "accepted", "delivered", "retried", "verified", "missing"],
  ...receivers.map(count),
], 2);
const failed = sum((receiver) => receiver.failed);
const twice = sum((receiver) => receiver.again);
console.log(`
  sent again after the kill: ${repeated.sent} events, of which ${repeated.known} were known by their keys
  requests that got a 503: ${failed}; events received twice: ${twice}
  forged request without a signature: rejected with ${forged}`);

const passed = failures === 0 && new Set(emitted.map(({ type }) => type)).size === 9 &&
  repeated.known === repeated.sent && forged === 401 && killed?.signal === "SIGKILL" &&
  ended.code === 0;
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`\n${passed ? "Nothing is missing" : "SOMETHING IS MISSING OR FAILED"} (${seconds} s)`);
if (!passed) Deno.exitCode = 1;

/** Posts an event of the agent. */
async function send(event: AgentEvent): Promise<void> {
  emitted.push(event);
  if (killed === undefined && event.type === "tool.called" && event.data.name === "calendar") {
    const { with: whom } = event.data.params as { with: string };
    if (whom === "everyone") await killInTheMiddleOf(event);
  }
  const receipt = await client.send(event);
  accepted.set(event, receipt);
  printEvent(event, receipt.deliveries);
}

/** 2. Kills the server during a request: the agent can't know what was stored. */
async function killInTheMiddleOf(event: AgentEvent): Promise<void> {
  const response = client.sendHalf(event).then(() => "a response", () => "no response");
  let waiting = await client.deliveries("pending");
  while (!isQuiet(waiting)) {
    await pause(10);
    waiting = await client.deliveries("pending");
  }
  killed = await server.end("SIGKILL");
  const all = [...accepted.values()].reduce((total, { deliveries }) => total + deliveries, 0);
  const { length } = waiting;
  printTitle(`${killed.signal} in the middle of a request`);
  console.log(`  The agent got ${await response}: it can't know whether this event is stored.`);
  console.log(
    `  ${accepted.size} events are stored, with ${all} deliveries: ${
      all - length
    } delivered, ${length} pending.`,
  );

  await Promise.all(receivers.map((receiver) => receiver.recover()));
  server = await serve();
  client = new Client(await server.url, token, inTime);
  printTitle("The second server, on the same store, with working receivers");
  for (const [event, { id }] of accepted) {
    const receipt = await client.send(event);
    repeated.sent++;
    if (receipt.known && receipt.id === id) repeated.known++;
  }
  console.log(
    `  The agent sends its ${repeated.sent} events again with the same keys: ${repeated.known} are known.`,
  );
  console.log("  Then it sends the event that got no response, and continues.\n");
}

/**
 * Returns whether no attempt is running or about to start. An attempt holds a lease for its timeout plus
 * 20 s, even if its process is killed: too long to wait for in a demo.
 */
function isQuiet(pending: readonly Delivery[]): boolean {
  const soon = Date.now() + 200;
  return pending.every(({ leased_until, due_at }) =>
    leased_until === undefined && due_at !== undefined && Date.parse(due_at) > soon
  );
}

/** Returns the row of a webhook. Counts what its receiver verified, not what the server reports. */
function count({ name, receives, wants, verified }: Receiver): readonly (string | number)[] {
  const own = deliveries.filter(({ target }) => target === name);
  const delivered = own.filter(({ state }) => state === "delivered").length;
  const retried = own.filter(({ made = 0 }) => made > 1).length;
  const sent = emitted.filter(wants).length;
  const expected = [...accepted].filter(([event]) => wants(event));
  const missing = expected.filter(([, { id }]) => !verified.has(id)).length;
  if (missing > 0 || expected.length !== sent || delivered !== sent) failures++;
  return [name, receives, sent, expected.length, delivered, retried, verified.size, missing];
}

function sum(count: (receiver: Receiver) => number): number {
  return receivers.map(count).reduce((total, one) => total + one);
}

function listen(
  name: string,
  receives: string,
  wants: (event: AgentEvent) => boolean,
  secret: string,
  failing: readonly string[] = [],
): Receiver {
  const options = { name, receives, wants, secret, failing };
  return cleanup.use(new Receiver(options, folder));
}

/** Starts the server. Its store is in the temporary folder in which it runs. */
async function serve(): Promise<HooksProcess> {
  const config = fileURLToPath(new URL("hooks.yaml", import.meta.url));
  const [audit, slack, billing] = await Promise.all(receivers.map(({ url }) => url));
  const env = {
    AUDIT_URL: audit!,
    HOOKS_SECRET: secrets.audit,
    SLACK_URL: slack!,
    SLACK_PATH: "T0/B0",
    SLACK_TOKEN: "not-needed-here",
    SLACK_SIGNING_SECRET: secrets.slack,
    BILLING_URL: billing!,
    BILLING_SECRET: secrets.billing,
    BILLING_SECRET_BEFORE: generateSecret(),
    // The gates of the file are not asked here: the agent only reports.
    POLICY_SECRET: generateSecret(),
    MASK_TOKEN: "not-needed-here",
    MASK_SECRET: generateSecret(),
    MASK_SECRET_BEFORE: generateSecret(),
    MASK_PUBLIC_KEY: (await generateKeyPair()).publicKey,
    HOOKS_TOKEN: crypto.randomUUID(),
    HOOKS_ADMIN_TOKEN: token,
    APPROVAL_KEY: crypto.randomUUID(),
  };
  return cleanup.use(new HooksProcess(["serve", config, "--port", "0"], { cwd: folder, env }));
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function readLimit([flag, value]: readonly string[]): number {
  const seconds = flag === undefined ? 28 : Number(value);
  if ((flag === undefined || flag === "--limit") && seconds > 0) return seconds * 1000;
  console.error("usage: deno task demo [--limit SECONDS]");
  Deno.exit(2);
}
