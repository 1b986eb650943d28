/**
 * The `hooks` command, killed in the middle of a request and started again: `deno task demo`.
 *
 * A small agent posts what happens in it to `hooks serve`, which delivers it to the three webhooks of
 * `hooks.yaml`. For each of them there is a `hooks listen`, which verifies; two of these fail until the
 * kill. What was accepted has to arrive: the receivers, which outlive the server, say whether it did.
 *
 * It ends within `--limit SECONDS` (28); what is missing by then is a failure.
 * @module
 */
import { fileURLToPath } from "node:url";
import { withNamedHook } from "@omniagent/hooks";
import { generateSecret } from "@omniagent/hooks/webhook";
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

// 1. The receivers, the server, and the agent, which goes on when its event is accepted.
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
hooks serve hooks.yaml, a hooks listen for each of its three webhooks, and an agent that posts
what happens in it. Right of each event: for how many webhooks it is stored.`);
printTitle("The first server; the receivers of audit and slack-notify fail for now");
const conversation = await Conversation.read();
const { model, now } = conversation;
const forward = withNamedHook("*", "forward", (event) => send(event as AgentEvent));
const agent = new Agent({ model, now, tools: createTools(), jobs, hooks: [forward] });
await conversation.play(agent, (text) => console.log(`\n${text}`));
await agent.close();

// 3. The agent is done. What waits is delivered, and a stranger is turned away.
const waits = () => client.deliveries("pending").then(({ length }) => length > 0, () => false);
while (await waits() && !inTime.aborted) await pause(50);
const last = new Client(await server.url, token, AbortSignal.timeout(2000));
const deliveries = await last.deliveries("attempted").catch(() => []);
const forged = await receivers[2].forge();
const ended = await server.end("SIGTERM");
await Promise.all(receivers.map((receiver) => receiver.close())); // they have told all

printTitle("What was sent, and what arrived");
let faults = 0;
printTable([
  ["webhook", "hears", "sent", "accepted", "delivered", "retried", "verified", "missing"],
  ...receivers.map(count),
], 2);
const failed = sum((receiver) => receiver.failed);
const twice = sum((receiver) => receiver.again);
console.log(`
  sent again after the kill: ${repeated.sent} events, of which ${repeated.known} were known by their keys
  requests answered with 503: ${failed}; events that came twice: ${twice}
  a stranger's request without a signature: refused with ${forged}`);

const right = faults === 0 && new Set(emitted.map(({ type }) => type)).size === 9 &&
  repeated.known === repeated.sent && forged === 401 && killed?.signal === "SIGKILL" &&
  ended.code === 0;
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`\n${right ? "Nothing is missing" : "SOMETHING IS MISSING OR FAILED"} (${seconds} s)`);
if (!right) Deno.exitCode = 1;

/** What the agent does with every event. */
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

/** 2. The server dies with half of a request: the agent can't know what it has stored. */
async function killInTheMiddleOf(event: AgentEvent): Promise<void> {
  const answer = client.sendHalf(event).then(() => "an answer", () => "no answer");
  let waiting = await client.deliveries("pending");
  while (!isQuiet(waiting)) {
    await pause(10);
    waiting = await client.deliveries("pending");
  }
  killed = await server.end("SIGKILL");
  const all = [...accepted.values()].reduce((total, { deliveries }) => total + deliveries, 0);
  const { length } = waiting;
  printTitle(`${killed.signal} in the middle of a request`);
  console.log(`  The agent has ${await answer}: it can't know whether this event is stored.`);
  console.log(
    `  ${accepted.size} are, for ${all} deliveries: ${all - length} have arrived, ${length} wait.`,
  );

  await Promise.all(receivers.map((receiver) => receiver.recover()));
  server = await serve();
  client = new Client(await server.url, token, inTime);
  printTitle("The second server, on the same store; the receivers are well");
  for (const [event, { id }] of accepted) {
    const receipt = await client.send(event);
    repeated.sent++;
    if (receipt.known && receipt.id === id) repeated.known++;
  }
  console.log(
    `  The agent sends its ${repeated.sent} events again, with the same keys: ${repeated.known} are known.`,
  );
  console.log("  Then it sends the one that had no answer, and goes on.\n");
}

/**
 * Whether no attempt is under way, or about to be. Whoever makes one has a lease of its timeout and 20 s
 * more, and when that process is killed, nobody tries again before: more patience than a demo asks for.
 */
function isQuiet(pending: readonly Delivery[]): boolean {
  const soon = Date.now() + 200;
  return pending.every(({ leased_until, due_at }) =>
    leased_until === undefined && due_at !== undefined && Date.parse(due_at) > soon
  );
}

/** The row of a webhook. What its receiver verified counts, not what the server says. */
function count({ name, hears, wants, verified }: Receiver): readonly (string | number)[] {
  const own = deliveries.filter(({ target }) => target === name);
  const delivered = own.filter(({ state }) => state === "delivered").length;
  const retried = own.filter(({ made = 0 }) => made > 1).length;
  const sent = emitted.filter(wants).length;
  const promised = [...accepted].filter(([event]) => wants(event));
  const missing = promised.filter(([, { id }]) => !verified.has(id)).length;
  if (missing > 0 || promised.length !== sent || delivered !== sent) faults++;
  return [name, hears, sent, promised.length, delivered, retried, verified.size, missing];
}

function sum(count: (receiver: Receiver) => number): number {
  return receivers.map(count).reduce((total, one) => total + one);
}

function listen(
  name: string,
  hears: string,
  wants: (event: AgentEvent) => boolean,
  secret: string,
  failing: readonly string[] = [],
): Receiver {
  const options = { name, hears, wants, secret, failing };
  return cleanup.use(new Receiver(options, folder));
}

/** Its store is where the configuration says: below the folder in which it runs. */
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
    HOOKS_TOKEN: crypto.randomUUID(),
    HOOKS_ADMIN_TOKEN: token,
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
