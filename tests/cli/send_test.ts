import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { ask, deadUrl, filesIn, serving, TOKEN } from "../support/serving.ts";
import { Terminal } from "../support/terminal.ts";

test("hooks send sends an event and prints its receipt", async () => {
  await serving({}, async (server, url) => {
    const sent = await ask(url, ["send", "tool.called", `{"name":"bash"}`, "--session", "s-1"]);
    assert.deepEqual([sent.code, sent.stderr], [0, ""]);
    const [, id] = /^accepted (\S+), 0 deliveries\n$/.exec(sent.stdout)!;
    const stored = await (await fetch(`${url}/events/${id}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    })).json();
    assert.equal(stored.type, "tool.called");
    assert.equal(stored.session_id, "s-1");
    assert.deepEqual(stored.data, { name: "bash" });
    await server.match(/POST \/events 202/);
  });
});

test("hooks send reads its data from a file or stdin, or sends an empty object", async () => {
  await serving({}, async (_, url) => {
    const cases: readonly (readonly [args: string[], data: unknown])[] = [
      [["send", "a.b", "@d.json"], { from: "file" }],
      [["send", "a.b", "-"], { from: "input" }],
      [["send", "a.b"], {}],
      [["send", "a.b", "null"], null],
    ];
    const readFile = filesIn({ "d.json": `{"from":"file"}` });
    for (const [args, data] of cases) {
      const sent = await ask(url, [...args, "--json"], { readFile, input: `{"from":"input"}` });
      assert.equal(sent.code, 0, sent.stderr);
      const { id } = JSON.parse(sent.stdout);
      const headers = { authorization: `Bearer ${TOKEN}` };
      const stored = await (await fetch(`${url}/events/${id}`, { headers })).json();
      assert.deepEqual(stored.data, data);
    }
  });
});

test("hooks send reads JSON with a byte order mark from everywhere", async () => {
  await serving({}, async (_, url) => {
    const readFile = filesIn({ "d.json": `\ufeff{"n":1}` });
    const input = `\ufeff{"type":"a.b","data":1}\r\n\r\n{"type":"a.b","data":2}`;
    for (const args of [["a.b", "@d.json"], ["a.b", "-"], ["a.b", `\ufeff{"n":1}`], []]) {
      const sent = await ask(url, ["send", ...args], {
        readFile,
        input: args[1] ? "\ufeff1" : input,
      });
      assert.equal(sent.code, 0, `${args}: ${sent.stderr}`);
    }
  });
});

test("hooks send rejects numbers that would change, by line and path", async () => {
  await serving({}, async (_, url) => {
    const one = await ask(url, ["send", "a.b", `{"ids":[1,9007199254740993]}`]);
    assert.deepEqual([one.code, one.stdout], [2, ""]);
    assert.match(one.stderr, /^error: Cannot send the data\n {2}\/ids\/1 .*\n/);
    const input = `{"type":"a.b","data":1}\n{"type":"a.b","data":{"id":12345678901234567890}}\n`;
    const many = await ask(url, ["send", "--batch", "1"], { input });
    assert.match(
      many.stderr,
      /^error: Cannot send line 2\n {2}\/data\/id .*\n/,
    );
    assert.match(many.stderr, /1 event accepted before that/);
  });
});

test("hooks send --session applies to lines without a session, null included", async () => {
  await serving({}, async (_, url) => {
    const input = ["", `,"session_id":null`, `,"session_id":"mine"`]
      .map((field) => `{"type":"a.b","data":1${field}}\n`).join("");
    const sent = await ask(url, ["send", "--session", "s-1", "--json"], { input });
    const headers = { authorization: `Bearer ${TOKEN}` };
    const sessions = await Promise.all(
      sent.stdout.trim().split("\n").map(async (line) => {
        const { id } = JSON.parse(line);
        return (await (await fetch(`${url}/events/${id}`, { headers })).json()).session_id;
      }),
    );
    assert.deepEqual(sessions, ["s-1", "s-1", "mine"]);
    const alone = await ask(url, ["send"], { input });
    assert.equal(alone.code, 0, alone.stderr);
  });
});

test("hooks send sets the run and the trace of an event, and of lines without them", async () => {
  await serving({}, async (_, url) => {
    const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const options = ["--run", "run-1", "--traceparent", trace, "--json"];
    const one = await ask(url, ["send", "a.b", "1", ...options]);
    const input = `{"type":"a.b","data":1}\n{"type":"a.b","data":1,"run_id":"mine"}\n`;
    const many = await ask(url, ["send", ...options], { input });
    const headers = { authorization: `Bearer ${TOKEN}` };
    const found = await Promise.all(
      `${one.stdout}${many.stdout}`.trim().split("\n").map(async (line) => {
        const response = await fetch(`${url}/events/${JSON.parse(line).id}`, { headers });
        const { run_id, traceparent } = await response.json();
        return [run_id, traceparent];
      }),
    );
    assert.deepEqual(found, [["run-1", trace], ["run-1", trace], ["mine", trace]]);
    const wrong = await ask(url, ["send", "a.b", "1", "--traceparent", "00-1"]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /\/traceparent: must be a traceparent of W3C Trace Context/);
  });
});

test("hooks send with an idempotency key is accepted once", async () => {
  await serving({}, async (_, url) => {
    const args = ["send", "a.b", "1", "-k", "key-1", "--json"];
    const [one, two] = [await ask(url, args), await ask(url, args)];
    const [first, second] = [JSON.parse(one.stdout), JSON.parse(two.stdout)];
    assert.equal(first.id, second.id);
    assert.deepEqual([first.duplicate, second.duplicate], [false, true]);
    const other = await ask(url, ["send", "a.b", "2", "-k", "key-1"]);
    assert.equal(other.code, 1);
    assert.match(other.stderr, /idempotency_conflict/);
  });
});

test("hooks send --wait prints the results of handlers", async () => {
  await serving({}, async (_, url) => {
    const sent = await ask(url, ["send", "a.b", "--wait", "--json"]);
    assert.equal(sent.code, 0);
    assert.ok(Array.isArray(JSON.parse(sent.stdout).handlers));
  });
  const failed = await ask("http://hooks.test", ["send", "a.b", "--wait"], {
    fetch: () =>
      Promise.resolve(Response.json({
        receipts: [{
          id: "1",
          deliveries: 0,
          duplicate: false,
          handlers: [{ name: "audit", ok: true }, { name: "meter", ok: false, error: "failed" }],
        }],
      }, { status: 202 })),
  });
  assert.equal(failed.code, 1);
  assert.match(failed.stdout, / {2}ok {5}audit\n {2}failed meter: failed\n/);
  assert.match(failed.stderr, /1 of 2 handlers failed/);
});

test("hooks send sends stdin in batches, and skips empty lines", async () => {
  const lines = Array.from({ length: 250 }, (_, n) => JSON.stringify({ type: "a.b", data: n }));
  await serving({}, async (_, url) => {
    const sent = await ask(url, ["send"], { input: `${lines.join("\n")}\n\n` });
    assert.deepEqual([sent.code, sent.stdout, sent.stderr], [0, "", "250 events accepted\n"]);
    const listed = await ask(url, ["send", "--batch", "7", "--json", "-s", "s-9"], {
      input: lines.slice(0, 20).join("\n"),
    });
    assert.equal(listed.stdout.trim().split("\n").length, 20);
  });
});

test("hooks send makes batches that a server accepts, however long the lines are", async () => {
  const lines = Array.from({ length: 40 }, () => `{"type":"a.b","data":"${"ü".repeat(50_000)}"}`);
  await serving({}, async (_, url) => {
    const sent = await ask(url, ["send"], { input: lines.join("\n") });
    assert.deepEqual([sent.code, sent.stderr], [0, "40 events accepted\n"]);
    const long = `{"type":"a.b","data":"${"x".repeat(300_000)}"}`;
    const refused = await ask(url, ["send"], { input: [...lines.slice(0, 2), long].join("\n") });
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /\(line 3\)\n +line 3: .*262144 bytes/,
    );
    assert.match(refused.stderr, /2 events accepted before that; with/);
  });
});

test("hooks send splits batches that don't fit a commit of the server's store", async () => {
  const lines = Array.from({ length: 230 }, (_, n) => `{"type":"a.b","id":"e-${n}","data":${n}}`);
  const input = lines.join("\n");
  await serving({}, async (_, url) => {
    const sent = await ask(url, ["send", "--json"], { input });
    assert.equal(sent.code, 0, sent.stderr);
    const ids = (text: string) => text.trim().split("\n").map((line) => JSON.parse(line).id);
    assert.equal(new Set(ids(sent.stdout)).size, 230);
    const again = await ask(url, ["send", "--json"], { input });
    assert.deepEqual(ids(again.stdout), ids(sent.stdout));
    assert.equal(again.stderr, "230 events accepted (230 duplicates)\n");
    const [one, two] = [
      await ask(url, ["send", "--json", "-k", "import-1"], { input }),
      await ask(url, ["send", "--json", "-k", "import-1"], { input }),
    ];
    assert.deepEqual(ids(two.stdout), ids(one.stdout));
    assert.match(two.stderr, /^230 events accepted \(230 duplicates\)\n/);
  });
});

test("hooks send with a key can send the same stdin twice", async () => {
  const input = Array.from({ length: 5 }, (_, n) => JSON.stringify({ type: "a.b", data: n }))
    .join("\n");
  await serving({}, async (_, url) => {
    const args = ["send", "-k", "import-1", "--batch", "2", "--json"];
    const [one, two] = [await ask(url, args, { input }), await ask(url, args, { input })];
    const ids = (text: string) => text.trim().split("\n").map((line) => JSON.parse(line).id);
    assert.deepEqual(ids(two.stdout), ids(one.stdout));
    assert.equal(new Set(ids(one.stdout)).size, 5);
    assert.equal(two.stderr, "5 events accepted (5 duplicates)\n");
  });
});

test("hooks send names the invalid line, and what was accepted before it", async () => {
  await serving({}, async (_, url) => {
    const good = `{"type":"a.b","data":1}`;
    const broken = await ask(url, ["send", "--batch", "1"], { input: `${good}\n\n[1]\n` });
    assert.equal(broken.code, 1);
    assert.match(broken.stderr, /^error: Cannot send line 3: it is not a JSON object\n/);
    assert.match(broken.stderr, /\n {2}1 event accepted before that; with/);
    const refused = await ask(url, ["send"], { input: `${good}\n\n{"type":"A B","data":1}\n` });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /\n {2}line 3 \/type: must be/);
    assert.ok(!refused.stderr.includes("before that"));
  });
});

test("an interrupted hooks send prints how many events were accepted", async () => {
  const line = new TextEncoder().encode(`{"type":"a.b","data":1}\n`);
  const silent = new Promise<never>(() => {});
  await serving({}, async (_, url) => {
    const sender = new Terminal({
      environment: { HOOKS_URL: url, HOOKS_TOKEN: TOKEN },
      stdin: {
        isTerminal: false,
        async *read() {
          yield* [line, line, line];
          await silent;
        },
      },
    });
    const running = sender.run("send", "--batch", "2", "--json");
    await sender.match(/duplicate[^]*duplicate/);
    assert.ok(sender.signal("SIGINT"));
    assert.equal(await running, 1);
    assert.deepEqual(JSON.parse(sender.stderr), {
      error: "Interrupted",
      details: [
        "2 events accepted before that, and possibly the batch in flight; " +
        "with --idempotency-key, the same input can be sent again",
      ],
    });
    assert.equal(sender.signal("SIGINT"), false);
  });
});

test("an interrupted hooks send aborts a request that hangs", async () => {
  const sender: Terminal = new Terminal({
    environment: { HOOKS_URL: "http://hooks.test" },
    input: `{"type":"a.b","data":1}`,
    fetch: (_, init) =>
      new Promise((_, reject) => {
        init!.signal!.addEventListener("abort", () => reject(init!.signal!.reason));
        queueMicrotask(() => sender.signal("SIGTERM"));
      }),
  });
  assert.equal(await sender.run("send"), 1);
  assert.match(
    sender.stderr,
    /^error: Interrupted\n {2}0 events accepted before that, and possibly/,
  );
});

test("hooks send reads lines however the pipe splits them, and rejects invalid UTF-8", async () => {
  const bytes = new TextEncoder().encode(`{"type":"a.b","data":"ü"}\r\n{"type":"a.c","data":2}`);
  await serving({}, async (_, url) => {
    for (const size of [1, 7, 1000]) {
      const input: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) input.push(bytes.slice(at, at + size));
      const { code, stderr } = await ask(url, ["send"], { input });
      assert.deepEqual([code, stderr], [0, "2 events accepted\n"]);
    }
    const input = [bytes.slice(0, bytes.indexOf(10) + 1), Uint8Array.of(0xff, 10)];
    const { code, stderr } = await ask(url, ["send"], { input });
    assert.equal(code, 1);
    assert.match(stderr, /^error: Cannot read line 2: it is not valid UTF-8\n/);
  });
});

test("hooks send shows its progress only in a terminal", async () => {
  await serving({}, async (_, url) => {
    const input = `{"type":"a.b","data":1}\n`.repeat(3);
    const shown = await ask(url, ["send", "--batch", "1"], { input, terminal: true });
    assert.ok(shown.stderr.startsWith("\r\x1b[K1 event accepted"));
    assert.ok(shown.stderr.endsWith("\r\x1b[K3 events accepted\n"));
    const piped = await ask(url, ["send", "--batch", "1"], { input });
    assert.equal(piped.stderr, "3 events accepted\n");
  });
});

test("hooks send explains invalid input, and exits with 2", async () => {
  const cases: readonly (readonly [args: string[], message: RegExp])[] = [
    [["send"], /Nothing to send: pass an event type, or pipe events to stdin/],
    [["send", "a.b", "{name: 1}"], /Cannot send the data: it is not JSON/],
    [["send", "a.b", "--url", "localhost:1"], /must start with http:\/\/ or https:\/\//],
    [["send", "a.b", "--token", "a\nb"], /characters that a header can't carry/],
    [["send", "a.b", "-k", "a\nb"], /header idempotency-key: .* a header can't carry\n$/],
    [["send", "--batch", "101"], /a whole number from 1 to 100/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await ask("http://hooks.test", args);
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, message);
  }
  const missing = await ask("http://hooks.test", ["send", "a.b", "@no.json"]);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /Cannot read the data from no\.json: no such file/);
});

test("hooks send explains a server that rejects, is down, or is something else", async () => {
  const files = {
    "hooks.yaml": `
server:
  tokens:
    - { name: reader, token: "the-token-of-readers", scopes: [read] }
`,
  };
  await serving({ files }, async (_, url) => {
    const send = (token: string, base = url) =>
      ask(base, ["send", "a.b"], { environment: { HOOKS_TOKEN: token } });
    const cases: readonly (readonly [token: string, base: string, message: RegExp])[] = [
      [
        "wrong-wrong-wrong",
        url,
        /Check --token or HOOKS_TOKEN: the server doesn't know this token/,
      ],
      ["", url, /Set --token or HOOKS_TOKEN/],
      [
        "the-token-of-readers",
        url,
        /Use a token with the scope that this needs/,
      ],
      ["the-token-of-readers", `${url}/x`, /No hooks server at \S+ \(HTTP 404\)[^]*mounted at/],
    ];
    for (const [token, base, message] of cases) {
      const { code, stderr } = await send(token, base);
      assert.equal(code, 1);
      assert.match(stderr, message);
      assert.ok(token === "" || !stderr.includes(token));
    }
  });
  const down = await ask(await deadUrl(), ["send", "a.b"]);
  assert.equal(down.code, 1);
  assert.match(down.stderr, /Cannot reach http:\/\/127\.0\.0\.1:\d+: connection refused\n/);
  assert.match(down.stderr, /Start a server with `hooks serve`/);
  const proxy = () => Promise.resolve(new Response("<html>", { status: 502 }));
  const behind = await ask("http://web.test", ["send", "a.b"], { fetch: proxy });
  assert.match(behind.stderr, /web\.test failed with HTTP 502\n {2}Check its log, and the proxy/);
  assert.ok(!behind.stderr.includes("No hooks server"));
  const web = () => Promise.resolve(new Response("<html>", { status: 200 }));
  const other = await ask("http://web.test", ["send", "a.b"], { fetch: web });
  assert.match(other.stderr, /The response of http:\/\/web\.test is not JSON/);
});

test("errors are JSON with --json", async () => {
  const { code, stderr } = await ask(await deadUrl(), ["send", "a.b", "--json"]);
  assert.equal(code, 1);
  assert.match(JSON.parse(stderr).error, /^Cannot reach/);
});

test("a token is not sent to where a server redirects", async () => {
  const asked: string[] = [];
  const { code, stderr } = await ask("http://hooks.test", ["send", "a.b"], {
    fetch: (input, init) => {
      asked.push(String(input));
      assert.equal(init?.redirect, "manual");
      const headers = { location: "http://elsewhere.test/" };
      return Promise.resolve(new Response(null, { status: 302, headers }));
    },
  });
  assert.equal(code, 1);
  assert.match(stderr, /No hooks server at \S+ \(HTTP 302\)/);
  assert.deepEqual(asked, ["http://hooks.test/events"]);
});

test("a token over plain HTTP to another machine gives a warning", async () => {
  const fetch = () => Promise.resolve(Response.json({ receipts: [] }));
  const warned = async (url: string, token = TOKEN) => {
    const { stderr } = await ask(url, ["send", "a.b"], {
      fetch,
      environment: { HOOKS_TOKEN: token },
    });
    return stderr.includes("warning: the token is sent over plain HTTP");
  };
  assert.equal(await warned("http://hooks.example.com"), true);
  assert.equal(await warned("https://hooks.example.com"), false);
  assert.equal(await warned("http://hooks.example.com", ""), false);
  for (const host of ["localhost", "127.0.0.1", "[::1]"]) {
    assert.equal(await warned(`http://${host}:8787`), false, host);
  }
});

test("a server URL that fetch can't reach is rejected before any request", async () => {
  for (const url of ["http://127.0.0.1:6667", "http://a..b"]) {
    const fetch = () => assert.fail("it was sent");
    const terminal = new Terminal({ fetch, environment: { HOOKS_URL: url } });
    assert.equal(await terminal.run("send", "a.b"), 2);
    assert.match(terminal.stderr, /Cannot use the server URL: it .*(port 6667|host)/);
  }
});

test("hooks send reports an accepted event whose receipt is cut off", async () => {
  const broken = (status: number) => () => {
    const body = new ReadableStream({ start: (controller) => controller.error(new Error("cut")) });
    return Promise.resolve(new Response(body, { status }));
  };
  const accepted = new Terminal({ fetch: broken(202) });
  assert.equal(await accepted.run("send", "a.b"), 1);
  assert.match(accepted.stderr, /the connection was closed after status 202/);
  assert.match(accepted.stderr, /The events were accepted: send them again only with the same/);
  const failed = new Terminal({ fetch: broken(502) });
  assert.equal(await failed.run("send", "a.b"), 1);
  assert.match(failed.stderr, /failed with HTTP 502/);
});
