import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { Terminal } from "../support/terminal.ts";

const names = "serve check send tail deliveries replay targets listen secret schema".split(" ");

test("hooks --help fits a screen, lists every command and has examples", async () => {
  const terminal = new Terminal();
  assert.equal(await terminal.run("--help"), 0);
  const lines = terminal.stdout.trimEnd().split("\n");
  assert.ok(lines.length >= 24 && lines.length <= 40, `${lines.length} lines`);
  assert.ok(lines.every((line) => line.length <= 80));
  for (const name of names) {
    assert.match(terminal.stdout, new RegExp(`^  ${name} `, "m"));
  }
  assert.match(terminal.stdout, /^Examples.*:$/m);
  assert.equal(terminal.stderr, "");
});

test("every command has its own help, with examples, that fits a screen", async () => {
  for (const name of names) {
    const terminal = new Terminal();
    assert.equal(await terminal.run(name, "--help"), 0);
    assert.match(terminal.stdout, /^Examples.*:$/m, name);
    const lines = terminal.stdout.split("\n");
    assert.ok(lines.length <= 40, `${name}: ${lines.length} lines`);
    assert.ok(lines.every((line) => line.length <= 80), name);
    const asked = new Terminal();
    assert.equal(await asked.run("help", name), 0);
    assert.equal(asked.stdout, terminal.stdout);
  }
});

test("without a command the overview goes to stderr, and the exit code is 2", async () => {
  const terminal = new Terminal();
  assert.equal(await terminal.run(), 2);
  assert.equal(terminal.stdout, "");
  assert.match(terminal.stderr, /^Usage: hooks/);
});

test("wrong usage exits with 2 and a helpful message", async () => {
  const cases: readonly (readonly [args: string, message: RegExp])[] = [
    ["sned", /unknown command 'sned'[^]*Did you mean send\?/],
    ["help sned", /unknown command 'sned'[^]*Did you mean send\?/],
    ["listen --prot 1", /unknown option '--prot'[^]*Did you mean --port\?/],
    ["listen --port 70000", /'70000' is invalid. Must be a whole number from 0 to 65535/],
    ["listen --fail 130%", /Must be a rate such as 30% or 0.3/],
    ["listen --delay 2", /Must be a duration such as 500ms, 2s or 1m30s/],
    ["listen --status 200", /a whole number from 300 to 599/],
    ["listen --secret", /argument missing/],
    ["secret extra", /too many arguments/],
  ];
  for (const [args, message] of cases) {
    const terminal = new Terminal();
    assert.equal(await terminal.run(...args.split(" ")), 2, args);
    assert.match(terminal.stderr, message);
    assert.equal(terminal.stdout, "", args);
  }
});

test("--version prints the version", async () => {
  const terminal = new Terminal();
  assert.equal(await terminal.run("--version"), 0);
  assert.match(terminal.stdout, /^\d+\.\d+\.\d+\n$/);
});

test("errors are colored only in a terminal, and not with NO_COLOR", async () => {
  const red = "\x1b[31m";
  const cases: readonly (readonly [options: object, colors: boolean])[] = [
    [{}, false],
    [{ terminal: true }, true],
    [{ terminal: true, environment: { NO_COLOR: "1" } }, false],
  ];
  for (const [options, colors] of cases) {
    for (const args of [["nothing"], ["listen", "--secret", "x"]]) {
      const terminal = new Terminal(options);
      assert.equal(await terminal.run(...args), 2);
      assert.equal(terminal.stderr.includes(red), colors, JSON.stringify([options, args]));
    }
  }
});

test("an unexpected error is printed with its stack, and exits with 1", async () => {
  const terminal = new Terminal({ serve: () => Promise.resolve(undefined as never) });
  assert.equal(await terminal.run("listen"), 1);
  assert.match(terminal.stderr, /^error: Unexpected: TypeError/);
  assert.match(terminal.stderr, /\n {4}at /);
});

test("no password in a URL is ever printed", async () => {
  const urls = [
    "postgres://me:hunter2@db.example/app",
    "postgres://me:hunt@er2@db.example:port",
    "redis://:hunter2",
    "http://me:hunter2 @[",
    "me:hunter2@db.example",
    "kv://db.example/?access_token=hunter2",
    "postgres:me:hunter2@db.example",
    "jdbc:postgresql://me:hunter2@db.example/app",
    "jdbc:postgresql://me@db.example/app?password=hunter2",
    "jdbc:sqlserver://db.example;user=me;password=hunter2",
  ];
  for (const url of urls) {
    for (
      const args of [
        ["serve", "--port", "0", "--store", url],
        ["targets", "--url", url],
        ["targets", `--ulr=${url}`],
        ["serve", "--port", url],
        ["serve", url],
        ["check", url],
      ]
    ) {
      const terminal = new Terminal();
      assert.notEqual(await terminal.run(...args), 0);
      assert.doesNotMatch(terminal.stdout + terminal.stderr, /hunt/, args.join(" "));
    }
    const terminal = new Terminal({ environment: { HOOKS_URL: url } });
    assert.equal(await terminal.run("targets"), 2);
    assert.doesNotMatch(terminal.stderr, /hunt/, url);
  }
});
