/**
 * A server whose deliveries were given up.
 * @module
 */
import assert from "node:assert/strict";
import { ask, serving } from "./serving.ts";
import { Terminal } from "./terminal.ts";

/**
 * A server whose one webhook has answered 404 to `a.one` and some more events; `repair` makes its
 * receiver answer 200.
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
        await server.match(new RegExp(`${id} to audit: 404 final`));
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

/** Waits until the server has written down what became of so many attempts. */
async function settled(url: string, count: number): Promise<void> {
  for (let look = 0; look < 500; look++) {
    const { stdout } = await ask(url, ["deliveries", "--state", "dead", "--json"]);
    if (lines(stdout).length === count) return;
  }
  assert.fail(`there never were ${count} dead deliveries`);
}

/** The lines of a text, without empty ones. */
export function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
