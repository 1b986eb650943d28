/**
 * Instances of a server, each a process.
 * @module
 */
import { fileURLToPath } from "node:url";

/** One of them. */
export type Instance = {
  readonly port: number;
  /** Posts events of a data each; resolves with their ids. */
  post(...data: readonly unknown[]): Promise<readonly string[]>;
  /** Kills it. */
  kill(): Promise<void>;
};

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Starts one over a file, with a clock that is wrong by some milliseconds. */
export async function startInstance(path: string, skew = 0, port = 0): Promise<Instance> {
  const script = "tests/internal/hono/instance.ts";
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--unstable-kv", script, path, `${port}`, `${skew}`],
    cwd: root,
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const listening = Number((await reader.read()).value);
  const url = `http://127.0.0.1:${listening}/hooks/events`;
  return {
    port: listening,
    async post(...data) {
      const events = data.map((one) => ({ type: "tool.custom", data: one }));
      const headers = { "content-type": "application/json" };
      const response = await fetch(url, {
        method: "POST",
        headers,
        body: JSON.stringify({ events }),
      });
      const { receipts } = await response.json() as {
        readonly receipts: readonly { id: string }[];
      };
      return receipts.map(({ id }) => id);
    },
    async kill() {
      child.kill("SIGKILL");
      await reader.cancel();
      await child.status;
    },
  };
}
