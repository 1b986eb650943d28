import { generateEncryptionKey } from "@omniagent/hooks/webhook-store";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { ask, serving, TOKEN } from "./serving.ts";
import { Terminal } from "./terminal.ts";

const FIELDS = `{"events":["tool.*"],"url":"https://1.1.1.1/x","headers":{"X-Token":"marker"}}`;
const environment = { HOOKS_ENCRYPTION_KEY: generateEncryptionKey() };

test("hooks webhooks creates, lists, changes, rotates, holds, and deletes webhooks", async () => {
  const server = await serving({ environment }, async (_, url) => {
    const run = async (...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await ask(url, ["webhooks", ...args]);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const none = await ask(url, ["webhooks"]);
    assert.match(none.stderr, /no webhooks are stored/);
    const { secret, ...created } = JSON.parse(await run("create", "audit", FIELDS, "--json"));
    assert.match(secret, /^whsec_/);
    assert.deepEqual(created.header_names, ["X-Token"]);
    assert.match(
      await run(),
      /^name +events +url +problem.*\naudit +tool\.\* +https:\/\/1\.1\.1\.1\/x/,
    );
    assert.deepEqual(JSON.parse(await run("show", "audit")), created);
    assert.deepEqual(JSON.parse((await run("list", "--json")).trim()), created);
    const changed = JSON.parse(await run("update", "audit", `{"timeout":"5s"}`));
    assert.deepEqual([changed.timeout, changed.revision], ["5s", 2]);
    const rotated = JSON.parse(await run("rotate-secret", "audit", "--overlap", "1h"));
    assert.notEqual(rotated.secret, secret);
    assert.match(await run("disable", "audit"), /audit is disabled/);
    assert.match(await run("enable", "audit"), /audit is enabled/);
    assert.match(await run("delete", "audit"), /audit is deleted/);
    const again = await ask(url, ["webhooks", "create", "audit", FIELDS]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /was deleted/);
    const missing = await ask(url, ["webhooks", "disable", "audit"]);
    assert.match(missing.stderr, /webhook_not_found/);
  });
  assert.ok(!`${server.stdout}${server.stderr}`.includes("marker"));
});

test("hooks webhooks names every invalid field", async () => {
  await serving({ environment }, async (_, url) => {
    const fields = `{"events":"tool.*","url":"http://x","secret":"marker"}`;
    const { code, stderr } = await ask(url, ["webhooks", "create", "a", fields]);
    assert.equal(code, 1);
    assert.match(stderr, /\/events: must be a list/);
    assert.match(stderr, /\/secret: /);
    assert.ok(!stderr.includes("marker"));
  });
});

test("hooks webhooks explains wrong usage", async () => {
  for (
    const [args, message] of [
      [["create"], /its name is missing/],
      [["create", "a"], /its fields are missing/],
      [["create", "a", "[]"], /must be a JSON object/],
      [["create", "a", "nope"], /must be a JSON object/],
      [["delete", "a", "{}"], /only create and update take them/],
      [["list", "a"], /takes no name/],
      [["test", "a", "--overlap", "1h"], /only rotate-secret/],
    ] as const
  ) {
    const { code, stderr } = await ask("http://127.0.0.1:9999", ["webhooks", ...args]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  }
});

test("without an encryption key, the server says what is missing", async () => {
  await serving({}, async (_, url) => {
    const { code, stderr } = await ask(url, ["webhooks"]);
    assert.equal(code, 1);
    assert.match(stderr, /encryption key/);
  });
  const terminal = new Terminal({ environment: { HOOKS_ENCRYPTION_KEY: "marker" } });
  assert.equal(await terminal.run("serve", "--store", ":memory:"), 2);
  assert.match(terminal.stderr, /HOOKS_ENCRYPTION_KEY: it must be base64 of 32 bytes/);
  assert.ok(!terminal.stderr.includes("marker"));
});

test("a configuration that is rejected on SIGHUP, or gives a name up, leaves stored webhooks registered", async () => {
  const files: Record<string, string> = { "hooks.yaml": "{}" };
  await serving({ environment, files }, async (server, url) => {
    await ask(url, ["webhooks", "create", "audit", FIELDS]);
    await ask(url, ["webhooks", "disable", "audit"]); // its deliveries are held
    files["hooks.yaml"] = config("audit", "retry: [500h]");
    server.signal("SIGHUP");
    await server.match(/kept the current configuration: Cannot register 'audit'/);
    assert.equal((await post(url)).deliveries, 1);
    files["hooks.yaml"] = config("audit");
    server.signal("SIGHUP");
    await server.match(/reloaded hooks\.yaml: 1 webhook\n/);
    files["hooks.yaml"] = "{}";
    server.signal("SIGHUP");
    await server.match(/reloaded hooks\.yaml: 0 webhooks\n/);
    assert.equal((await post(url)).deliveries, 1);
  });
});

/** Returns a configuration with a webhook. */
function config(name: string, field = ""): string {
  const lines = [`name: ${name}`, 'events: ["*"]', "url: http://127.0.0.1:2/", field];
  return `hooks: { webhooks: [{ ${lines.filter(Boolean).join(", ")} }] }\n`;
}

/** Posts an event, and returns its status, and to how many targets it goes. */
async function post(
  url: string,
): Promise<{ readonly status: number; readonly deliveries?: number }> {
  const response = await fetch(`${url}/events`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ type: "tool.called", data: { name: "bash" } }),
  });
  const { receipts } = await response.json();
  return { status: response.status, deliveries: receipts?.[0]?.deliveries };
}
