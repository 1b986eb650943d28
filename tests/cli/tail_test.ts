import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { ask, deadUrl, serving, TOKEN } from "../support/serving.ts";
import { Terminal } from "../support/terminal.ts";

test("hooks tail prints events as they arrive, and exits at its limit", async () => {
  await serving({}, async (_, url) => {
    const tail = tailOf(url);
    const running = tail.run("tail", "--limit", "2");
    await tail.match(/following/);
    await ask(url, ["send", "tool.called", `{"name":"bash"}`, "-s", "s-1"]);
    await ask(url, ["send", "a.b", "[1]"]);
    assert.equal(await running, 0);
    assert.match(tail.stdout, /^\S+ tool\.called \S+ s-1 \{"name":"bash"\}\n\S+ a\.b \S+ \[1\]\n$/);
  });
});

test("hooks tail filters by type and session", async () => {
  await serving({}, async (_, url) => {
    const tail = tailOf(url);
    const running = tail.run("tail", "--type", "tool.*", "-s", "s-1", "-n", "1", "--json");
    await tail.match(/following/);
    for (const args of [["a.b", "1", "-s", "s-1"], ["tool.x", "2"], ["tool.y", "3", "-s", "s-1"]]) {
      await ask(url, ["send", ...args]);
    }
    assert.equal(await running, 0);
    const { type, session_id, data } = JSON.parse(tail.stdout);
    assert.deepEqual([type, session_id, data], ["tool.y", "s-1", 3]);
  });
});

test("hooks tail shows the trace of an event, unless a terminal has no width for it", async () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const send = ["send", "a.b", "1", "--traceparent", `00-${traceId}-00f067aa0ba902b7-01`];
  for (const columns of [undefined, 120]) {
    await serving({}, async (_, url) => {
      const tail = tailOf(url, columns);
      const running = tail.run("tail", "-n", "1");
      await tail.match(/following/);
      await ask(url, send);
      assert.equal(await running, 0);
      assert.equal(tail.stdout.includes(traceId), columns === undefined, tail.stdout);
    });
  }
});

test("hooks tail shows the run of an event, and filters by it", async () => {
  await serving({}, async (_, url) => {
    const tail = tailOf(url);
    const running = tail.run("tail", "--run", "run-2", "-n", "1");
    await tail.match(/following/);
    for (const run of ["run-1", "run-2"]) await ask(url, ["send", "a.b", "1", "--run", run]);
    assert.equal(await running, 0);
    assert.match(tail.stdout, /^\S+ a\.b \S+ run-2 1\n$/);
  });
});

test("hooks tail --after starts after an event", async () => {
  await serving({}, async (_, url) => {
    const { stdout } = await ask(url, ["send", "a.one", "--json"]);
    await ask(url, ["send", "a.two"]);
    const { code, stdout: shown } = await ask(url, [
      "tail",
      ...["--after", JSON.parse(stdout).id, "-n", "1"],
    ]);
    assert.equal(code, 0);
    assert.match(shown, /^\S+ a\.two \S+ \{\}\n$/);
  });
});

test("hooks tail exits with 0 on SIGINT", async () => {
  await serving({}, async (_, url) => {
    const tail = tailOf(url);
    const running = tail.run("tail");
    await tail.match(/following/);
    tail.signal("SIGINT");
    assert.equal(await running, 0);
  });
});

test("hooks tail reconnects after the last event, and waits longer each time", async () => {
  const asked: (string | null)[] = [];
  const waits: number[] = [];
  const responses = [
    () => stream(event("id-1", "a.one"), "id: cut"),
    () => Promise.reject(new TypeError("connection refused")),
    () => problem(503),
    () => stream(": hello\n\n", event("id-2", "a.two"), "event: overflow\ndata: {}\n\n"),
    () => stream(event("id-3", "a.three")),
  ];
  const tail = new Terminal({
    environment: { HOOKS_URL: "http://hooks.test" },
    random: () => 1,
    sleep: pausing(waits),
    fetch: (_, init) => {
      asked.push(new Headers(init?.headers).get("last-event-id"));
      return responses.shift()!();
    },
  });
  assert.equal(await tail.run("tail", "-n", "3"), 0);
  assert.deepEqual(asked, [null, "id-1", "id-1", "id-1", "id-2"]);
  assert.deepEqual(waits, [500, 1000, 2000, 500]);
  assert.match(
    tail.stdout,
    /^\S+ a\.one id-1 .* 1\n\S+ a\.two id-2 .* 1\n\S+ a\.three id-3 .* 1\n$/,
  );
  assert.equal(tail.stderr.match(/; reconnecting\n/g)?.length, 2);
});

test("hooks tail exits when the server no longer accepts its token", async () => {
  const responses = [() => stream(event("id-1", "a.one")), () => problem(401)];
  const tail = new Terminal({
    environment: { HOOKS_URL: "http://hooks.test" },
    sleep: pausing([]),
    fetch: () => responses.shift()!(),
  });
  assert.equal(await tail.run("tail"), 1);
  assert.match(tail.stderr, /Set --token or HOOKS_TOKEN/);
});

test("hooks tail exits when there is no server", async () => {
  const { code, stderr } = await ask(await deadUrl(), ["tail"]);
  assert.equal(code, 1);
  assert.match(stderr, /connection refused/);
});

test("hooks tail reads event streams with any line endings, split anywhere", async () => {
  const text = ["a", "b", "c"].map((id) => event(id, `t.${id}`)).join("");
  for (const end of ["\n", "\r\n", "\r"]) {
    for (const size of [1, 2, 3, 7, 1000]) {
      const bytes = new TextEncoder().encode(text.replaceAll("\n", end));
      const parts: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) parts.push(bytes.slice(at, at + size));
      const tail = new Terminal({
        environment: { HOOKS_URL: "http://hooks.test" },
        fetch: () => Promise.resolve(responseOf(parts)),
      });
      assert.equal(await tail.run("tail", "-n", "3"), 0, JSON.stringify([end, size]));
      assert.match(tail.stdout, /t\.a a .* 1\n\S+ t\.b b .* 1\n\S+ t\.c c .* 1\n$/);
    }
  }
});

function tailOf(url: string, columns?: number): Terminal {
  const environment = { HOOKS_URL: url, HOOKS_TOKEN: TOKEN };
  return new Terminal({ environment, ...(columns && { terminal: true, columns }) });
}

function event(id: string, type: string): string {
  const wire = { id, type, timestamp: "2026-01-01T00:00:00.000Z", data: 1 };
  return `id: ${id}\ndata: ${JSON.stringify(wire)}\n\n`;
}

/** Pauses end immediately and are recorded; silence timeouts last until they are cancelled. */
function pausing(waits: number[]): (ms: number, signal?: AbortSignal) => Promise<void> {
  return (ms, signal) => {
    if (ms <= 10_000) return Promise.resolve(void waits.push(ms));
    return new Promise((resolve) => signal!.addEventListener("abort", () => resolve()));
  };
}

function stream(...parts: string[]): Promise<Response> {
  return Promise.resolve(responseOf(parts.map((part) => new TextEncoder().encode(part))));
}

function responseOf(parts: readonly Uint8Array[]): Response {
  const left = [...parts];
  const body = new ReadableStream({
    pull(controller) {
      const part = left.shift();
      if (part) controller.enqueue(part);
      else controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

function problem(status: number): Promise<Response> {
  const headers = { "content-type": "application/problem+json" };
  return Promise.resolve(new Response(JSON.stringify({ title: "no" }), { status, headers }));
}
