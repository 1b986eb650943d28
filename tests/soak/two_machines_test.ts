/**
 * The example of two machines: processes of `hooks serve` behind its load balancer, on one PostgreSQL.
 * @module
 */
import assert from "node:assert/strict";
import { WebhookReceiver } from "@omniagent/hooks/testing";
import { generateSecret } from "@omniagent/hooks/webhook";
import { root } from "../../tools/run.ts";
import { test } from "../support/harness.ts";
import { findPostgres, startPostgres } from "../support/postgres_server.ts";
import { until } from "../support/until.ts";

const HOOKS_TOKEN = "a-token-of-this-test";
const LIMIT = 60_000;

const bin = await findPostgres("The example of two machines");

if (bin !== undefined) {
  test("examples/two-machines: both deliver, and a crash and a restart of one lose nothing", async () => {
    const database = await startPostgres(bin);
    const receiver = await WebhookReceiver.start();
    const env = {
      DATABASE_URL: database.url,
      AUDIT_URL: receiver.url,
      HOOKS_SECRET: generateSecret(),
      HOOKS_TOKEN,
      NO_COLOR: "1",
    };
    const programs: Program[] = [];
    const start = async (...args: string[]): Promise<Program> => {
      const program = new Program(args, env);
      programs.push(program);
      await until(() => program.url !== undefined, args.join(" "), { limit: LIMIT });
      return program;
    };
    const serve = (port: string) =>
      start(
        "src/cli/mod.ts",
        "serve",
        "examples/two-machines/hooks.yaml",
        "--port",
        port,
        "--json",
      );
    try {
      const [a, b] = await Promise.all([serve("0"), serve("0")]);
      const balancer = await start("examples/two-machines/balancer.ts", a.url!, b.url!);
      const ids = new Set<string>();
      const send = async (): Promise<void> => {
        const response = await fetch(`${balancer.url}/events`, {
          method: "POST",
          headers: { authorization: `Bearer ${HOOKS_TOKEN}`, "content-type": "application/json" },
          body: JSON.stringify({ type: "tool.called", data: { name: "bash" } }),
        });
        const text = await response.text();
        assert.equal(response.status, 202, text);
        ids.add(JSON.parse(text).receipts[0].id);
      };
      const gotAll = (): boolean => {
        const received = new Set(receiver.requests.map(({ headers }) => headers.get("webhook-id")));
        return [...ids].every((id) => received.has(id));
      };
      for (let n = 0; n < 40; n++) await send();
      await until(gotAll, "all deliveries", { limit: LIMIT });
      assert.ok(a.delivered() > 0 && b.delivered() > 0, "each machine delivers");

      const { port } = new URL(a.url!);
      a.signal("SIGKILL"); // in the middle of what it accepted
      const crashed = Array.from({ length: 20 }, send);
      await Promise.all(crashed);
      const again = await serve(port);
      for (let n = 0; n < 20; n++) await send();
      b.signal("SIGTERM");
      for (let n = 0; n < 20; n++) await send();
      await until(gotAll, "all deliveries after a crash", { limit: LIMIT });
      assert.equal(ids.size, 100);
      assert.ok(again.delivered() > 0);
      assert.doesNotMatch(programs.map(({ text }) => text).join(""), /unexpected/i);
    } finally {
      await Promise.all(programs.map((program) => program.kill()));
      await receiver.close();
      await database.stop();
    }
  });
}

/** A program of Deno, and what it prints. */
class Program {
  text = "";
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  #isOver = false;

  constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--config=tests/deno.json", ...args],
      cwd: root,
      env: { ...env, PORT: "0" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    void this.#child.status.then(() => this.#isOver = true);
    const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
      for await (const part of stream.pipeThrough(new TextDecoderStream())) this.text += part;
    };
    this.#reading = Promise.all([read(this.#child.stdout), read(this.#child.stderr)]);
  }

  /** Where it listens, once it does. */
  get url(): string | undefined {
    if (this.#isOver) throw new Error(`it ended: ${this.text}`);
    return /(?:Listening on |"url":")(http:[^"\s]+)/.exec(this.text)?.[1];
  }

  /** How many deliveries it says that it made. */
  delivered(): number {
    return this.text.match(/"verdict":"delivered"/g)?.length ?? 0;
  }

  signal(signal: Deno.Signal): void {
    if (!this.#isOver) this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await Promise.all([this.#child.status, this.#reading]);
  }
}
