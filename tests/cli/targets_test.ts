import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { ask, serving } from "../support/serving.ts";
import { Terminal } from "../support/terminal.ts";

const audit = {
  ...{ target: "audit", state: "on", registered: true, failures: 0 },
  ...{ accepted: 1234, delivered: 1200, dead: 3, expired: 0, pending: 31, failed: 40 },
  in_flight: 2,
};
const others = [
  {
    ...{ ...audit, target: "a-webhook-with-a-long-name", state: "off", failures: 1 },
    ...{
      failing_since: "2026-01-31T12:00:00.123Z",
      reason: "the receiver responded 410\u001b[2J",
    },
    ...{ accepted: 7, delivered: 0, dead: 0, pending: 7, failed: 1, in_flight: 0 },
  },
  {
    ...{ ...audit, target: "old", state: "paused", registered: false },
    ...{ paused_until: "2026-01-31T12:30:00.000Z", in_flight: 0 },
  },
];

/** Runs a command against a server that responds with a body. */
async function respond(args: readonly string[], body: unknown, status = 200) {
  const asked: [string, string | undefined, string | undefined][] = [];
  const type = status < 400 ? "application/json" : "application/problem+json";
  const fetch = (url: string | URL | Request, init?: RequestInit) => {
    asked.push([`${url}`, init?.method, init?.body as string | undefined]);
    const headers = { "content-type": type };
    return Promise.resolve(new Response(JSON.stringify(body), { status, headers }));
  };
  const said = await ask("http://127.0.0.1:8787", ["targets", ...args], { fetch });
  return { ...said, asked };
}

test("hooks targets prints a table with notes for operators", async () => {
  const { code, stdout } = await respond([], {
    targets: [...others.slice(0, 1), audit, others[1]],
  });
  assert.equal(code, 0);
  assert.equal(
    stdout,
    `\
name                        state   accepted  delivered  pending  dead  expired  failed
a-webhook-with-a-long-name  off            7          0        7     0        0       1  \
the receiver responded 410\\u{1b}[2J; failing since 2026-01-31 12:00:00Z
audit                       on          1234       1200       31     3        0      40  2 in flight
old                         paused      1234       1200       31     3        0      40  \
not registered; until 2026-01-31 12:30:00Z
`,
  );
  const json = await respond(["list", "--json"], { targets: [audit, others[1]] });
  assert.deepEqual(json.stdout.trimEnd().split("\n").map((line) => JSON.parse(line)), [
    audit,
    others[1],
  ]);
});

test("hooks targets fits its table to the terminal, with notes on their own line", async () => {
  const fetch = () => Promise.resolve(Response.json({ targets: others }));
  const options = { fetch, terminal: true, environment: { NO_COLOR: "1" } };
  for (const columns of [80, 100]) {
    const { stdout } = await ask("http://127.0.0.1:8787", ["targets"], { ...options, columns });
    assert.ok(stdout.split("\n").every((line) => line.length <= columns), stdout);
    assert.match(stdout, /\n {2}the receiver responded 410.*\n/);
  }
  const full = await ask("http://127.0.0.1:8787", ["targets", "--full"], {
    ...options,
    columns: 80,
  });
  assert.match(full.stdout, /a-webhook-with-a-long-name .* the receiver .*12:00:00Z\n/);
});

test("hooks targets of a server without targets says so", async () => {
  const { code, stdout, stderr } = await respond([], { targets: [] });
  assert.deepEqual([code, stdout], [0, ""]);
  assert.match(stderr, /^no targets: the server has no webhook or durable hook/);
  const json = await respond(["--json"], { targets: [] });
  assert.deepEqual([json.code, json.stdout, json.stderr], [0, "", ""]);
});

test("hooks targets enable and disable print the new state", async () => {
  const url = "http://127.0.0.1:8787/targets/audit";
  const on = { target: "audit", state: "on", registered: true };
  const enabled = await respond(["enable", "audit"], on);
  assert.equal(enabled.stdout, "audit is enabled: held deliveries are sent first\n");
  assert.deepEqual(enabled.asked, [[`${url}/enable`, "POST", undefined]]);
  const orphan = await respond(["enable", "audit"], { ...on, registered: false });
  assert.match(orphan.stdout, /^audit is enabled, but the server has no webhook or durable hook/);
  const off = { ...on, state: "off" };
  const disabled = await respond(["disable", "audit", "--reason", "it is moved"], off);
  assert.equal(disabled.stdout, "audit is disabled: new deliveries are held\n");
  assert.deepEqual(disabled.asked, [[`${url}/disable`, "POST", '{"reason":"it is moved"}']]);
  const json = await respond(["disable", "audit", "--json"], off);
  assert.deepEqual(JSON.parse(json.stdout), off);
  assert.deepEqual(json.asked, [[`${url}/disable`, "POST", undefined]]);
});

test("wrong usage of hooks targets sends no request", async () => {
  const faults: Readonly<Record<string, RegExp>> = {
    "enable": /Cannot enable a target: its name is missing\n {2}Run `hooks targets`, /,
    "disable": /Cannot disable a target: its name is missing/,
    "disable ": /Cannot disable a target: its name is missing/, // as of a variable that is not set
    "list audit": /Cannot list a single target: list takes no name/,
    "audit": /Allowed choices are list, enable, disable/,
    "remove audit": /Allowed choices are list, enable, disable/,
    "enable audit --reason x": /--reason: only `hooks targets disable` takes one/,
    "--reason x": /--reason: only `hooks targets disable` takes one/,
    "enable audit b": /too many arguments/,
  };
  for (const [words, fault] of Object.entries(faults)) {
    const { code, stderr, asked } = await respond(words.split(" "), {});
    assert.equal(code, 2, words);
    assert.match(stderr, fault);
    assert.deepEqual(asked, []);
  }
});

test("a disabled webhook of hooks serve holds events until it is enabled", async () => {
  const receiver = new Terminal();
  const running = receiver.run("listen", "--port", "0");
  const [, receiverUrl] = await receiver.match(/listening on (http:\S+),/);
  const webhook = `{ name: audit, url: "${receiverUrl}", events: ["a.*"] }`;
  const files = { "hooks.yaml": `hooks: { webhooks: [${webhook}] }` };
  await serving({ files }, async (_, url) => {
    const off = await ask(url, ["targets", "disable", "audit", "--reason", "it is fixed"]);
    assert.deepEqual([off.code, off.stdout.slice(0, 17)], [0, "audit is disabled"]);
    await ask(url, ["send", "a.one"]);
    const { stdout } = await ask(url, ["targets"]);
    assert.match(stdout, /^audit +off +1 +0 +1 +0 +0 +0 {2}it is fixed$/m);
    const on = await ask(url, ["targets", "enable", "audit"]);
    assert.deepEqual([on.code, on.stdout.slice(0, 17)], [0, "audit is enabled:"]);
    await receiver.match(/200 unverified \S+ a\.one/);

    const unknown = await ask(url, ["targets", "enable", "audti"]);
    assert.equal(unknown.code, 1);
    assert.match(
      unknown.stderr,
      /\(target_not_found\)\n {2}Run `hooks targets`/,
    );
    const long = await ask(url, ["targets", "disable", "audit", "--reason", "a".repeat(201)]);
    assert.equal(long.code, 1);
    assert.match(long.stderr, /\/reason: .*200 characters/);
  });
  receiver.signal("SIGINT");
  await running;
});
