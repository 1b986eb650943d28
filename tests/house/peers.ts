/**
 * Starts the programs of the documents that are written in other languages. They need a toolchain: without
 * it, their tests are skipped. `PYTHON` names another Python than `python3`, such as that of a
 * virtual environment with `standardwebhooks`.
 * @module
 */
import assert from "node:assert/strict";
import { freePort } from "../../tools/run.ts";
import { inFolder } from "../support/folder.ts";
import { blocksOf, readDocuments } from "./documents.ts";

const GO_MODULE = "github.com/standard-webhooks/standard-webhooks/libraries@v0.0.1";
/** How long a program may take until it listens, in milliseconds. */
const TIMEOUT = 60_000;

/** A program and its arguments. */
export type Command = readonly [program: string, ...args: string[]];

const PYTHON = Deno.env.get("PYTHON") ?? "python3";

/** Why no program in Python can be run; undefined if they can. */
export const noPython: string | undefined = await run(PYTHON, ["-c", "import standardwebhooks"])
  ? undefined
  : `${PYTHON} or its package standardwebhooks is not installed`;

const GO = await newGo();

/** Why no program in Go can be run; undefined if they can. */
export const noGo: string | undefined = GO === undefined
  ? "Go 1.21, which standard-webhooks needs, is not installed"
  : undefined;

/** Writes the Python program of a page, and passes its command on. */
export async function withPythonProgram(
  page: string,
  use: (command: Command) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/program.py`, await programIn(page, "python"));
    await use([PYTHON, `${folder}/program.py`]);
  });
}

/** Builds the Go program of a page, and passes its command on. */
export async function withGoProgram(
  page: string,
  use: (command: Command) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/main.go`, await programIn(page, "go"));
    for (
      const args of [
        ["mod", "init", "program"],
        ["get", GO_MODULE],
        ["build", "-buildvcs=false", "-o", "program", "."],
      ]
    ) {
      assert.ok(await run(GO!, args, folder), `go ${args.join(" ")}`);
    }
    await use([`${folder}/program`]);
  });
}

/** Returns a command of Go 1.21 or newer: Debian's, or the one that go.dev installs. */
async function newGo(): Promise<string | undefined> {
  for (const go of ["go", "/usr/local/go/bin/go"]) {
    try {
      const { stdout } = await new Deno.Command(go, { args: ["version"] }).output();
      const [, minor = "0"] = /go1\.(\d+)/.exec(new TextDecoder().decode(stdout)) ?? [];
      if (Number(minor) >= 21) return go;
    } catch {
      // not installed
    }
  }
  return undefined;
}

/** Runs against a program that listens on `PORT`, and returns what the program printed. */
export async function withServer(
  [program, ...args]: Command,
  env: Readonly<Record<string, string>>,
  use: (url: string) => Promise<void>,
  port: number = freePort(),
): Promise<string> {
  const child = new Deno.Command(program, {
    args,
    env: { ...env, PORT: String(port), PYTHONUNBUFFERED: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [out, err] = [new Response(child.stdout).text(), new Response(child.stderr).text()];
  try {
    await listening(port);
    await use(`http://127.0.0.1:${port}/`);
  } finally {
    child.kill();
    await child.status;
  }
  return `${await out}${await err}`;
}

/** Returns the only block of a page in a language. */
export async function programIn(path: string, language: string): Promise<string> {
  const page = (await readDocuments()).find((document) => document.path === path)!;
  const programs = blocksOf(page).filter((block) => block.language === language);
  assert.equal(programs.length, 1);
  return programs[0]!.code;
}

/** Waits until something listens. */
async function listening(port: number): Promise<void> {
  const deadline = Date.now() + TIMEOUT;
  for (;;) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => undefined);
    connection?.close();
    if (connection) return;
    assert.ok(Date.now() < deadline, `nothing listens on ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Whether a command succeeds; a program that is not there does not. */
export async function run(
  command: string,
  args: readonly string[],
  cwd?: string,
): Promise<boolean> {
  try {
    const options = { args: [...args], ...(cwd ? { cwd } : {}), stdout: "null", stderr: "null" };
    return (await new Deno.Command(command, options as Deno.CommandOptions).output()).success;
  } catch {
    return false;
  }
}
