import assert from "node:assert/strict";
import { createHooks, WebhookHook } from "@omniagent/hooks";
import { StoreError } from "@omniagent/hooks/store";
import { createOutbox } from "@omniagent/hooks/outbox";
import { memoryStore } from "@omniagent/hooks/testing";
import { processIO } from "@omniagent/hooks/cli";
import { ask as askPerson, deny } from "@omniagent/hooks/gates";
import { gateReceiver, generateSecret } from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { ask, decideCall, filesIn, serving, TOKEN } from "../support/serving.ts";
import { Terminal } from "../support/terminal.ts";

const secret = generateSecret();

test("hooks serve works without a configuration, and prints a working curl command", async () => {
  await serving({ environment: { HOOKS_TOKEN: "" } }, async (server) => {
    const [, token] = await server.match(/export HOOKS_TOKEN=(hk_[0-9a-f]{48})\n/);
    const [, url, authorization, contentType, body] = await server.match(
      /curl -X POST (\S+) -H "Authorization: ([^"]+)" \\\n\s+-H "Content-Type: ([^"]+)" \\\n\s+-d '([^']+)'\n/,
    );
    assert.equal(authorization, `Bearer ${token}`);
    const headers = { authorization: authorization!, "content-type": contentType! };
    const response = await fetch(url!, { method: "POST", headers, body: body! });
    assert.equal(response.status, 202);
    assert.equal((await response.json()).receipts.length, 1);
  });
});

test("hooks serve generates a new token at each start, and never prints a configured one", async () => {
  const tokens: string[] = [];
  for (let n = 0; n < 2; n++) {
    await serving({ environment: { HOOKS_TOKEN: "" } }, async (server) => {
      tokens.push((await server.match(/HOOKS_TOKEN=(hk_\S+)/))[1]!);
    });
  }
  assert.notEqual(tokens[0], tokens[1]);
  const server = await serving({}, async (_, url) => {
    assert.equal((await ask(url, ["send", "a.b"])).code, 0);
  });
  assert.ok(!server.stderr.includes(TOKEN));
  assert.match(server.stderr, /Bearer \$HOOKS_TOKEN"/);
});

test("hooks serve with server.ask: wait lets an agent wait for a person", async () => {
  const decide = gateReceiver(() => askPerson("May it?"), { secret });
  const policy = await processIO().serve({ hostname: "127.0.0.1", port: 0 }, decide);
  const files = {
    "hooks.yaml":
      `server: { ask: wait }\nhooks: { gates: [{ name: policy, events: [tool.called], ` +
      `url: "http://127.0.0.1:${policy.port}/", secret: ${secret} }] }\n`,
  };
  try {
    await serving({ files }, async (_, url) => {
      const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
      const decided = decideCall(url);
      let asks: readonly { readonly id: string }[] = [];
      while (asks.length === 0) {
        ({ asks } = await (await fetch(`${url}/asks`, { headers })).json());
      }
      const { code } = await ask(url, ["asks", "deny", asks[0]!.id, "--note", "Not today"]);
      assert.equal(code, 0);
      assert.deepEqual(await decided, {
        hookEventName: "PreToolUse",
        permissionDecision: "deny",
        permissionDecisionReason: "Not today",
      });
    });
  } finally {
    await policy.close(0);
  }
});

test("hooks serve delivers signed webhooks, with variables from a file", async () => {
  await receiving(async (receiver, receiverUrl) => {
    const files = {
      "my.yaml": config(receiverUrl, "audit", 'secret: "${AUDIT_SECRET}"'),
      ".env": `# for the audit\nexport AUDIT_SECRET="${secret}" # whsec_\n`,
    };
    const args = ["my.yaml", "--env-file", ".env"];
    const server = await serving({ files, args }, async (server, url) => {
      assert.equal((await ask(url, ["send", "tool.called", `{"name":"bash"}`])).code, 0);
      await receiver.match(/200 verified {3}\S+ tool\.called \S+ \{"name":"bash"\}/);
      await server.match(/tool\.called \S+ to audit: 200 delivered \(took \d+ ms\)/);
    });
    assert.match(server.stderr, /1 webhook from my\.yaml; store :memory:/);
    assert.ok(!server.stderr.includes(secret));
  }, { HOOKS_SECRET: secret });
});

test("hooks serve calls the gates of its configuration, and reloads them", async () => {
  let reason = "not here";
  const decide = gateReceiver(() => deny(reason), { secret, signResponse: true });
  const policy = await processIO().serve({ hostname: "127.0.0.1", port: 0 }, decide);
  const gates = (events: string) =>
    `hooks: { gates: [{ name: policy, events: [${events}], url: "http://127.0.0.1:${policy.port}/",` +
    ` secret: "\${GATE_SECRET}", verify_response: true }] }\ngates: { required: [policy] }\n`;
  const files: Record<string, string> = { "hooks.yaml": gates("tool.called") };
  const environment = { GATE_SECRET: secret };
  try {
    const server = await serving({ files, environment }, async (server, url) => {
      const denied = await decideCall(url);
      assert.deepEqual(
        [denied.permissionDecision, denied.permissionDecisionReason],
        ["deny", "not here"],
      );
      files["hooks.yaml"] = gates("message.received");
      server.signal("SIGHUP");
      await server.match(/reloaded hooks\.yaml: 0 webhooks, 1 gate/);
      assert.notEqual((await decideCall(url)).permissionDecision, "deny");
      files["hooks.yaml"] = gates("tool.called");
      reason = "still not";
      server.signal("SIGHUP");
      await server.match(/reloaded[^]*reloaded/);
      assert.equal((await decideCall(url)).permissionDecisionReason, "still not");
    });
    assert.match(server.stderr, /0 webhooks, 1 gate from hooks\.yaml/);
    assert.ok(!server.stderr.includes(secret));
  } finally {
    await policy.close(0);
  }
});

test("hooks serve grants delivery to the CloudEvents senders of its configuration", async () => {
  const yaml = "server: { webhook_origins: [eventgrid.azure.net], webhook_rate: 60 }";
  await serving({ files: { "hooks.yaml": yaml } }, async (_, url) => {
    const ask = async (origin: string) => {
      const headers = { "webhook-request-origin": origin };
      const response = await fetch(`${url}/events`, { method: "OPTIONS", headers });
      await response.text();
      const granted = (name: string) => response.headers.get(`webhook-allowed-${name}`);
      return [response.status, granted("origin"), granted("rate")];
    };
    assert.deepEqual(await ask("eventgrid.azure.net"), [200, "eventgrid.azure.net", "60"]);
    assert.deepEqual(await ask("other.example"), [405, null, null]);
  });
});

test("hooks serve accepts any payload of an agent event if its configuration sets validate: false", async () => {
  const post = async (url: string) => {
    const body = JSON.stringify({ type: "tool.called", data: {} });
    const headers = { "content-type": "application/json", authorization: `Bearer ${TOKEN}` };
    const response = await fetch(`${url}/events`, { method: "POST", headers, body });
    await response.text();
    return response.status;
  };
  for (const [validate, status] of [["true", 422], ["false", 202]] as const) {
    const files = { "hooks.yaml": `server: { validate: ${validate} }` };
    await serving({ files }, async (_, url) => {
      assert.equal(await post(url), status);
    });
  }
});

test("hooks serve reads hooks.yaml by default", async () => {
  const files = { "hooks.yaml": config("http://127.0.0.1:2/", "audit") };
  const server = await serving({ files }, () => Promise.resolve());
  assert.match(server.stderr, /1 webhook from hooks\.yaml/);
});

test("hooks serve reloads its configuration on SIGHUP", async () => {
  await receiving(async (receiver, receiverUrl) => {
    const files = { "hooks.yaml": "{}" };
    await serving({ files }, async (server, url) => {
      await ask(url, ["send", "a.before"]);
      files["hooks.yaml"] = config(receiverUrl, "audit");
      server.signal("SIGHUP");
      await server.match(/reloaded hooks\.yaml: 1 webhook\n/);
      await ask(url, ["send", "a.between"]);
      await receiver.match(/a\.between/);
      files["hooks.yaml"] = config(receiverUrl, "another");
      server.signal("SIGHUP");
      await server.match(/reloaded.*: 1 webhook\n[^]*reloaded.*: 1 webhook\n/);
      await ask(url, ["send", "a.after"]);
      await server.match(/a\.after \S+ to another: 200 delivered/);
      assert.ok(!server.stderr.includes("a.before"));
      assert.ok(!/a\.after \S+ to audit/.test(server.stderr));
    });
  });
});

test("an invalid configuration on SIGHUP changes nothing, and all its issues are reported", async () => {
  await receiving(async (receiver, receiverUrl) => {
    const files = { "hooks.yaml": config(receiverUrl, "audit") };
    await serving({ files }, async (server, url) => {
      files["hooks.yaml"] = `${config("nowhere", "audit")}storage: { pth: a }\n`;
      server.signal("SIGHUP");
      await server.match(
        /kept the current configuration: Cannot use hooks\.yaml: 2 errors/,
      );
      await server.match(/hooks\.yaml:5:\d+[^]*hooks\.webhooks\[0\]\.url/);
      await server.match(/did you mean path\?/);
      await ask(url, ["send", "a.b"]);
      await receiver.match(/200 unverified \S+ a\.b/);
    });
  });
});

test("a missing configuration on SIGHUP changes nothing", async () => {
  const files: Record<string, string> = {};
  await serving({ files }, async (server) => {
    server.signal("SIGHUP");
    await server.match(/reloaded no configuration: 0 webhooks/);
    files["hooks.yaml"] = config("http://127.0.0.1:2/", "audit");
    server.signal("SIGHUP");
    await server.match(/reloaded hooks\.yaml: 1 webhook\n/);
    delete files["hooks.yaml"];
    server.signal("SIGHUP");
    await server.match(
      /kept the current configuration: Cannot read the configuration hooks\.yaml: no such/,
    );
  });
});

test("a token removed on SIGHUP is rejected, and its event streams end", async () => {
  const tokens = (token: string) =>
    `server: { tokens: [{ name: one, token: ${token}, scopes: [admin] }] }`;
  const files = { "hooks.yaml": tokens("the-first-of-all-tokens") };
  await serving({ files }, async (server, url) => {
    const environment = { HOOKS_TOKEN: "the-first-of-all-tokens" };
    const tail = new Terminal({
      environment: { ...environment, HOOKS_URL: url },
      sleep: (ms, signal) =>
        ms < 5_000
          ? Promise.resolve()
          : new Promise((resolve) => signal!.addEventListener("abort", () => resolve())),
    });
    const tailing = tail.run("tail");
    await tail.match(/following/);
    files["hooks.yaml"] = tokens("the-second-of-all-tokens");
    server.signal("SIGHUP");
    await server.match(/reloaded hooks\.yaml/);
    assert.equal((await ask(url, ["send", "a.b"], { environment })).code, 1);
    assert.equal(await tailing, 1);
    assert.match(tail.stderr, /Check --token or HOOKS_TOKEN/);
    const next = { HOOKS_TOKEN: "the-second-of-all-tokens" };
    assert.equal((await ask(url, ["send", "a.b"], { environment: next })).code, 0);
  });
});

test("a token whose fields are reordered on SIGHUP keeps its event streams", async () => {
  const token = "the-one-of-all-tokens";
  const files = {
    "hooks.yaml": `server: { tokens: [{ name: one, token: ${token}, scopes: [admin] }] }`,
  };
  await serving({ files }, async (server, url) => {
    const headers = { authorization: `Bearer ${token}` };
    const stream = await fetch(`${url}/events/stream`, { headers });
    const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
    files["hooks.yaml"] = `server: { tokens: [{ scopes: [admin], token: ${token}, name: one }] }`;
    server.signal("SIGHUP");
    await server.match(/reloaded hooks\.yaml/);
    assert.equal(
      (await ask(url, ["send", "a.b"], { environment: { HOOKS_TOKEN: token } })).code,
      0,
    );
    for (let text = ""; !text.includes('"type":"a.b"');) {
      const { done, value } = await reader.read();
      assert.ok(!done, "the stream ended");
      text += value;
    }
    await reader.cancel();
  });
});

test("webhooks that do not fit the outbox are rejected at startup, and change nothing on SIGHUP", async () => {
  await receiving(async (receiver, receiverUrl) => {
    const slow = config(receiverUrl, "slow", "retry: [500h]");
    const server = new Terminal({ readFile: filesIn({ "hooks.yaml": slow }) });
    assert.equal(await server.run("serve", "--port", "0", "--store", ":memory:"), 1);
    assert.match(server.stderr, /^error: Cannot register 'slow' with the outbox: 'retention'/);

    const files = { "hooks.yaml": config(receiverUrl, "audit") };
    await serving({ files }, async (server, url) => {
      files["hooks.yaml"] = slow;
      server.signal("SIGHUP");
      await server.match(/kept the current configuration: Cannot register 'slow'/);
      await ask(url, ["send", "a.b"]);
      await receiver.match(/200 unverified \S+ a\.b/);
    });
  });
});

test("settings that need a restart are named on SIGHUP", async () => {
  const files = { "hooks.yaml": "{}" };
  await serving({ files }, async (server) => {
    files["hooks.yaml"] = "server: { host: localhost }\nretention: { events: 1440h }";
    server.signal("SIGHUP");
    await server.match(/restart to apply changes to host, retention\n/);
  });
});

test("hooks serve rejects a public address without tokens", async () => {
  const files = { "hooks.yaml": "server: { host: 0.0.0.0 }" };
  for (const args of [["serve"], ["serve", "--host", "::"], ["serve", "--host", "example.com"]]) {
    const server = new Terminal({ readFile: filesIn(args.length === 1 ? files : {}) });
    assert.equal(await server.run(...args), 2);
    assert.match(server.stderr, /^error: Cannot serve on \S+ without tokens/);
    assert.match(server.stderr, /Set HOOKS_TOKEN, or list tokens under server\.tokens/);
  }
});

test("hooks serve accepts a public address with a token", async () => {
  const listened: unknown[] = [];
  const server = new Terminal({
    environment: { HOOKS_TOKEN: TOKEN },
    readFile: filesIn({}),
    serve: (options) => {
      listened.push(options);
      return Promise.resolve({ port: 80, close: () => Promise.resolve() });
    },
  });
  const running = server.run("serve", "--host", "0.0.0.0", "--port", "80", "--store", ":memory:");
  await server.match(/serving http:\/\/0\.0\.0\.0:80/);
  server.signal("SIGINT");
  assert.equal(await running, 0);
  assert.deepEqual(listened, [{ hostname: "0.0.0.0", port: 80 }]);
});

test("hooks serve reports invalid settings before it serves", async () => {
  const cases:
    readonly (readonly [args: string[], files: object, code: number, message: RegExp])[] = [
      [["no.yaml"], {}, 1, /Cannot read the configuration no\.yaml: no such file/],
      [["a.yaml"], { "a.yaml": "hooks: [" }, 1, /Cannot use a\.yaml: 1 error/],
      [
        ["--env-file", "no.env"],
        {},
        1,
        /Cannot read the environment from no\.env: no such/,
      ],
      [["--port", "1x"], {}, 2, /whole number from 0 to 65535/],
      [
        ["--port", "0", "--store", "https://127.0.0.1:2/"],
        {},
        1,
        /choose another one with --store/,
      ],
      [["--store", "https://127.0.0.1:22/"], {}, 2, /the URL of the store: it .*port 22/],
    ];
  for (const [args, files, code, message] of cases) {
    const readFile = filesIn(files as Record<string, string>);
    const server = new Terminal({ readFile });
    assert.equal(await server.run("serve", ...args), code, args.join(" "));
    assert.match(server.stderr, message);
    assert.ok(!server.stderr.includes("secret"), args.join(" "));
  }
  const short = new Terminal({ environment: { HOOKS_TOKEN: "too-short" } });
  assert.equal(await short.run("serve"), 2);
  assert.match(short.stderr, /Cannot use HOOKS_TOKEN: it must be 16 to 512 characters/);
  assert.ok(!short.stderr.includes("too-short"));
});

test("hooks serve reports a port in use, and opens no store", async () => {
  await serving({}, async (_, url) => {
    const second = new Terminal({
      readFile: filesIn({}),
      openStore: () => assert.fail("it opened its store"),
    });
    assert.equal(await second.run("serve", "--port", new URL(url).port), 1);
    assert.match(
      second.stderr,
      /^error: Cannot listen on 127\.0\.0\.1:\d+: the port is already in use\n/,
    );
  });
});

test("hooks serve can be stopped while its store opens, and responds 503 until then", async () => {
  const server: Terminal = new Terminal({
    environment: { HOOKS_TOKEN: TOKEN },
    readFile: filesIn({}),
    openStore: () => new Promise(() => {}),
    serve: async (options, handler) => {
      const response = await handler(new Request("http://127.0.0.1/health"));
      assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "1"]);
      queueMicrotask(() => server.signal("SIGINT"));
      return { port: options.port, close: () => Promise.resolve() };
    },
  });
  assert.equal(await server.run("serve"), 0);
  assert.match(server.stderr, /^\S+ stopping\n\S+ stopped\n$/);
});

test("hooks serve --json logs the token that it generated", async () => {
  await serving({ args: ["--json"], environment: { HOOKS_TOKEN: "" } }, async (server, url) => {
    const { admin_token } = JSON.parse(server.stderr.split("\n")[0]!);
    const environment = { HOOKS_TOKEN: admin_token };
    assert.equal((await ask(url, ["send", "a.b"], { environment })).code, 0);
  });
});

test("hooks serve --json logs one object per line, without a configured token", async () => {
  const server = await serving({ args: ["--json"] }, async (server, url) => {
    await ask(url, ["send", "a.b"]);
    await server.match(/"message":"request"/);
  });
  const lines = server.stderr.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ message }) => message),
    ["serving", "request", "stopping", "stopped"],
  );
  assert.equal(lines[1].status, 202);
  assert.ok(!server.stderr.includes(TOKEN));
});

function config(url: string, name: string, more = ""): string {
  return `
hooks:
  webhooks:
    - name: ${name}
      url: ${url}
      events: ["*"]
      ${more}
`;
}

async function receiving(
  use: (receiver: Terminal, url: string) => Promise<void>,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const receiver = new Terminal({ environment });
  const running = receiver.run("listen", "--port", "0");
  const [, url] = await receiver.match(/listening on (http:\S+),/);
  try {
    await use(receiver, url!);
  } finally {
    receiver.signal("SIGINT");
    await running;
  }
}

test("hooks serve and hooks listen reject ports that fetch blocks", async () => {
  for (const command of ["serve", "listen"]) {
    const terminal = new Terminal();
    assert.equal(await terminal.run(command, "--port", "10080"), 2);
    assert.match(terminal.stderr, /port which fetch blocks/);
  }
  const readFile = filesIn({ "hooks.yaml": "server: { port: 6000 }\n" });
  const terminal = new Terminal({ readFile });
  assert.equal(await terminal.run("serve"), 1);
  assert.match(terminal.stderr, /server\.port is a port which fetch blocks/);
});

test("hooks serve reports at startup which deliveries another process has leased, and until when", async () => {
  const store = memoryStore();
  const events = ["*"];
  const url = "http://127.0.0.1:2/";
  let asked = (): void => {};
  const attempted = new Promise<void>((resolve) => asked = resolve);
  const fetch = (_: unknown, { signal }: RequestInit = {}): Promise<Response> => {
    asked();
    return new Promise((_, reject) => {
      signal!.addEventListener("abort", () => reject(signal!.reason));
    });
  };
  // Another process whose attempt never ends.
  const hooks = createHooks({
    outbox: createOutbox(store),
    use: [new WebhookHook({ name: "audit", events, url, fetch, timeout: 10_000 })],
  });
  const { id } = await hooks.emit("tool.called", { name: "bash" });
  await attempted;
  const shared = Object.assign(store, { close() {} }); // the server closes it
  const files = { "hooks.yaml": config(url, "audit") };
  const server = await serving(
    { files, openStore: () => Promise.resolve(shared) },
    async (server, url) => {
      const [, until] = await server.match(
        /1 delivery to audit leased by another process until (\d{4}-\S+Z), then attempted here if it is gone/,
      );
      const left = Date.parse(until!) - Date.now();
      assert.ok(left > 15_000 && left <= 30_000, `${left} ms`);
      const seconds = until!.replace("T", " ").replace(/\.\d+Z/, "Z");
      const list = await ask(url, ["deliveries", "--state", "pending"]);
      assert.ok(list.stdout.includes(`leased until ${seconds.replace(" ", "T")}`), list.stdout);
      const one = await ask(url, ["deliveries", "audit", id]);
      assert.ok(one.stdout.includes(`leased until ${seconds}`), one.stdout);
      const targets = await ask(url, ["targets"]);
      assert.ok(targets.stdout.includes(`1 leased until ${seconds}`), targets.stdout);
      const json = await ask(url, ["deliveries", "audit", id, "--json"]);
      assert.equal(JSON.parse(json.stdout).leased_until, until);
    },
  );
  assert.ok(!server.stderr.includes("check the clocks"));
  await hooks.close();
});

test("hooks serve logs one line per failed attempt, and one more for a dead letter", async () => {
  const logged = async (retry: string, pattern: RegExp): Promise<string> => {
    const files = { "hooks.yaml": config("http://127.0.0.1:2/", "audit", `retry: ${retry}`) };
    const { stderr } = await serving({ files, args: ["--json"] }, async (server, url) => {
      assert.equal((await ask(url, ["send", "a.b"])).code, 0);
      await server.match(pattern);
    });
    const lines = stderr.trim().split("\n").map((line) => JSON.parse(line));
    const some = lines.filter(({ level }) => level !== "info");
    return some.map(({ level, message, code }) => `${level} ${code ?? message}`).join();
  };
  assert.equal(await logged("[5m]", /"verdict":"retry"/), "warn delivery");
  assert.equal(await logged("[]", /delivery_dead/), "warn delivery,error delivery_dead");
});

test("hooks serve logs why an attempt failed, when it is retried and how long it took", async () => {
  const logged = async (retry: string, pattern: RegExp, args: readonly string[] = []) => {
    const files = { "hooks.yaml": config("http://127.0.0.1:2/", "audit", `retry: ${retry}`) };
    let found: RegExpExecArray | undefined;
    await serving({ files, args }, async (server, url) => {
      assert.equal((await ask(url, ["send", "a.b"])).code, 0);
      found = await server.match(pattern);
    });
    return found!;
  };
  await logged("[12s]", /a\.b \S+ to audit: failed, retry in 1\d s \(took \d+ ms\) reason=\S+/);
  await logged("[2h]", /a\.b \S+ to audit: failed, retry at \d\d:\d\d:\d\d \(took \d+ ms\)/);
  await logged("[]", /a\.b \S+ to audit: failed, no retries left \(took \d+ ms\) reason=\S+/);
  const [line] = await logged("[12s]", /.*"verdict":"retry".*/, ["--json"]);
  const { attempt, retry_at, error, duration_ms } = JSON.parse(line);
  assert.deepEqual([attempt, typeof error, typeof duration_ms], [1, "string", "number"]);
  assert.ok(Date.parse(retry_at) > Date.now());
});

test("hooks serve rejects stores that it doesn't support, and names those that it does", async () => {
  for (const store of ["jdbc:postgresql://me:hunter2@h/db", "postgres:me:hunter2@h", "redis://h"]) {
    for (const args of [["--store", store], ["store.yaml"]]) {
      const readFile = filesIn({ "store.yaml": `storage: { path: "${store}" }` });
      const server = new Terminal({ readFile, openStore: () => assert.fail("it was opened") });
      assert.notEqual(await server.run("serve", ...args), 0);
      assert.match(server.stderr, /[Ff]ile.*:memory:.*KV Connect/s, args.join(" "));
      assert.ok(!server.stderr.includes("hunter2"), server.stderr);
    }
  }
});

test("hooks serve reports a full or read-only disk at startup, and serves other requests", async () => {
  for (
    const [failure, advice] of [["full", "free up space"], [
      "read_only",
      "permissions.*then restart",
    ]] as const
  ) {
    const store = memoryStore();
    const begin = store.atomic.bind(store);
    const commit = () => Promise.reject(new StoreError("Cannot commit", failure));
    const broken = Object.assign(store, { atomic: () => Object.assign(begin(), { commit }) });
    await serving({ openStore: () => Promise.resolve(broken) }, async (server, url) => {
      await server.match(new RegExp(`The store rejects events.*${advice}`));
      const ready = await fetch(`${url}/ready`);
      assert.equal(ready.status, 503);
      assert.match((await ready.json()).detail, new RegExp(advice));
      const sent = await ask(url, ["send", "a.b"]);
      assert.equal(sent.code, 1);
      assert.match(sent.stderr, new RegExp(advice));
    });
  }
});
