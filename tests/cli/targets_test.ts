import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { ask, serving } from "./serving.ts";
import { Terminal } from "./terminal.ts";

const audit = {
  ...{ target: "audit", state: "on", registered: true, failures: 0 },
  ...{ accepted: 1234, delivered: 1200, dead: 3, expired: 0, pending: 31, failed: 40 },
  in_flight: 2,
};
const others = [
  {
    ...{ ...audit, target: "a-webhook-with-a-long-name", state: "off", failures: 1 },
    ...{ failing_since: "2026-01-31T12:00:00.123Z", reason: "its receiver answered 410\u001b[2J" },
    ...{ accepted: 7, delivered: 0, dead: 0, pending: 7, failed: 1, in_flight: 0 },
  },
  {
    ...{ ...audit, target: "old", state: "paused", registered: false },
    ...{ paused_until: "2026-01-31T12:30:00.000Z", in_flight: 0 },
  },
];

/** What a command says of a server that answers so. */
async function answered(args: readonly string[], body: unknown, status = 200) {
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

test("hooks targets prints a table, with what an operator has to know beside it", async () => {
  const { code, stdout } = await answered([], {
    targets: [...others.slice(0, 1), audit, others[1]],
  });
  assert.equal(code, 0);
  assert.equal(
    stdout,
    `\
name                        state   accepted  delivered  pending  dead  expired  failed
a-webhook-with-a-long-name  off            7          0        7     0        0       1  \
its receiver answered 410\\u{1b}[2J; failing since 2026-01-31 12:00:00Z
audit                       on          1234       1200       31     3        0      40  2 under way
old                         paused      1234       1200       31     3        0      40  \
not registered; until 2026-01-31 12:30:00Z
`,
  );
  const json = await answered(["list", "--json"], { targets: [audit, others[1]] });
  assert.deepEqual(json.stdout.trimEnd().split("\n").map((line) => JSON.parse(line)), [
    audit,
    others[1],
  ]);
});

test("hooks targets of a server that has none says so", async () => {
  const { code, stdout, stderr } = await answered([], { targets: [] });
  assert.deepEqual([code, stdout], [0, ""]);
  assert.match(stderr, /^no targets: the server has no webhook or durable hook/);
  const json = await answered(["--json"], { targets: [] });
  assert.deepEqual([json.code, json.stdout, json.stderr], [0, "", ""]);
});

test("hooks targets enable and disable say how the target stands then", async () => {
  const url = "http://127.0.0.1:8787/targets/audit";
  const on = { target: "audit", state: "on", registered: true };
  const enabled = await answered(["enable", "audit"], on);
  assert.equal(enabled.stdout, "audit is on: what was held is delivered first\n");
  assert.deepEqual(enabled.asked, [[`${url}/enable`, "POST", undefined]]);
  const orphan = await answered(["enable", "audit"], { ...on, registered: false });
  assert.match(orphan.stdout, /^audit is on, but no webhook or durable hook of the server has/);
  const off = { ...on, state: "off" };
  const disabled = await answered(["disable", "audit", "--reason", "it is moved"], off);
  assert.equal(disabled.stdout, "audit is off: what is accepted for it is held\n");
  assert.deepEqual(disabled.asked, [[`${url}/disable`, "POST", '{"reason":"it is moved"}']]);
  const json = await answered(["disable", "audit", "--json"], off);
  assert.deepEqual(JSON.parse(json.stdout), off);
  assert.deepEqual(json.asked, [[`${url}/disable`, "POST", undefined]]);
});

test("hooks targets that is used wrongly asks no server", async () => {
  const faults: Readonly<Record<string, RegExp>> = {
    "enable": /Cannot enable a target without its name\n {2}It is `hooks targets`, /,
    "disable": /Cannot disable a target without its name/,
    "disable ": /Cannot disable a target without its name/, // as of a variable that is not set
    "list audit": /Cannot list one target: list takes no name/,
    "audit": /Allowed choices are list, enable, disable/,
    "remove audit": /Allowed choices are list, enable, disable/,
    "enable audit --reason x": /--reason as only `hooks targets disable` takes one/,
    "--reason x": /--reason as only `hooks targets disable` takes one/,
    "enable audit b": /too many arguments/,
  };
  for (const [words, fault] of Object.entries(faults)) {
    const { code, stderr, asked } = await answered(words.split(" "), {});
    assert.equal(code, 2, words);
    assert.match(stderr, fault);
    assert.deepEqual(asked, []);
  }
});

test("a webhook of hooks serve is turned off, holds events, and is turned on again", async () => {
  const receiver = new Terminal();
  const running = receiver.run("listen", "--port", "0");
  const [, receiverUrl] = await receiver.match(/listening on (http:\S+),/);
  const webhook = `{ name: audit, url: "${receiverUrl}", events: ["a.*"] }`;
  const files = { "hooks.yaml": `hooks: { webhooks: [${webhook}] }` };
  await serving({ files }, async (_, url) => {
    const off = await ask(url, ["targets", "disable", "audit", "--reason", "it is mended"]);
    assert.deepEqual([off.code, off.stdout.slice(0, 12)], [0, "audit is off"]);
    await ask(url, ["send", "a.one"]);
    const { stdout } = await ask(url, ["targets"]);
    assert.match(stdout, /^audit +off +1 +0 +1 +0 +0 +0 {2}it is mended$/m);
    const on = await ask(url, ["targets", "enable", "audit"]);
    assert.deepEqual([on.code, on.stdout.slice(0, 12)], [0, "audit is on:"]);
    await receiver.match(/200 unverified \S+ a\.one/);

    const unknown = await ask(url, ["targets", "enable", "audti"]);
    assert.equal(unknown.code, 1);
    assert.match(
      unknown.stderr,
      /There is no such target \(target_not_found\)\n {2}`hooks targets`/,
    );
    const long = await ask(url, ["targets", "disable", "audit", "--reason", "a".repeat(201)]);
    assert.equal(long.code, 1);
    assert.match(long.stderr, /\/reason: must be 1 to 200 characters/);
  });
  receiver.signal("SIGINT");
  await running;
});
