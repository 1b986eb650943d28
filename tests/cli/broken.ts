/**
 * A server with dead deliveries.
 * @module
 */
import assert from "node:assert/strict";
import { ask, serving } from "../support/serving.ts";
import { Terminal } from "../support/terminal.ts";

/**
 * Runs a server whose webhook responded 404 to `a.one` and some more events; `repair` makes its
 * receiver respond 200.
 */
export async function broken(
  more: readonly string[],
  use: (url: string, repair: () => Terminal, id: string) => Promise<void>,
): Promise<void> {
  let roll = 0;
  const receiver = new Terminal({ random: () => roll });
  const running = receiver.run("listen", "--port", "0", "--fail", "50%", "--status", "404");
  const [, receiverUrl] = await receiver.match(/listening on (http:\S+),/);
  const webhook = `{ name: audit, url: "${receiverUrl}", events: ["a.*", "b.*"] }`;
  const files = { "hooks.yaml": `hooks: { webhooks: [${webhook}] }` };
  try {
    await serving({ files }, async (server, url) => {
      const [id] = await Promise.all(["a.one", ...more].map(async (type) => {
        const { stdout } = await ask(url, ["send", type, "--json"]);
        const { id } = JSON.parse(stdout);
        await server.match(new RegExp(`${id} to audit: 404 permanent failure`));
        return id as string;
      }));
      await settled(url, more.length + 1);
      await use(url, () => (roll = 1, receiver), id!);
    });
  } finally {
    receiver.signal("SIGINT");
    await running;
  }
}

/** Waits until the server has stored the outcome of n attempts. */
async function settled(url: string, count: number): Promise<void> {
  for (let look = 0; look < 500; look++) {
    const { stdout } = await ask(url, ["deliveries", "--state", "dead", "--json"]);
    if (lines(stdout).length === count) return;
  }
  assert.fail(`there were never ${count} dead deliveries`);
}

/** Splits a text into lines, without empty ones. */
export function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
