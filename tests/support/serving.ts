/**
 * A hooks server for tests: `hooks serve` on a free port, with an in-memory store.
 * @module
 */
import assert from "node:assert/strict";
import { processIO } from "@omniagent/hooks/cli";
import { Terminal, type TerminalOptions } from "./terminal.ts";

/** The token of the server. */
export const TOKEN = "a-token-of-this-test";

/** Options of `serving`. */
type ServingOptions = TerminalOptions & {
  /** The files it can read, by path; tests may change them. */
  readonly files?: Record<string, string>;
  readonly args?: readonly string[];
};

/** Serves while `use` runs, then stops with SIGTERM. */
export async function serving(
  { files = {}, args = [], ...options }: ServingOptions,
  use: (server: Terminal, url: string) => Promise<void>,
): Promise<Terminal> {
  const environment = { HOOKS_TOKEN: TOKEN, ...options.environment };
  const readFile = filesIn(files);
  const server = new Terminal({ readFile, ...options, environment });
  const running = server.run("serve", "--port", "0", "--store", ":memory:", ...args);
  const [, url] = await Promise.race([
    server.match(/serving(?:","url":"| )(http:[^: ]+:\d+)/),
    running.then((code) => assert.fail(`it exited with ${code}: ${server.stderr}`)),
  ]);
  try {
    await use(server, url!);
  } finally {
    assert.ok(server.signal("SIGTERM"));
    assert.equal(await running, 0);
  }
  return server;
}

/** Runs a command against a server, with its token. */
export async function ask(
  url: string,
  args: readonly string[],
  options: TerminalOptions = {},
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const environment = { HOOKS_URL: url, HOOKS_TOKEN: TOKEN, ...options.environment };
  const terminal = new Terminal({ ...options, environment });
  const code = await terminal.run(...args);
  return { code, stdout: terminal.stdout, stderr: terminal.stderr };
}

/** Returns a `readFile` with files in memory. */
export function filesIn(
  files: Readonly<Record<string, string>>,
): (path: string) => Promise<Uint8Array> {
  return (path) => {
    const text = files[path];
    if (text !== undefined) return Promise.resolve(new TextEncoder().encode(text));
    return Promise.reject(Object.assign(new Error("no such file"), { code: "ENOENT" }));
  };
}

/** Returns a URL where nothing listens. */
export async function deadUrl(): Promise<string> {
  const options = { hostname: "127.0.0.1", port: 0 };
  const server = await processIO().serve(options, () => new Response());
  await server.close(0);
  return `http://127.0.0.1:${server.port}`;
}

/** Asks the gates of a server about a tool call of Claude Code. Resolves to their decision and its reason. */
export async function decideCall(url: string): Promise<{
  readonly permissionDecision?: string;
  readonly permissionDecisionReason?: string;
}> {
  const response = await fetch(`${url}/gates/claude-code`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({
      hook_event_name: "PreToolUse",
      session_id: "s-1",
      tool_name: "Bash",
      tool_input: { command: "ls" },
      tool_use_id: `toolu_${Math.random()}`,
    }),
  });
  return (await response.json()).hookSpecificOutput ?? {};
}
