import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { Terminal } from "./terminal.ts";

const names = "serve check send tail deliveries replay targets listen secret schema".split(" ");

test("hooks --help fits a screen, names every command and gives examples", async () => {
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

test("every command has a help of its own with examples that fits a screen", async () => {
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

test("without a command the overview goes to standard error, and the code is 2", async () => {
  const terminal = new Terminal();
  assert.equal(await terminal.run(), 2);
  assert.equal(terminal.stdout, "");
  assert.match(terminal.stderr, /^Usage: hooks/);
});

test("what is used wrongly ends with 2 and a message that helps", async () => {
  const cases: readonly (readonly [args: string, message: RegExp])[] = [
    ["sned", /unknown command 'sned'[^]*Did you mean send\?/],
    ["help sned", /unknown command 'sned'[^]*Did you mean send\?/],
    ["listen --prot 1", /unknown option '--prot'[^]*Did you mean --port\?/],
    ["listen --port 70000", /'70000' is invalid. It must be a whole number from 0 to 65535/],
    ["listen --fail 130%", /A share looks like 30% or 0.3/],
    ["listen --delay 2", /A duration looks like 500ms, 2s or 1m30s/],
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

test("faults are coloured on a terminal alone, and not with NO_COLOR", async () => {
  const painted = "\x1b[31m";
  const cases: readonly (readonly [options: object, colours: boolean])[] = [
    [{}, false],
    [{ terminal: true }, true],
    [{ terminal: true, environment: { NO_COLOR: "1" } }, false],
  ];
  for (const [options, colours] of cases) {
    for (const args of [["nothing"], ["listen", "--secret", "x"]]) {
      const terminal = new Terminal(options);
      assert.equal(await terminal.run(...args), 2);
      assert.equal(terminal.stderr.includes(painted), colours, JSON.stringify([options, args]));
    }
  }
});

test("an unexpected fault is told with its stack, and ends with 1", async () => {
  const terminal = new Terminal({ serve: () => Promise.resolve(undefined as never) });
  assert.equal(await terminal.run("listen"), 1);
  assert.match(terminal.stderr, /^error: Unexpected: TypeError/);
  assert.match(terminal.stderr, /\n {4}at /);
});

test("no password of a URL is printed, wherever it is given", async () => {
  const urls = [
    "postgres://me:hunter2@db.example/app",
    "postgres://me:hunt@er2@db.example:port",
    "redis://:hunter2",
    "http://me:hunter2 @[",
    "me:hunter2@db.example",
    "kv://db.example/?access_token=hunter2",
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
      if (args.includes("--store") && !url.includes("://")) continue; // the name of a file
      const terminal = new Terminal();
      assert.notEqual(await terminal.run(...args), 0);
      assert.doesNotMatch(terminal.stdout + terminal.stderr, /hunt/, args.join(" "));
    }
    const terminal = new Terminal({ environment: { HOOKS_URL: url } });
    assert.equal(await terminal.run("targets"), 2);
    assert.doesNotMatch(terminal.stderr, /hunt/, url);
  }
});
