/**
 * Nothing is lost when a process is killed. A shop emits an event for each order, its receiver starts to
 * fail, and then the shop is killed with SIGKILL. A second process on the same file delivers what the first
 * one accepted, and emits the rest.
 *
 *     deno run -A --unstable-kv examples/durable.ts
 *
 * It takes 3 s. With `--in-flight`, the shop is killed during requests. It is unknown whether they
 * arrived, so they are sent once more when their lease expires (20 s plus the webhook's timeout), and
 * arrive twice.
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

/** Runs the shop in its own process: emits its orders, then keeps delivering until a signal. */
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
      retryCount: 5, // immediate retries, before the longer schedule
      retryDelay: 2000,
    }),
  );
  drainOnSignal(hooks); // for SIGINT and SIGTERM; SIGKILL can't be handled

  for (let order = Number(from); order < Number(to); order++) {
    const { id } = await hooks.emit("order.paid", { order });
    console.log(`accepted ${id}`); // stored
    while (!(await outbox.get("billing", id))?.made) await pause(10);
  }
  console.log("idle"); // each was attempted at least once
}

/** Runs the receiver, and kills the shop. */
async function main(inFlight: boolean): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "hooks_durable_" });
  const receiver = startReceiver(inFlight);
  const first = startShop(`${folder}/hooks.db`, receiver, 0, ORDERS / 2);
  await Promise.race([first.idle, receiver.held]);
  first.process.kill("SIGKILL");
  const { signal } = await first.ended;
  const before = receiver.received.length;
  console.log(
    `The first process ended by ${signal}. The receiver works again; starting a second process.`,
  );
  if (inFlight) console.log("A request was in flight: its lease expires in 21 s.");

  receiver.recover();
  const second = startShop(`${folder}/hooks.db`, receiver, first.accepted.length, ORDERS);
  await second.idle;
  const accepted = [...first.accepted, ...second.accepted];
  const missing = () => accepted.filter((id) => !receiver.received.includes(id)).length;
  const twice = () => receiver.received.length - new Set(receiver.received).size;
  const waiting = () => missing() > 0 || (inFlight && twice() === 0);
  for (let n = 0; n < 600 && waiting(); n++) await pause(50);
  second.process.kill("SIGTERM"); // handled by drainOnSignal
  const { code } = await second.ended;
  await receiver.server.shutdown();
  await Deno.remove(folder, { recursive: true });

  const row = (name: string, n: number) => console.log(name.padEnd(28) + String(n).padStart(5));
  row("accepted, first process", first.accepted.length);
  row("accepted, second process", second.accepted.length);
  row("delivered before the kill", before);
  row("delivered after it", receiver.received.length - before);
  row("duplicates", twice());
  row("missing", missing());
  if (signal !== "SIGKILL" || code !== 0 || missing() > 0) Deno.exitCode = 1;
}

/** Starts a receiver that verifies. After five requests, it fails, or leaves one without a response. */
function startReceiver(inFlight: boolean) {
  const secret = generateSecret();
  const received: string[] = []; // ids of verified requests, including duplicates
  const held = Promise.withResolvers<void>();
  let working = false;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    if (!inFlight && !working && received.length >= 5) {
      return new Response("out of order", { status: 503 });
    }
    const { id } = await verifyWebhook(await request.bytes(), request.headers, { secrets: secret });
    received.push(id);
    if (inFlight && !working && received.length === 5) {
      held.resolve(); // received, but the sender won't know
      await pause(500);
    }
    return new Response();
  });
  return { server, secret, received, held: held.promise, recover: () => void (working = true) };
}

type Receiver = ReturnType<typeof startReceiver>;

/** Starts this file as a shop that emits some of the orders. */
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
    idle.resolve(); // or it exited
    return await process.status;
  };
  return { process, accepted, idle: idle.promise, ended: read() };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
