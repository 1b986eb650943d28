import { processIO } from "@omniagent/hooks/cli";
import { allow } from "@omniagent/hooks/gates";
import { createOutbox } from "@omniagent/hooks/outbox";
import type { Store } from "@omniagent/hooks/store";
import { memoryStore } from "@omniagent/hooks/testing";
import { gateReceiver, generateSecret } from "@omniagent/hooks/webhook";
import { generateEncryptionKey, webhookStore } from "@omniagent/hooks/webhook-store";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { ask, decideCall, filesIn, serving, TOKEN } from "../support/serving.ts";
import { Terminal } from "../support/terminal.ts";

const FIELDS = `{"events":["tool.*"],"url":"https://1.1.1.1/x","headers":{"X-Token":"marker"}}`;
const SECRET = generateSecret();
const allowing = gateReceiver(() => allow(), { secret: SECRET });
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
      /^name +events +url +state +problem.*\naudit +tool\.\* +https:\/\/1\.1\.1\.1\/x +on /,
    );
    assert.deepEqual(JSON.parse(await run("show", "audit")), created);
    assert.deepEqual(JSON.parse((await run("list", "--json")).trim()), created);
    const changed = JSON.parse(await run("update", "audit", `{"timeout":"5s"}`));
    assert.deepEqual([changed.timeout, changed.revision], ["5s", 2]);
    for (const [action, ...fields] of [["update", "{}"], ["delete"], ["rotate-secret"]] as const) {
      const stale = await ask(url, ["webhooks", action, "audit", ...fields, "--revision", "1"]);
      assert.match(stale.stderr, /revision 2, not 1|was changed/);
      assert.equal(stale.code, 1);
    }
    const revision = ["--revision", "2"];
    const rotated = JSON.parse(
      await run("rotate-secret", "audit", "--overlap", "1h", ...revision),
    );
    assert.notEqual(rotated.secret, secret);
    assert.match(await run("disable", "audit"), /audit is disabled/);
    assert.match(await run(), /\naudit .* off +it was turned off by hand/);
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

test("stored webhooks use private addresses only if the configuration of the server allows them", async () => {
  const create = async (yaml: string, address: string): Promise<string> => {
    let stderr = "";
    await serving({ environment, files: { "hooks.yaml": yaml } }, async (_, url) => {
      const fields = JSON.stringify({ events: ["*"], url: `https://${address}/` });
      ({ stderr } = await ask(url, ["webhooks", "create", "a", fields]));
    });
    return stderr;
  };
  const yaml = "server: { allow_addresses: [10.1.0.0/16, '::1'] }";
  assert.equal(await create(yaml, "10.1.2.3"), "");
  assert.equal(await create(yaml, "[::1]"), "");
  assert.match(await create(yaml, "10.2.0.1"), /10\.2\.0\.1 is in 10\.0\.0\.0\/8/);
  assert.match(await create("{}", "10.1.2.3"), /10\.1\.2\.3 is in 10\.0\.0\.0\/8/);
  const terminal = new Terminal({
    readFile: filesIn({ "hooks.yaml": "server: { allow_addresses: [10.1.0.5/16] }" }),
  });
  assert.equal(await terminal.run("serve", "--port", "0"), 1);
  assert.match(terminal.stderr, /server\.allow_addresses\[0\].* a CIDR range such as/);
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

test("hooks webhooks reports wrong usage", async () => {
  for (
    const [args, message] of [
      [["create"], /its name is missing/],
      [["create", "a"], /its fields are missing/],
      [["create", "a", "[]"], /must be a JSON object/],
      [["create", "a", "nope"], /must be a JSON object/],
      [["delete", "a", "{}"], /only create and update take them/],
      [["list", "a"], /takes no name/],
      [["test", "a", "--overlap", "1h"], /only rotate-secret/],
      [["show", "a", "--revision", "1"], /only update, delete, and rotate-secret/],
      [["delete", "a", "--revision", "0"], /whole number from 1/],
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

test("stored webhooks stay registered when SIGHUP rejects a configuration or removes a name", async () => {
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

test("webhooks that can't be read at startup are read later, and due deliveries are sent then", async () => {
  const { store, openStore, reads } = sharedStore();
  const receiver = await processIO().serve(
    { hostname: "127.0.0.1", port: 0 },
    () => new Response(),
  );
  const files = { "hooks.yaml": config("audit", "", `http://127.0.0.1:${receiver.port}/`) };
  try {
    await serving({ files, openStore }, async (_, url) => {
      await ask(url, ["targets", "disable", "audit"]);
      assert.equal((await post(url)).deliveries, 1); // held
    });
    await createOutbox(store).enable("audit");
    reads.fail = true;
    const pauses = new Pauses();
    await serving({ environment, files, openStore, sleep: pauses.sleep }, async (server, url) => {
      await server.match(/Stored webhooks can't be read; events are rejected until they can/);
      await pauses.end();
      await pauses.end();
      assert.equal((await post(url)).status, 503);
      await pauses.begun();
      reads.fail = false;
      assert.ok(!server.stderr.includes("delivered"));
      await pauses.end();
      await server.match(/events are accepted now/);
      await server.match(/to audit: 200 delivered/);
      assert.equal(server.stderr.match(/Stored webhooks can't be read/g)!.length, 1);
      assert.deepEqual(pauses.lengths, [1_000, 2_000, 4_000]);
    });
  } finally {
    await receiver.close(0);
  }
});

test("without an encryption key, events are rejected while the store has or may have webhooks", async () => {
  const { store, openStore, reads } = sharedStore();
  const webhooks = webhookStore(store, { encryptionKey: environment.HOOKS_ENCRYPTION_KEY });
  const { events, url } = JSON.parse(FIELDS);
  const policy = await processIO().serve({ hostname: "127.0.0.1", port: 0 }, allowing);
  const files = { "hooks.yaml": gate(`http://127.0.0.1:${policy.port}/`) };
  reads.fail = true;
  const pauses = new Pauses();
  await serving({ files, openStore, sleep: pauses.sleep }, async (server, at) => {
    await server.match(/Stored webhooks can't be read; events are rejected/);
    assert.equal((await post(at)).status, 503);
    reads.fail = false;
    await pauses.end();
    await server.match(/events are accepted now/);
    assert.equal((await post(at)).status, 202);
    assert.equal((await decideCall(at)).permissionDecision, undefined); // no opinion
    // Another process has the key.
    await webhooks.create({ name: "audit", events, url });
    await pauses.end();
    await server.match(
      /Events are rejected: Cannot serve without HOOKS_ENCRYPTION_KEY: the store has/,
    );
    assert.equal((await post(at)).status, 503);
    const ready = await fetch(`${at}/ready`);
    assert.deepEqual([ready.status, (await ready.json()).code], [503, "hooks_not_ready"]);
    assert.equal((await decideCall(at)).permissionDecision, "deny");
    await webhooks.delete("audit");
    await pauses.end();
    await server.match(/events are accepted now[^]*events are accepted now/);
    assert.equal((await post(at)).status, 202);
    assert.deepEqual(pauses.lengths.slice(0, 3), [1_000, 30_000, 30_000]);
  });
  await policy.close(0);
  await webhooks.create({ name: "another", events, url });
  for (const version of [undefined, 99]) {
    for await (const { key, value } of store.list({ prefix: ["hooks", "webhook"] })) {
      if (version !== undefined) await store.set(key, { ...value as object, v: version });
    }
    const terminal = new Terminal({ openStore, readFile: filesIn({}) });
    assert.equal(await terminal.run("serve", "--port", "0"), 1);
    assert.match(
      terminal.stderr,
      /Cannot serve without HOOKS_ENCRYPTION_KEY: the store has webhooks/,
    );
  }
});

test("a webhook of the configuration whose name was deleted is rejected at the start and on SIGHUP", async () => {
  const { store, openStore } = sharedStore();
  const files: Record<string, string> = { "hooks.yaml": config("other") };
  const rejected =
    /Cannot serve webhook 'audit': a webhook with this name was deleted. Use another/;
  await serving({ environment, files, openStore }, async (server, url) => {
    await ask(url, ["webhooks", "create", "audit", FIELDS]);
    await ask(url, ["webhooks", "delete", "audit"]);
    files["hooks.yaml"] = config("audit");
    server.signal("SIGHUP");
    await server.match(new RegExp(`kept the current configuration: ${rejected.source}`));
    const { stdout } = await ask(url, ["targets", "--json"]);
    assert.deepEqual(stdout.match(/"target":"[^"]+"/g), ['"target":"other"']);
    await ask(url, ["targets", "disable", "other"]);
    assert.equal((await post(url)).deliveries, 1); // held
  });
  for (const given of [environment, {}]) {
    const terminal = new Terminal({ environment: given, openStore, readFile: filesIn(files) });
    assert.equal(await terminal.run("serve", "--port", "0"), 1);
    assert.match(terminal.stderr, rejected);
  }
  // So is one that was removed by hand: nothing was sent to it either.
  await createOutbox(store).remove("other");
  files["hooks.yaml"] = config("other");
  const terminal = new Terminal({ openStore, readFile: filesIn(files) });
  assert.equal(await terminal.run("serve", "--port", "0"), 1);
  assert.match(terminal.stderr, /Cannot serve webhook 'other'/);
});

/** Returns a configuration with a webhook. */
function config(name: string, field = "", url = "http://127.0.0.1:2/"): string {
  const lines = [`name: ${name}`, 'events: ["*"]', `url: "${url}"`, field];
  return `hooks: { webhooks: [{ ${lines.filter(Boolean).join(", ")} }] }\n`;
}

/** Returns a configuration with a gate. */
function gate(url: string): string {
  const gate = `{ name: policy, events: [tool.called], url: "${url}", secret: ${SECRET} }`;
  return `hooks: { gates: [${gate}] }\n`;
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

/** Returns a store that several servers open one after the other, and that can fail to read webhooks. */
function sharedStore(): {
  readonly store: Store;
  readonly openStore: () => Promise<Store>;
  readonly reads: { fail: boolean };
} {
  const reads = { fail: false };
  const store = Object.assign(memoryStore(), { close() {} });
  const getMany = store.getMany.bind(store);
  const list = store.list.bind(store);
  const check = (value: unknown): void => {
    if (reads.fail && JSON.stringify(value).includes('"webhook')) throw new TypeError("starting");
  };
  Object.assign(store, {
    getMany: async (
      ...args: Parameters<typeof getMany>
    ) => (check(args[0]), await getMany(...args)),
    list: async function* (...args: Parameters<typeof list>) {
      check(args[0]);
      yield* list(...args);
    },
  });
  return { store, openStore: () => Promise.resolve(store), reads };
}

/** Pauses that end when a test says so. */
class Pauses {
  readonly lengths: number[] = [];
  #end: (() => void) | undefined;
  #begun: (() => void) | undefined;

  readonly sleep = (milliseconds: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      this.lengths.push(milliseconds);
      signal?.addEventListener("abort", () => resolve());
      this.#end = resolve;
      this.#begun?.();
    });

  /** Resolves when there is a pause. */
  async begun(): Promise<void> {
    if (this.#end !== undefined) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("no pause began within 30 s")), 30_000);
      this.#begun = () => (clearTimeout(timer), resolve());
    });
  }

  /** Ends the pause, or the next one. */
  async end(): Promise<void> {
    await this.begun();
    const end = this.#end!;
    this.#end = undefined;
    end();
  }
}
