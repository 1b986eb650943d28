import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { filesIn } from "../support/serving.ts";
import { Terminal, type TerminalOptions } from "../support/terminal.ts";

const good = `
hooks:
  webhooks:
    - { name: audit, events: [tool.*, message.sent], url: "https://a.example.com/x?key=\${KEY}" }
server: { tokens: [{ name: ci, token: "0123456789abcdef", scopes: [emit] }] }
`;
const bad = `
hooks:
  webhooks:
    - { name: audit, events: [tool.*], url: nowhere, timeout: 5 }
    - { nam: meter, events: [], url: "https://\${MISSING}/", secret: hunter2hunter2 }
`;

test("hooks check lists webhooks and tokens, and exits with 0", async () => {
  const { code, stdout, stderr } = await check(["hooks.yaml"], { "hooks.yaml": good }, {
    KEY: "k1",
  });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(
    stdout,
    "ok hooks.yaml: 1 webhook\n" +
      "  audit  tool.*, message.sent  https://a.example.com\n" +
      "  tokens: ci (emit)\n",
  );
});

test("hooks check lists gates with what weakens them, and required gates that are missing", async () => {
  const text = `
hooks:
  gates:
    - { name: policy, events: [tool.called], url: "https://p.example.com/decide?key=k" }
    - { name: mask, events: [tool.completed], url: "https://m.example.com/", kind: rewrite, mode: shadow }
    - { name: extra, events: ["*"], url: "https://e.example.com/", on_failure: allow }
gates: { required: [policy, mask, other] }
`;
  const { code, stdout } = await check([], { "hooks.yaml": text });
  assert.equal(code, 0);
  const unenforced = "(not a gate of this file that is enforced)";
  assert.equal(
    stdout,
    "ok hooks.yaml: 0 webhooks, 3 gates\n" +
      "  gate policy  tool.called  https://p.example.com  check\n" +
      "  gate mask  tool.completed  https://m.example.com  rewrite in shadow mode\n" +
      "  gate extra  *  https://e.example.com  check, allows on failure\n" +
      `  required gates: policy, mask ${unenforced}, other ${unenforced}\n`,
  );
});

test("hooks check reads hooks.yaml by default, with variables from a file", async () => {
  const files = { "hooks.yaml": good, ".env": "KEY='k-1'\n" };
  assert.equal((await check(["--env-file", ".env"], files)).code, 0);
  const without = await check([], files);
  assert.equal(without.code, 1);
  assert.match(without.stderr, /KEY/);
});

test("hooks check reports every issue with its position, and exits with 1", async () => {
  const { code, stdout, stderr } = await check(["a.yaml"], { "a.yaml": bad });
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^error: Cannot use a\.yaml: \d errors\n/);
  for (const place of ["a.yaml:4:45", "a.yaml:4:63", "a.yaml:5:9"]) {
    assert.ok(stderr.includes(place));
  }
  assert.match(stderr, /did you mean name\?/);
  assert.ok(!stderr.includes("hunter2"));
});

test("hooks check rejects a retention that is too short for the retries, as hooks serve does", async () => {
  const short = `${good}\nretention: { events: 1h }\n`;
  const text = await check(["a.yaml"], { "a.yaml": short }, { KEY: "k1" });
  assert.deepEqual([text.code, text.stdout], [1, ""]);
  assert.match(text.stderr, /'retention' must be at least twice/);
  const json = await check(["a.yaml", "--json"], { "a.yaml": short }, { KEY: "k1" });
  assert.equal(json.code, 1);
  const { ok, issues: [issue] } = JSON.parse(json.stdout);
  assert.equal(ok, false);
  assert.match(issue.message, /'retention' must be at least twice/);
});

test("hooks check --json prints every issue as JSON", async () => {
  const { code, stdout } = await check(["a.yaml", "--json"], { "a.yaml": bad });
  assert.equal(code, 1);
  const { ok, issues } = JSON.parse(stdout);
  assert.equal(ok, false);
  assert.ok(issues.length >= 5);
  assert.deepEqual([issues[0].at, issues[0].line], ["hooks.webhooks[0].url", 4]);
  const fine = await check(["--json"], { "hooks.yaml": "{}" });
  assert.deepEqual(JSON.parse(fine.stdout), { ok: true, issues: [], warnings: [] });
});

test("hooks check colors its report only in a terminal", async () => {
  const options = { terminal: true };
  const painted = await check([], { "hooks.yaml": bad }, {}, options);
  assert.ok(painted.stderr.includes("\x1b[36mhooks.yaml:4"));
  assert.ok(!(await check([], { "hooks.yaml": bad })).stderr.includes("\x1b"));
});

test("hooks check reports a missing file", async () => {
  const { code, stderr } = await check([], {});
  assert.equal(code, 1);
  assert.match(stderr, /Cannot read the configuration hooks\.yaml: no such file/);
});

test("hooks schema prints a JSON Schema", async () => {
  const terminal = new Terminal();
  assert.equal(await terminal.run("schema"), 0);
  assert.equal(JSON.parse(terminal.stdout).$schema, "http://json-schema.org/draft-07/schema#");
});

async function check(
  args: readonly string[],
  files: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string>> = {},
  options: TerminalOptions = {},
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const terminal = new Terminal({ ...options, environment, readFile: filesIn(files) });
  const code = await terminal.run("check", ...args);
  return { code, stdout: terminal.stdout, stderr: terminal.stderr };
}

const silent = `
hooks:
  webhooks:
    - name: audit
      events: [tool.*]
      url: https://a.example.com/
      filter: { data.nmae: bash }
`;

test("hooks check warns about a filter that never matches, and fails only with --strict", async () => {
  const files = { "hooks.yaml": silent };
  const lenient = await check([], files);
  assert.equal(lenient.code, 0);
  assert.match(lenient.stdout, /^ok hooks\.yaml: 1 webhook\n/);
  assert.match(
    lenient.stderr,
    /^warning hooks\.yaml:7:17\n {2}hooks\.webhooks\[0\]\.filter\["data\.nmae"\] never/,
  );
  assert.match(lenient.stderr, /did you mean data\.name\?\n\n.*\n {2}7 \|.*\n {4}\| +\^{9}\n/);
  const strict = await check(["--strict"], files);
  assert.deepEqual([strict.code, strict.stdout], [1, ""]);
  assert.match(strict.stderr, /error: hooks\.yaml has 1 warning\n/);
  assert.equal((await check(["--strict"], { "hooks.yaml": good }, { KEY: "k" })).code, 0);
});

test("hooks check --json prints warnings as JSON", async () => {
  for (const strict of [true, false]) {
    const args = ["--json", ...(strict ? ["--strict"] : [])];
    const { code, stdout } = await check(args, { "hooks.yaml": silent });
    const { ok, issues, warnings } = JSON.parse(stdout);
    assert.deepEqual([code, ok, issues], [strict ? 1 : 0, !strict, []]);
    const [{ code: kind, line, suggestion }] = warnings;
    assert.deepEqual([kind, line, suggestion], ["never_matches", 7, "data.name"]);
  }
});
