/**
 * A small agent whose process is killed with SIGKILL in the middle of a tool call and started again, and
 * five listeners that miss nothing: `deno task demo`. Every event is in the store before the agent goes
 * on; what the first process could not deliver, the second does.
 *
 * The figures at the end are counted here, in the process that is not killed, by a receiver that verifies
 * each signature. Whatever is missing after `--limit SECONDS` (28) is a failure.
 * @module
 */
import type { Accepted, Orders, Saying } from "./demo_agent.ts";
import { AgentProcess } from "./demo_process.ts";
import { Receiver } from "./demo_receiver.ts";
import { describeTools, printEvent, printTable, printTitle } from "./demo_report.ts";

const started = performance.now();
const limit = readLimit(Deno.args);
const folder = await Deno.makeTempDir({ prefix: "hooks_demo_" });
const receiver = new Receiver();

// 1. The first process: it talks, the webhook's receiver breaks down, and a signal that can't be heard
// ends the process while a tool runs.
console.log(
  "A small agent talks, and five listeners hear it. Right of each event: the handlers that",
);
console.log("heard it at once, and for how many further listeners it is in the store.");
printTitle("The first process");
await using first = start("first");
await until(() => first.tried);
const killed = await first.end("SIGKILL");
const before = { delivered: receiver.delivered, verified: receiver.verified.length };
printTitle(killed.signal ? `${killed.signal} while the tool runs` : "It ended by itself");
console.log(
  `  ${first.accepted.length} events are in the store. ${before.verified} have reached the`,
);
console.log(
  `  webhook; then its receiver broke down, and answered 503 to ${receiver.refused} requests.`,
);
console.log("  Now it is well again.");

// 2. The second process, on the same file: it goes on, and delivers what the first one left.
receiver.recover();
printTitle("The second process, on the same file");
await using second = start("second");
await until(() => second.tried);
const accepted = [...first.accepted, ...second.accepted];
await until(() => missing(accepted, receiver.verified) === 0);
const forged = await forge();
const ended = await second.end("SIGTERM"); // heard by drainOnSignal, which closes the agent's hooks
await receiver.close();
await Deno.remove(folder, { recursive: true });

// 3. What was sent, and what arrived.
const { delivered, verified } = receiver;
const types = new Set(accepted.map(({ type }) => type));
const unsure = first.sent + second.sent - accepted.length; // sent, and killed before it was known
printTitle(
  `${accepted.length} events of ${types.size} types, and the webhook that hears all of them`,
);
printTable([
  ["", "sent", "accepted", "delivered", "verified", "missing"],
  row("first process", [first], before.delivered, before.verified),
  row(
    "second process",
    [second],
    delivered - before.delivered,
    verified.length - before.verified,
  ),
  row("together", [first, second], delivered, verified.length),
], 1);

printTitle("Who should have heard what, and who did");
let faults = accepted.flatMap(({ handlers }) => handlers).filter(({ ok }) => !ok).length;
printTable([
  ["listener", "kind", "hears", "accepted", "heard", "missing"],
  ...listeners().map(([name, kind, hears, wants, heard]) => {
    const wanted = accepted.filter(wants);
    const gone = missing(wanted, heard);
    faults += gone + Math.max(0, heard.length - wanted.length - unsure); // too often is as wrong
    return [name, kind, hears, wanted.length, heard.length, gone];
  }),
], 3);

console.log(`\n  meter, over both lives: ${describeTools(Object.values(second.metered))}`);
console.log(`  webhook: ${delivered - verified.length} events came twice`);
console.log(`  a stranger's request without a signature: refused with ${forged}`);

const right = faults === 0 && types.size === 9 && forged === 400 && killed.signal === "SIGKILL" &&
  ended.code === 0;
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`\n${right ? "Nothing is missing" : "SOMETHING IS MISSING OR FAILED"} (${seconds} s)`);
if (!right) Deno.exitCode = 1;

function readLimit([flag, value]: readonly string[]): number {
  const seconds = flag === undefined ? 28 : Number(value);
  if ((flag === undefined || flag === "--limit") && seconds > 0) return seconds * 1000;
  console.error("usage: deno task demo [--limit SECONDS]");
  Deno.exit(2);
}

function start(process: Orders["process"]): AgentProcess {
  const { url, secret } = receiver;
  return new AgentProcess({ process, path: `${folder}/hooks.db`, url, secret }, print);
}

function print(saying: Saying): void {
  if (saying.say === "heading") console.log(`\n${saying.text}`);
  else if (saying.say === "accepted") printEvent(saying);
}

/** Waits for a condition, but not beyond the limit. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition() && performance.now() - started < limit) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function row(
  name: string,
  processes: readonly AgentProcess[],
  delivered: number,
  verified: number,
): readonly (string | number)[] {
  const accepted = processes.flatMap((process) => process.accepted);
  const sent = processes.reduce((sum, process) => sum + process.sent, 0);
  const gone = missing(accepted, receiver.verified);
  return [name, sent, accepted.length, delivered, verified, gone];
}

function missing(wanted: readonly { readonly id: string }[], heard: readonly string[]): number {
  const ids = new Set(heard);
  return wanted.filter(({ id }) => !ids.has(id)).length;
}

/** A stranger sends what was never emitted; the status of the answer. */
async function forge(): Promise<number> {
  const body = JSON.stringify({ id: "1", type: "agent.end", timestamp: new Date(), data: {} });
  const response = await fetch(receiver.url, { method: "POST", body });
  await response.body?.cancel();
  return response.status;
}

type Listener = readonly [
  name: string,
  kind: string,
  hears: string,
  wants: (event: Accepted) => boolean,
  heard: readonly string[],
];

function listeners(): readonly Listener[] {
  const heard = (name: string) => [...first.heard[name] ?? [], ...second.heard[name] ?? []];
  const isMessage = ({ type }: Accepted) => type === "message.received";
  const isTool = ({ type }: Accepted) => type.startsWith("tool.");
  const isFailedTool = (event: Accepted) => isTool(event) && event.data.error !== undefined;
  return [
    ["chat", "handler", "message.received", isMessage, heard("chat")],
    ["alarm", "handler", "tools that failed", isFailedTool, heard("alarm")],
    ["audit", "handler", "*", () => true, heard("audit")],
    ["meter", "durable hook", "tool.*", isTool, Object.keys(second.metered)],
    ["webhook", "signed webhook", "*", () => true, verified],
  ];
}
