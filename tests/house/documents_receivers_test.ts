/**
 * The receivers in other languages of docs/webhooks.md, as they stand, with `WebhookHook` as the sender.
 * They need a toolchain: where it is not there, what is missing is printed. `PYTHON` names another Python
 * than `python3`, such as that of a virtual environment with `standardwebhooks`.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, DispatchError, WebhookHook } from "@omniagent/hooks";
import { generateSecret } from "@omniagent/hooks/webhook";
import { freePort } from "../../tools/run.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { blocksOf, readDocuments } from "./documents.ts";

const GO_MODULE = "github.com/standard-webhooks/standard-webhooks/libraries@v0.0.1";
/** How long a program may take until it listens, in milliseconds. */
const PATIENCE = 20_000;

test("the receiver in Python verifies what WebhookHook sends, and refuses another secret", async () => {
  const python = Deno.env.get("PYTHON") ?? "python3";
  const found = await run(python, ["-c", "import standardwebhooks"]);
  if (!found) return notRun("Python", `${python} with the package standardwebhooks`);
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/receiver.py`, await programIn("python"));
    await tryOut(python, [`${folder}/receiver.py`]);
  });
});

test("the receiver in Go verifies what WebhookHook sends, and refuses another secret", async () => {
  if (!await run("go", ["version"])) return notRun("Go", "go");
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/main.go`, await programIn("go"));
    assert.ok(await run("go", ["mod", "init", "receiver"], folder));
    if (!await run("go", ["get", GO_MODULE], folder)) return notRun("Go", GO_MODULE);
    assert.ok(await run("go", ["build", "-o", "receiver", "."], folder), "go build");
    await tryOut(`${folder}/receiver`, []);
  });
});

async function programIn(language: string): Promise<string> {
  const page = (await readDocuments()).find(({ path }) => path === "docs/webhooks.md")!;
  const programs = blocksOf(page).filter((block) => block.language === language);
  assert.equal(programs.length, 1);
  return programs[0]!.code;
}

/** Starts a receiver and sends to it: with its secret, then with another. */
async function tryOut(command: string, args: readonly string[]): Promise<void> {
  const secret = generateSecret();
  const port = freePort();
  const child = new Deno.Command(command, {
    args: [...args],
    env: { WEBHOOK_SECRET: secret, PORT: String(port), PYTHONUNBUFFERED: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [out, err] = [new Response(child.stdout).text(), new Response(child.stderr).text()];
  try {
    await listening(port);
    const url = `http://127.0.0.1:${port}/`;
    await send(url, secret);
    await assert.rejects(
      send(url, generateSecret()),
      (error) => error instanceof DispatchError && /the response was 401/.test(error.message),
    );
  } finally {
    child.kill();
    await child.status;
  }
  assert.match(`${await out}${await err}`, /tool\.called s-1 [0-9a-f]{8}-[0-9a-f]{4}-7/);
}

async function send(url: string, secret: string): Promise<void> {
  const hooks = createHooks({ logger: silentLogger });
  // Beyond ASCII, and two signatures: what libraries get wrong.
  const secrets = [generateSecret(), secret];
  hooks.use(new WebhookHook({ name: "receiver", events: ["*"], url, secrets }));
  try {
    await hooks.emit("tool.called", { name: "grüße 🎉" }, { sessionId: "s-1" });
  } finally {
    await hooks.close();
  }
}

/** Waits until something listens. */
async function listening(port: number): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => undefined);
    connection?.close();
    if (connection) return;
    assert.ok(Date.now() < deadline, `nothing listens on ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Whether a command succeeds; a program that is not there does not. */
async function run(command: string, args: readonly string[], cwd?: string): Promise<boolean> {
  try {
    const options = { args: [...args], ...(cwd ? { cwd } : {}), stdout: "null", stderr: "null" };
    return (await new Deno.Command(command, options as Deno.CommandOptions).output()).success;
  } catch {
    return false;
  }
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "hooks_receivers_" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function notRun(language: string, missing: string): void {
  console.log(`not run: the receiver in ${language}, as there is no ${missing}`);
}
