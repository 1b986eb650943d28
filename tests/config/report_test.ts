import assert from "node:assert/strict";
import { inspect } from "node:util";
import { ConfigError, parseConfig } from "@omniagent/hooks/config";
import { loadConfig } from "@omniagent/hooks/config/yaml";
import { test } from "../support/harness.ts";

function errorOf(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error;
  }
  assert.fail("no ConfigError");
}

const text = "server:\n  port: '80'\n  hots: x # y\n";
const placed = errorOf(() => loadConfig(text, { env: {}, file: "a/hooks.yaml" }));
const unplaced = errorOf(() => parseConfig({ server: { port: "80" } }, { env: {} }));

test("an error's issues contain everything that its text says", () => {
  assert.deepEqual(placed.issues, [
    {
      code: "invalid_type",
      path: ["server", "port"],
      at: "server.port",
      message: 'must be an integer from 0 to 65535, got "80"; remove the quotes',
      accepted: "an integer from 0 to 65535",
      found: '"80"',
      line: 2,
      column: 9,
      frame: "1 | server:\n2 |   port: '80'\n  |         ^^^^",
    },
    {
      code: "unknown_key",
      path: ["server", "hots"],
      at: "server.hots",
      message: "is unknown; did you mean host?",
      accepted: "host, port, tokens, approval_key, ask, validate, webhook_origins, webhook_rate, " +
        "allow_addresses",
      suggestion: "host",
      line: 3,
      column: 3,
      frame: "2 |   port: '80'\n3 |   hots: … # …\n  |   ^^^^",
    },
  ]);
  assert.equal(placed.file, "a/hooks.yaml");
  assert.equal(placed.code, "config_invalid");
  assert.equal(placed.name, "ConfigError");
  assert.equal(placed.cause, undefined);
});

test("an error's message is its report", () => {
  assert.equal(
    placed.message,
    `Cannot use a/hooks.yaml: 2 errors

a/hooks.yaml:2:9
  server.port must be an integer from 0 to 65535, got "80"; remove the quotes

  1 | server:
  2 |   port: '80'
    |         ^^^^

a/hooks.yaml:3:3
  server.hots is unknown; did you mean host?

  2 |   port: '80'
  3 |   hots: … # …
    |   ^^^^`,
  );
  assert.equal(placed.report(), placed.message);
  assert.equal(
    unplaced.message,
    `Cannot use the configuration: 1 error

  server.port must be an integer from 0 to 65535, got "80"; remove the quotes`,
  );
});

test("a colored report is the plain one with colors", () => {
  const colored = placed.report({ color: true });
  // deno-lint-ignore no-control-regex
  assert.equal(colored.replace(/\x1b\[\d+m/g, ""), placed.message);
  assert.ok(colored.includes("\x1b[31m         ^^^^\x1b[0m"), inspect(colored));
  assert.ok(colored.includes("\x1b[1mserver.port\x1b[0m must be"));
  assert.ok(colored.includes("\x1b[36ma/hooks.yaml:2:9\x1b[0m"));
});

test("a long line is cropped around the place of the issue", () => {
  const long = `server: { ${"host: a, ".repeat(1)}tokens: [], ${" ".repeat(200)}port: 80x,${
    " ".repeat(200)
  }x: 1 }`;
  const [issue, other] = errorOf(() => loadConfig(long, { env: {} })).issues;
  for (const { frame } of [issue!, other!]) {
    for (const row of frame!.split("\n")) assert.ok(row.length <= 104, row);
  }
  const [row, carets] = issue!.frame!.split("\n");
  assert.equal(row!.slice(carets!.indexOf("^"), carets!.lastIndexOf("^") + 1), "80x");
});

test("nothing in a file can move a terminal's cursor or reverse a line", () => {
  const { message } = errorOf(() =>
    loadConfig('server: { host: "\\e[2J\\u202e", "\\e]0;x\\a": 1, port: "\u202e80\u2028" }', {
      env: {},
      file: "\x1b[31mhooks.yaml",
    })
  );
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(message, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028]/);
  assert.match(message, /got "\\u001b\[2J\ufffd"/);
});

test("a suggestion is short and printable, or left out", () => {
  const suggestion = (text: string) => errorOf(() => loadConfig(text, { env: {} })).issues[0];
  const host = (name: string) => suggestion(`server: { host: "http://${name}" }`);
  assert.equal(host("a.example.com")?.suggestion, "a.example.com");
  for (const name of ["a\u202eb", "\\e]0;x", "a".repeat(1000)]) {
    assert.equal(host(name)?.suggestion, undefined);
    assert.doesNotMatch(host(name)!.message, /did you mean/);
  }
  const { message } = suggestion(`server: { port: $${"A".repeat(1000)} }`)!;
  assert.ok(message.length < 200, message);
});

test("a character of two code units is shown, and carets stay in place", () => {
  const [issue] =
    errorOf(() => loadConfig('storage: { path: "🚀.db", pth: 1 }', { env: {} })).issues;
  assert.equal(issue?.frame, `1 | storage: { path: "🚀.db", pth: … }\n  | ${" ".repeat(26)}^^^`);
});
