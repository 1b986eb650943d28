import { freePort } from "../../../tools/run.ts";

/** The program of the receiver, in a process of its own: it reads each request, and responds 204. */
const RECEIVER =
  `const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: ({ port }) => console.log(port) },
  async (request) => { await request.arrayBuffer(); return new Response(null, { status: 204 }); });
await server.finished;`;

/** Starts the receiver of all deliveries. */
export async function startReceiver(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", RECEIVER],
    stdout: "piped",
  }).spawn();
  const reader = process.stdout.getReader();
  const { value } = await reader.read();
  const port = new TextDecoder().decode(value).trim();
  const stop = async () => {
    process.kill();
    await reader.cancel();
    await process.status;
  };
  return { url: `http://127.0.0.1:${port}/`, stop };
}

/** Starts Redis so that it confirms only what is on the disk; undefined, with a printed line, without it. */
export async function startRedis(
  folder: string,
): Promise<{ readonly port: number; stop(): Promise<void> } | undefined> {
  const port = freePort();
  const settings = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
  const durable = ["--appendonly", "yes", "--appendfsync", "always"];
  // What BullMQ needs: https://docs.bullmq.io/guide/going-to-production
  const policy = ["--maxmemory-policy", "noeviction"];
  let process: Deno.ChildProcess;
  try {
    process = new Deno.Command("redis-server", {
      args: [...settings, ...durable, ...policy],
      stdout: "null",
      stderr: "null",
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.log("BullMQ: left out, as redis-server is not installed");
    return undefined;
  }
  while (!await accepts(port)) await new Promise((resolve) => setTimeout(resolve, 50));
  const stop = async () => {
    process.kill();
    await process.status;
  };
  return { port, stop };
}

async function accepts(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}
