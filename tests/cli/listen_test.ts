import assert from "node:assert/strict";
import { createHooks, WebhookHook } from "@omniagent/hooks";
import { generateSecret } from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import { filesIn } from "../support/serving.ts";
import { Terminal, type TerminalOptions } from "../support/terminal.ts";

const secret = generateSecret();

test("hooks listen verifies a signed webhook and prints it on one line", async () => {
  await listening({ environment: { HOOKS_SECRET: secret } }, [], async (terminal, url) => {
    await emit(url, secret);
    await terminal.match(/200 verified {3}\S+ tool\.called \S+ s-1 \{"name":"bash"\}\n/);
    assert.match(terminal.stderr, /verifying signatures/);
  });
});

test("hooks listen rejects requests signed with another secret, with the reason", async () => {
  await listening({}, ["--secret", generateSecret()], async (terminal, url) => {
    await assert.rejects(emit(url, secret));
    await terminal.match(/401 rejected {3}\S+ \S+ no_matching_signature: /);
    assert.ok(!terminal.stdout.includes("bash"));
  });
});

test("hooks listen accepts several secrets, from options or HOOKS_SECRET", async () => {
  const other = generateSecret();
  await listening({}, ["-s", other, "-s", secret], (terminal, url) => verified(terminal, url));
  const environment = { HOOKS_SECRET: `${other} ${secret}` };
  await listening({ environment }, [], (terminal, url) => verified(terminal, url));
});

test("hooks listen reads its secret from a file", async () => {
  const readFile = filesIn({ ".env": `HOOKS_SECRET="${generateSecret()} ${secret}"\n` });
  await listening({ readFile }, ["--env-file", ".env"], verified);
  const environment = { HOOKS_SECRET: secret };
  const other = filesIn({ ".env": `HOOKS_SECRET=${generateSecret()}\n` });
  await listening({ readFile: other, environment }, ["--env-file", ".env"], verified);
  const absent = new Terminal({ readFile });
  assert.equal(await absent.run("listen", "--env-file", "no.env"), 1);
  assert.match(absent.stderr, /Cannot read the environment from no\.env: no such file/);
});

test("hooks listen reads the same files as node --env-file", async () => {
  const text =
    `export A-B=1\nKEY="-----BEGIN-----\nx\n-----END-----"\n# none\nHOOKS_SECRET='${secret}' # mine\r\n`;
  await listening({ readFile: filesIn({ ".env": text }) }, ["--env-file", ".env"], verified);
});

test("hooks listen without a secret prints everything as unverified", async () => {
  await listening({}, [], async (terminal, url) => {
    assert.match(terminal.stderr, /not verifying: no secret/);
    await emit(url, undefined);
    await terminal.match(/200 unverified \S+ tool\.called \S+ s-1/);
    // As the Go package sends it: no id.
    await post(url, `{"type":"agent.end","timestamp":"2026-01-01T00:00:00Z","data":{"a":1}}`);
    await terminal.match(
      /200 unverified \S+ agent\.end \S+ \(from 2026-01-01 00:00:00Z\) \{"a":1\}/,
    );
    assert.equal(await post(url, "no JSON"), 400);
    await terminal.match(/400 rejected .*event_invalid/);
    assert.equal(await post(url, `"${"x".repeat(1_100_000)}"`), 413);
  });
});

test("hooks listen marks duplicates", async () => {
  await listening({}, [], async (terminal, url) => {
    const body = `{"type":"a.b","data":1}`;
    await post(url, body, { "webhook-id": "m-1" });
    await post(url, body, { "webhook-id": "m-1" });
    await terminal.match(/200 duplicate {2}\S+ m-1\n/);
    assert.equal(terminal.stdout.match(/a\.b/g)?.length, 1);
  });
});

test("hooks listen accepts an unsigned message whose id could not be signed", async () => {
  await listening({}, [], async (terminal, url) => {
    for (const id of ["a.b", "a,b", "x".repeat(300)]) {
      const status = await post(url, `{"type":"a.b","data":1}`, { "webhook-id": id });
      assert.equal(status, 200, id);
    }
    assert.equal(terminal.stdout.match(/200 unverified/g)?.length, 3);
  });
});

test("hooks listen --fail fails a share of requests with the given status", async () => {
  const rolls = [0.29, 0.3];
  const options = { random: () => rolls.shift()! };
  await listening(options, ["--fail", "30%", "--status", "503"], async (terminal, url) => {
    assert.equal(await post(url, `{"type":"a.b","data":1}`, { "webhook-id": "m-1" }), 503);
    assert.equal(await post(url, `{"type":"a.b","data":1}`, { "webhook-id": "m-1" }), 200);
    await terminal.match(/503 simulated {2}\S+ m-1\n200 unverified/);
  });
});

test("hooks listen --status alone fails every request", async () => {
  await listening({}, ["--status", "410"], async (_, url) => {
    assert.deepEqual([await post(url, "{}"), await post(url, "{}")], [410, 410]);
  });
});

test("hooks listen can fail with every failure status", async () => {
  for (const status of [300, 304, 404, 599]) {
    await listening({}, ["--status", String(status)], async (_, url) => {
      const response = await fetch(url, { method: "POST", body: "{}", redirect: "manual" });
      await response.body?.cancel();
      assert.equal(response.status, status);
    });
  }
});

test("hooks listen uses the clock of its IO", async () => {
  await listening({ now: () => 0 }, [], async (terminal, url) => {
    assert.equal(await post(url, `{"type":"a.b","data":1}`), 200);
    await terminal.match(/unverified 00:00:00\.000 a\.b/);
  });
  await listening({ now: () => 0 }, ["-s", secret], async (terminal, url) => {
    await assert.rejects(emit(url, secret));
    await terminal.match(/timestamp_too_new/);
  });
});

test("hooks listen --delay waits before it responds", async () => {
  const waits: number[] = [];
  const sleep = (ms: number) => Promise.resolve(void waits.push(ms));
  await listening({ sleep }, ["--delay", "1m30s"], async (_, url) => {
    await post(url, `{"type":"a.b","data":1}`);
    assert.deepEqual(waits, [90_000]);
  });
});

test("hooks listen --json prints one object per request, and a summary at the end", async () => {
  const terminal = await listening({}, ["--json", "-s", secret], async (terminal, url) => {
    await emit(url, secret);
    await post(url, "{}");
    await terminal.match(/\n.*\n/);
  });
  const [received, refused] = terminal.stdout.trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(received.outcome, "received");
  assert.equal(received.verified, true);
  assert.equal(received.event.session_id, "s-1");
  assert.deepEqual(received.event.data, { name: "bash" });
  assert.equal(refused.outcome, "refused");
  assert.equal(refused.code, "missing_header");
  assert.match(terminal.stderr, /^2 requests: 1 received \(1 verified\), 0 duplicate, 1 rejected/m);
});

test("hooks listen prints no control characters", async () => {
  await listening({ terminal: true, columns: 80 }, [], async (terminal, url) => {
    const session = "\x1b]0;owned\x07\u202e";
    await post(url, JSON.stringify({ type: "a.b", session_id: session, data: "\x9b31m" }));
    await terminal.match(/a\.b/);
    assert.ok(terminal.stdout.includes("\\u{1b}]0;owned\\u{7}\\u{202e}"));
    for (const character of "\x07\x9b\u202e") assert.ok(!terminal.stdout.includes(character));
  });
});

test("hooks listen reports a port in use", async () => {
  await listening({}, [], async (_, url) => {
    const second = new Terminal();
    assert.equal(await second.run("listen", "--port", new URL(url).port), 1);
    assert.match(
      second.stderr,
      /^error: Cannot listen on 127\.0\.0\.1:\d+: the port is already in use\n/,
    );
    assert.match(second.stderr, /--port 0 picks a free one/);
  });
});

test("hooks listen reports a host that is not an address of this machine", async () => {
  for (const host of ["no-such-host.invalid", "192.0.2.1"]) {
    const terminal = new Terminal();
    assert.equal(await terminal.run("listen", "--host", host, "--port", "0"), 1);
    assert.match(terminal.stderr, /^error: Cannot listen on \S+:0: .*no such address\n/);
    assert.match(
      terminal.stderr,
      /\n {2}Pass an address of this machine as --host: 127\.0\.0\.1, or/,
    );
  }
});

test("hooks listen names both causes where a runtime has one code for them", async () => {
  const hosts = { "127.0.0.1": false, "::": false, "a.test": true };
  for (const [host, both] of Object.entries(hosts)) {
    const fault = Object.assign(new Error("in use"), { code: "EADDRINUSE" });
    const terminal = new Terminal({ serve: () => Promise.reject(fault) });
    assert.equal(await terminal.run("listen", "--host", host), 1);
    const orHost = both ? ", or this machine has no such address" : "";
    const [first] = terminal.stderr.split("\n");
    assert.ok(first!.endsWith(`:9000: the port is already in use${orHost}`), first);
    assert.equal(terminal.stderr.includes("as --host"), both);
  }
});

test("hooks listen rejects an invalid secret without printing it", async () => {
  const terminal = new Terminal();
  assert.equal(await terminal.run("listen", "--secret", "hunter2"), 2);
  assert.match(terminal.stderr, /whsec_/);
  assert.ok(!terminal.stderr.includes("hunter2"));
});

async function listening(
  options: TerminalOptions,
  args: readonly string[],
  use: (terminal: Terminal, url: string) => Promise<void>,
): Promise<Terminal> {
  const terminal = new Terminal(options);
  const running = terminal.run("listen", "--port", "0", ...args);
  const [, url] = await terminal.match(/listening on (http:\S+),/);
  try {
    await use(terminal, url!);
  } finally {
    assert.ok(terminal.signal("SIGINT"));
    assert.equal(await running, 0);
  }
  return terminal;
}

async function verified(terminal: Terminal, url: string): Promise<void> {
  await emit(url, secret);
  await terminal.match(/200 verified/);
}

async function emit(url: string, secret: string | undefined): Promise<void> {
  const hooks = createHooks({ logger: silentLogger });
  hooks.use(new WebhookHook({ name: "test", events: ["*"], url, ...(secret ? { secret } : {}) }));
  try {
    await hooks.emit("tool.called", { name: "bash" }, { sessionId: "s-1" });
  } finally {
    await hooks.close();
  }
}

async function post(url: string, body: string, headers: HeadersInit = {}): Promise<number> {
  const response = await fetch(url, { method: "POST", body, headers });
  await response.body?.cancel();
  return response.status;
}
