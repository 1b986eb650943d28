/**
 * Nothing is lost when the process is. A shop emits an event for each order; its receiver breaks down;
 * then the shop is killed with SIGKILL. A second process on the same file delivers what the first had
 * accepted, and emits the rest.
 *
 *     deno run -A --unstable-kv examples/durable.ts
 *
 * It takes 3 s. With `--in-flight` the shop dies in the middle of requests: nobody can know whether those
 * arrived, so they are sent once more when their lease is over (20 s and the webhook's timeout), and
 * come twice.
 * @module
 */
import { type AgentEvents, createHooks, WebhookHook } from "@omniagent/hooks";
import { openStore } from "@omniagent/hooks/kv";
import { createOutbox, drainOnSignal } from "@omniagent/hooks/outbox";
import { generateSecret, verifyWebhook } from "@omniagent/hooks/webhook";

type Events = AgentEvents & { "order.paid": { order: number } };

const ORDERS = 20;

const [role, ...args] = Deno.args;
if (role === "shop") await runShop(args as [string, string, string, string, string]);
else await main(role === "--in-flight");

/** The shop, a process of its own: emits its orders, then works on until a signal. Prints what it did. */
async function runShop([path, url, secret, from, to]: [string, string, string, string, string]) {
  const store = await openStore(path);
  const outbox = createOutbox(store);
  const hooks = createHooks<Events>({ outbox });
  hooks.use(
    new WebhookHook({
      name: "billing",
      events: ["order.paid"],
      url,
      secret,
      timeout: 1000,
      retryCount: 5, // quick attempts, before the schedule of days
      retryDelay: 2000,
    }),
  );
  drainOnSignal(hooks); // for a signal that can be heard; SIGKILL can't

  for (let order = Number(from); order < Number(to); order++) {
    const { id } = await hooks.emit("order.paid", { order });
    console.log(`accepted ${id}`); // it is in the store
    while (!(await outbox.get("billing", id))?.made) await pause(10);
  }
  console.log("idle"); // each was tried once, whatever came of it
}

/** The receiver, and the hand that kills. */
async function main(inFlight: boolean): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "hooks_durable_" });
  const receiver = startReceiver(inFlight);
  const first = startShop(`${folder}/hooks.db`, receiver, 0, ORDERS / 2);
  await Promise.race([first.idle, receiver.held]);
  first.process.kill("SIGKILL");
  const { signal } = await first.ended;
  const before = receiver.heard.length;
  console.log(
    `The first process ended by ${signal}. The receiver is well again, a second one starts.`,
  );
  if (inFlight) console.log("A request was under way: its lease ends in 21 s.");

  receiver.recover();
  const second = startShop(`${folder}/hooks.db`, receiver, first.accepted.length, ORDERS);
  await second.idle;
  const accepted = [...first.accepted, ...second.accepted];
  const missing = () => accepted.filter((id) => !receiver.heard.includes(id)).length;
  const twice = () => receiver.heard.length - new Set(receiver.heard).size;
  const waiting = () => missing() > 0 || (inFlight && twice() === 0);
  for (let n = 0; n < 600 && waiting(); n++) await pause(50);
  second.process.kill("SIGTERM"); // drainOnSignal hears this one
  const { code } = await second.ended;
  await receiver.server.shutdown();
  await Deno.remove(folder, { recursive: true });

  const row = (name: string, n: number) => console.log(name.padEnd(28) + String(n).padStart(5));
  row("accepted, first process", first.accepted.length);
  row("accepted, second process", second.accepted.length);
  row("delivered before the kill", before);
  row("delivered after it", receiver.heard.length - before);
  row("duplicates", twice());
  row("missing", missing());
  if (signal !== "SIGKILL" || code !== 0 || missing() > 0) Deno.exitCode = 1;
}

/** A receiver that verifies. After five requests it refuses all, or leaves one without an answer. */
function startReceiver(inFlight: boolean) {
  const secret = generateSecret();
  const heard: string[] = []; // the ids of what was verified, as often as it came
  const held = Promise.withResolvers<void>();
  let well = false;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    if (!inFlight && !well && heard.length >= 5) {
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
  return { server, secret, heard, held: held.promise, recover: () => void (well = true) };
}

type Receiver = ReturnType<typeof startReceiver>;

/** Starts this file as the shop, for some of the orders. */
function startShop(path: string, receiver: Receiver, from: number, to: number) {
  const url = `http://127.0.0.1:${receiver.server.addr.port}/`;
  const file = new URL(import.meta.url).pathname;
  const args = ["run", "-A", "--quiet", "--unstable-kv", file, "shop"];
  const process = new Deno.Command(Deno.execPath(), {
    args: [...args, path, url, receiver.secret, String(from), String(to)],
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
        else accepted.push(line.slice("accepted ".length));
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
