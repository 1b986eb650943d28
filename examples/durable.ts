/**
 * Nothing is lost when the process is. An agent plays the first half of the recorded conversation and
 * stores each event before it goes on; the webhook's receiver breaks down meanwhile; then the agent is
 * killed with SIGKILL. A second process on the same file delivers what the first had accepted, and plays
 * the rest.
 *
 *     deno run -A --unstable-kv examples/durable.ts
 *
 * It takes 3 s. With `--in-flight` the agent dies in the middle of a request: nobody can know whether that
 * one arrived, so it is sent once more when its lease is over (20 s and the webhook's timeout), and comes
 * twice.
 * @module
 */
import { readFile } from "node:fs/promises";
import { WebhookHook, withWebhookHook } from "@omniagent/hooks";
import { openStore } from "@omniagent/hooks/kv";
import { createOutbox, drainOnSignal } from "@omniagent/hooks/outbox";
import { generateSecret, verifyWebhook } from "@omniagent/hooks/webhook";
import { Agent, Conversation, createTools, jobs } from "./agent.ts";

const [role, ...args] = Deno.args;
if (role === "agent") await runAgent(args as [string, string, string, string]);
else await main(role === "--in-flight");

/** The agent: plays half of the conversation, then waits for a signal. Prints what was accepted. */
async function runAgent([half, path, url, secret]: [string, string, string, string]) {
  const store = await openStore(path);
  const outbox = createOutbox(store);
  const webhook = new WebhookHook({
    name: "audit",
    events: ["*"],
    url,
    secret,
    timeout: 1000,
    retryCount: 5, // quick attempts, before the schedule of days
    retryDelay: 2000,
  });
  const text = await readFile(new URL("conversation.jsonl", import.meta.url), "utf8");
  const lines = text.trim().split("\n").map((line) => JSON.parse(line));
  const middle = lines.findIndex((line) => line.stop_after_ms !== undefined);
  const part = half === "first" ? lines.slice(0, middle) : lines.slice(middle);
  const conversation = new Conversation(part);
  const { model, now } = conversation;

  const accepted: string[] = [];
  const agent = new Agent({
    model,
    now,
    tools: createTools(),
    jobs,
    outbox,
    hooks: [withWebhookHook(webhook)],
    trace(_type, _data, { id }) {
      accepted.push(id); // it is in the store
      console.log(`accepted ${id}`);
    },
  });
  drainOnSignal(agent.hooks); // for a signal that can be heard; SIGKILL can't
  await conversation.play(agent);
  for (const id of accepted) { // has each been tried, whatever came of it?
    while (!(await outbox.get("audit", id))?.made) await pause(10);
  }
  console.log("idle");
}

/** The receiver, and the hand that kills. */
async function main(inFlight: boolean): Promise<void> {
  const started = performance.now();
  const folder = await Deno.makeTempDir({ prefix: "hooks_durable_" });
  const receiver = startReceiver(inFlight);
  const start = (half: string) => startAgent(half, `${folder}/hooks.db`, receiver);

  const first = start("first");
  await Promise.race([first.idle, receiver.held]);
  first.process.kill("SIGKILL");
  const { signal } = await first.ended;
  const before = receiver.heard.length;
  console.log(`The first process ended by ${signal}: ${before} of the events that`);
  console.log(
    `it had accepted were delivered. The receiver is well again, a second process starts.`,
  );
  if (inFlight) console.log("Requests were under way: their leases end in 21 s.");

  receiver.recover();
  const second = start("second");
  await second.idle;
  const accepted = [...first.accepted, ...second.accepted];
  const missing = () => accepted.filter((id) => !receiver.heard.includes(id));
  const twice = () => receiver.heard.length - new Set(receiver.heard).size;
  const waiting = () => missing().length > 0 || (inFlight && twice() === 0);
  for (let n = 0; n < 600 && waiting(); n++) await pause(50);
  second.process.kill("SIGTERM"); // drainOnSignal hears this one
  const { code } = await second.ended;
  await receiver.server.shutdown();
  await Deno.remove(folder, { recursive: true });

  const { heard, refused } = receiver;
  const row = (name: string, n: number) => console.log(name.padEnd(30) + String(n).padStart(5));
  console.log();
  row("accepted, first process", first.accepted.length);
  row("accepted, second process", second.accepted.length);
  row("delivered before the kill", before);
  row("delivered after it", heard.length - before);
  row("answered 503, and sent again", refused);
  row("duplicates", twice());
  row("missing", missing().length);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const right = signal === "SIGKILL" && code === 0 && missing().length === 0;
  console.log(
    `\n${right ? "nothing is missing" : "SOMETHING IS MISSING OR FAILED"} (${seconds} s)`,
  );
  if (!right) Deno.exitCode = 1;
}

/** A receiver that verifies. After five requests it refuses all, or leaves one without an answer. */
function startReceiver(inFlight: boolean) {
  const secret = generateSecret();
  const heard: string[] = []; // the ids of what was verified, as often as it came
  const held = Promise.withResolvers<void>();
  let well = false;
  let refused = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    if (!inFlight && !well && heard.length >= 5) {
      refused++;
      return new Response("out of order", { status: 503 });
    }
    const { id } = await verifyWebhook(await request.bytes(), request.headers, { secrets: secret });
    heard.push(id);
    if (inFlight && !well && heard.length === 5) {
      held.resolve(); // it came, but whoever sent it will not learn that
      await pause(500);
    }
    return new Response();
  });
  return {
    server,
    secret,
    heard,
    held: held.promise,
    recover: () => void (well = true),
    get refused() {
      return refused;
    },
  };
}

/** Starts this file as the agent. `idle`: it has played its half, and each event was tried once. */
function startAgent(half: string, path: string, receiver: ReturnType<typeof startReceiver>) {
  const { server, secret } = receiver;
  const url = `http://127.0.0.1:${server.addr.port}/`;
  const file = new URL(import.meta.url).pathname;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--unstable-kv", file, "agent", half, path, url, secret],
    stdout: "piped",
  }).spawn();
  const accepted: string[] = [];
  const idle = Promise.withResolvers<void>();
  const read = async () => {
    let text = "";
    for await (const part of process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (text + part).split("\n");
      text = lines.pop()!;
      for (const line of lines) {
        if (line === "idle") idle.resolve();
        else if (line.startsWith("accepted ")) accepted.push(line.slice("accepted ".length));
      }
    }
    idle.resolve(); // or it has ended
    return await process.status;
  };
  return { process, accepted, idle: idle.promise, ended: read() };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
