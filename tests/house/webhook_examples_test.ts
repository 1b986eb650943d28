/**
 * The two webhook examples, unchanged: the one that receives prints the command of the other.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";

const root = new URL("../..", import.meta.url);

/** Starts the receiver on a free port; gives its output line by line, and stops it at the end. */
async function withReceiver(
  run: (line: () => Promise<string>, command: string) => Promise<void>,
): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "examples/webhook_receive.ts"],
    cwd: root,
    env: { PORT: "0", NO_COLOR: "1" },
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const line = async (): Promise<string> => {
    while (!text.includes("\n")) {
      const { done, value } = await reader.read();
      if (done) assert.fail(`the receiver ended after: ${text}`);
      text += value;
    }
    const [first, ...rest] = text.split("\n");
    text = rest.join("\n");
    return first!;
  };
  try {
    assert.equal(await line(), "Waiting for webhooks. In another terminal:");
    assert.equal(await line(), "");
    const command = await line();
    assert.equal(await line(), "");
    await run(line, command);
  } finally {
    child.kill();
    await reader.cancel();
    await child.status;
  }
}

/** Runs a command of a terminal in the root of the repository. */
async function shell(command: string) {
  const args = ["-c", command];
  const env = { NO_COLOR: "1" };
  const { code, stdout, stderr } = await new Deno.Command("sh", { args, cwd: root, env }).output();
  const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, out: decode(stdout), err: decode(stderr) };
}

test("the command that webhook_receive.ts prints delivers two events, which it verifies and prints", () =>
  withReceiver(async (line, command) => {
    const { code, out, err } = await shell(command);
    assert.deepEqual({ code, out, err }, {
      code: 0,
      out: "Delivered: tool.called, agent.end\n",
      err: "",
    });
    const id = / \([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}\)$/;
    const [first, second] = [await line(), await line()];
    assert.match(first, id);
    assert.equal(first.replace(id, ""), 'tool.called {"name":"bash","params":{"command":"ls"}}');
    assert.equal(
      second.replace(id, ""),
      'agent.end {"success":true,"aborted":false,"duration_ms":1200}',
    );
  }));

test("webhook_send.ts with another secret fails, and prints the receiver's response", () =>
  withReceiver(async (line, command) => {
    const other = `whsec_${btoa("another secret of 24 bytes or more")}`;
    const { code, out, err } = await shell(command.replace(/whsec_\S+/, other));
    assert.equal(await line(), "rejected: 401 no_matching_signature");
    assert.deepEqual([code, out], [1, ""]);
    assert.match(err, /Webhook 'example' failed after 1 attempt: the response was 401/);
  }));

test("webhook_send.ts without a secret says where to get one", async () => {
  const { code, err } = await shell("WEBHOOK_SECRET= deno run -A examples/webhook_send.ts");
  assert.equal(code, 2);
  assert.match(err, /Set WEBHOOK_SECRET to the secret that examples\/webhook_receive\.ts printed/);
});
