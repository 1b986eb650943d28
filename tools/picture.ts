/**
 * Draws docs/tail.svg, the picture in README. A small agent posts to a real `hooks serve`, a webhook
 * fails once, and what `hooks tail` and `hooks deliveries` print is drawn as a terminal. Ids, times
 * and durations are replaced by fixed ones, so that the picture only changes when the output does.
 *
 * `deno task picture` writes the file; with `--check`, it fails if the file is out of date.
 * @module
 */
import { withNamedHook } from "@omniagent/hooks";
import { processIO, run } from "@omniagent/hooks/cli";
import { WebhookReceiver } from "@omniagent/hooks/testing";
import { Agent } from "../examples/agent.ts";
import { Conversation } from "../examples/conversation.ts";
import { type AgentEvent, Client } from "../examples/demo_client.ts";
import { HooksProcess } from "../examples/demo_process.ts";
import { createTools } from "../examples/tools.ts";
import { checkArguments, root } from "./run.ts";

const FILE = `${root}/docs/tail.svg`;

/** The width of the terminal, in characters. */
const COLUMNS = 92;

/** The events of one run of the agent. */
const EVENTS = 7;

/** What each color of the terminal becomes. */
const CLASSES: Readonly<Record<string, string>> = {
  "1": "bold",
  "2": "dim",
  "31": "red",
  "32": "green",
  "33": "yellow",
  "36": "cyan",
};

// deno-lint-ignore no-control-regex
const ESCAPE = /\x1b\[(\d+)m/;

/** The size of a character and the margin around the text, in pixels. */
const CHARACTER = { width: 8.4, height: 20 };
const MARGIN = { x: 18, y: 44 };

const check = Deno.args[0] === "--check";
checkArguments("deno task picture [--check]", Deno.args.length === (check ? 1 : 0));
const picture = draw(normalize(await record()));
if (!check) await Deno.writeTextFile(FILE, picture);
else if (await Deno.readTextFile(FILE) !== picture) {
  console.error("docs/tail.svg is out of date: run 'deno task picture'");
  Deno.exit(1);
}

/** Runs the agent against a real server; returns what the commands print, with escape codes. */
async function record(): Promise<string> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "hooks_picture_" });
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));
  const receiver = await WebhookReceiver.start(
    { status: 503, body: "deploying, back in a second" },
    { status: 200, body: "" },
  );
  cleanup.defer(() => receiver.close());
  const webhook = {
    name: "audit",
    events: ["tool.*"],
    url: receiver.url,
    retry_count: 2,
    retry_delay: "50ms",
    concurrency: 1, // the first event is the one that fails
  };
  await Deno.writeTextFile(
    `${folder}/hooks.yaml`,
    JSON.stringify({ hooks: { webhooks: [webhook] } }),
  );
  const token = crypto.randomUUID();
  const env = { HOOKS_TOKEN: token };
  const server = cleanup.use(new HooksProcess(["serve", "--port", "0"], { cwd: folder, env }));
  const url = await server.url;
  const signal = AbortSignal.timeout(60_000);
  const client = new Client(url, token, signal);

  let screen = "\x1b[32m$\x1b[0m hooks tail\n";
  const following = Promise.withResolvers<void>();
  const command = (args: readonly string[]): Promise<number> =>
    run([...args, "--url", url, "--token", token], {
      ...processIO(),
      env: () => undefined,
      stdout: { isTerminal: true, columns: COLUMNS, write: (text) => void (screen += text) },
      stderr: {
        isTerminal: true,
        columns: COLUMNS,
        write(text) {
          screen += text;
          if (text.startsWith("following ")) following.resolve();
        },
      },
    });
  const tail = command(["tail", "--limit", `${EVENTS}`]);
  await Promise.race([following.promise, tail]);
  await runAgent(client);
  if (await tail !== 0) throw new Error(`hooks tail failed:\n${screen}`);

  const isSettled = async (): Promise<boolean> => (await client.deliveries("pending")).length === 0;
  while (!await isSettled()) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const [delivery] = (await client.deliveries("attempted")).filter(({ made = 0 }) => made > 1);
  screen += `\n\x1b[32m$\x1b[0m hooks deliveries audit ${delivery!.event_id}\n`;
  if (await command(["deliveries", "audit", delivery!.event_id]) !== 0) throw new Error(screen);
  return screen.replaceAll(url, "http://127.0.0.1:8787");
}

/** Plays the first message of the written conversation. */
async function runAgent(client: Client): Promise<void> {
  const forward = withNamedHook("*", "forward", async (event) => {
    await client.send(event as AgentEvent);
  });
  const conversation = await Conversation.read(1);
  const { model } = conversation;
  const agent = new Agent({ model, tools: createTools(), hooks: [forward] });
  await conversation.play(agent);
  await agent.close();
}

/** Replaces what differs between two runs. */
function normalize(screen: string): string {
  const ids = new Map<string, string>();
  let time = Date.parse("2026-01-31T12:00:00.114Z");
  return screen
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, (id) => {
      const known = ids.get(id) ??
        `019c1341-${(0xa000 + ids.size * 0x1b).toString(16)}-7c2e-8f4d-5b0e93d1a7c6`;
      ids.set(id, known);
      return known;
    })
    .replace(/\d{4}-\d\d-\d\d(?=[T ])/g, "2026-01-31")
    .replace(/\d\d:\d\d:\d\d\.\d{3}/g, () => {
      time += 27;
      return new Date(time).toISOString().slice(11, 23);
    })
    .replace(/"duration_ms":\d+/g, '"duration_ms":189')
    .replace(/\d\d:\d\d:\d\dZ/g, "12:00:00Z")
    .replace(/\d+ ms/g, "4 ms");
}

/** Draws a terminal with this text. */
function draw(screen: string): string {
  const lines = screen.trimEnd().split("\n");
  const width = Math.ceil(COLUMNS * CHARACTER.width) + 2 * MARGIN.x;
  const height = lines.length * CHARACTER.height + MARGIN.y + MARGIN.x;
  const body = lines.flatMap((line, row) => {
    const y = MARGIN.y + (row + 0.75) * CHARACTER.height;
    const spans = spansOf(line);
    return spans.length === 0 ? [] : [`<text y="${y}">${spans.join("")}</text>`];
  });
  const dots = ["#ff5f57", "#febc2e", "#28c840"].map((color, index) =>
    `<circle cx="${24 + index * 20}" cy="22" r="6" fill="${color}"/>`
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="hooks tail prints each event as it is accepted; hooks deliveries shows that a webhook failed with 503 and was retried">
<style>
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #c9d1d9; white-space: pre; }
.bold { font-weight: 700; fill: #f0f6fc; }
.dim { fill: #6e7681; }
.red { fill: #ff7b72; }
.green { fill: #3fb950; }
.yellow { fill: #d29922; }
.cyan { fill: #39c5cf; }
</style>
<rect width="${width}" height="${height}" rx="10" fill="#0d1117"/>
${dots.join("\n")}
${body.join("\n")}
</svg>
`;
}

/** The pieces of a line, each at its column. */
function spansOf(line: string): string[] {
  const spans: string[] = [];
  let column = 0;
  let style = "";
  for (const [index, part] of line.split(ESCAPE).entries()) {
    if (index % 2 === 1) { // the code of an escape
      style = CLASSES[part] ?? "";
      continue;
    }
    if (part.trim() !== "") {
      const indent = part.length - part.trimStart().length;
      const x = MARGIN.x + (column + indent) * CHARACTER.width;
      const text = part.trim();
      const length = (text.length * CHARACTER.width).toFixed(1);
      const attribute = style === "" ? "" : ` class="${style}"`;
      spans.push(
        `<tspan x="${x.toFixed(1)}" textLength="${length}"${attribute}>${escape(text)}</tspan>`,
      );
    }
    column += part.length;
  }
  return spans;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
