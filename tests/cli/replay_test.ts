import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { broken, lines } from "./broken.ts";
import { ask } from "./serving.ts";
import { Terminal } from "./terminal.ts";

test("hooks replay delivers what was given up, when the receiver is repaired", async () => {
  await broken(["a.two", "b.three"], async (url, repair) => {
    const receiver = repair();
    const typed = await ask(url, ["replay", "audit", "--type", "b.*"]);
    assert.deepEqual([typed.code, typed.stdout], [0, "1 replayed\n"]);
    await receiver.match(/b\.three/);
    const rest = await ask(url, ["replay", "--json"]);
    assert.deepEqual(JSON.parse(rest.stdout), { replayed: 2, refused: 0 });
    await receiver.match(/a\.two/);
    const nothing = await ask(url, ["replay"]);
    assert.match(nothing.stdout, /^0 replayed: none that you asked for was given up/);
  });
});

test("hooks deliveries and replay tell a wrong name from one without deliveries", async () => {
  await broken(["a.two"], async (url) => {
    for (const args of [["deliveries", "adit"], ["replay", "adit", "--json"]]) {
      const wrong = await ask(url, args);
      assert.deepEqual([wrong.code, wrong.stdout], [1, ""]);
      assert.match(wrong.stderr, /There is no target adit.*`hooks targets` lists/s);
    }
    const none = await ask(url, ["replay", "audit", "--type", "c.*"]);
    assert.deepEqual([none.code, none.stderr], [0, ""]);
  });
});

test("hooks replay says what still waits, where nothing was given up", async () => {
  await broken([], async (url) => {
    assert.equal((await ask(url, ["replay"])).stdout, "1 replayed\n");
    await ask(url, ["targets", "disable", "audit"]);
    await ask(url, ["send", "a.held"]);
    const { stdout } = await ask(url, ["replay", "audit", "--type", "c.*"]);
    assert.match(
      stdout,
      /^0 replayed: .* given up; \d+ waits? to be tried:\n`hooks deliveries --st/,
    );
  });
});

test("hooks replay of one delivers it, though it was delivered", async () => {
  await broken([], async (url, repair, id) => {
    const receiver = repair();
    const one = await ask(url, ["replay", "audit", id]);
    assert.deepEqual([one.code, one.stdout], [0, "it was settled: due again now\n"]);
    await receiver.match(/200 unverified \S+ a\.one/);
    const unknown = await ask(url, ["replay", "audit", "no-such-event"]);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /delivery_not_found/);
  });
});

test("hooks replay of one says what became of it", async () => {
  const words = {
    moved: "it was waiting: due now",
    queued: "not yet: it waits behind another of its session, which has to be delivered first",
    replayed: "it was settled: due again now",
    "of\x1b another version": "of\\u{1b} another version",
  };
  for (const [outcome, told] of Object.entries(words)) {
    const fetch = () => Promise.resolve(Response.json({ outcome }, { status: 202 }));
    const one = await ask("http://hooks.test", ["replay", "audit", "an-id"], { fetch });
    assert.deepEqual([one.code, one.stdout], [0, `${told}\n`]);
    const json = await ask("http://hooks.test", ["replay", "audit", "an-id", "--json"], { fetch });
    assert.deepEqual(JSON.parse(json.stdout), { outcome });
  }
});

test("hooks replay of what was delivered leaves out what is delivered meanwhile", async () => {
  const bodies: { readonly until?: string; readonly since?: string }[] = [];
  const terminal = new Terminal({
    environment: { HOOKS_URL: "http://hooks.test" },
    now: () => Date.parse("2026-01-31T12:00:00Z"),
    fetch: (_, init) => {
      bodies.push(JSON.parse(init!.body as string));
      return Promise.resolve(Response.json({ replayed: 1, refused: 0 }));
    },
  });
  assert.equal(await terminal.run("replay", "--state", "delivered", "--since", "1h30m"), 0);
  assert.equal(bodies[0]!.until, "2026-01-31T12:00:00.000Z");
  assert.equal(bodies[0]!.since, "2026-01-31T10:30:00.000Z");
});

test("hooks replay goes on until nothing is left, and shows how far it is", async () => {
  const pages = [{ replayed: 3, refused: 1, next_cursor: "c1" }, { replayed: 2, refused: 0 }];
  const cursors: unknown[] = [];
  let time = 0;
  const terminal = new Terminal({
    environment: { HOOKS_URL: "http://hooks.test", NO_COLOR: "1" },
    terminal: true,
    now: () => time += 1000,
    fetch: (_, init) => {
      cursors.push(JSON.parse(init!.body as string).cursor);
      return Promise.resolve(Response.json(pages.shift()));
    },
  });
  assert.equal(await terminal.run("replay"), 0);
  assert.deepEqual(cursors, [undefined, "c1"]);
  assert.match(terminal.stdout, /^5 replayed, 1 refused: their event is gone/);
  assert.ok(terminal.stderr.includes("\r\x1b[K3 replayed, 1 refused\r\x1b[K5 replayed"));
});

test("hooks replay that breaks off says where to go on", async () => {
  const answers = [
    () => Promise.resolve(Response.json({ replayed: 3, refused: 0, next_cursor: "c1" })),
    () => Promise.reject(new TypeError("connection refused")),
  ];
  const failed = new Terminal({
    environment: { HOOKS_URL: "http://hooks.test" },
    fetch: () => answers.shift()!(),
  });
  assert.equal(await failed.run("replay"), 1);
  assert.match(failed.stderr, /3 were replayed before that: go on with --cursor c1\n/);
  const stopped: Terminal = new Terminal({
    environment: { HOOKS_URL: "http://hooks.test" },
    fetch: (_, init) => {
      stopped.signal("SIGINT");
      return Promise.reject(init!.signal!.reason);
    },
  });
  assert.equal(await stopped.run("replay"), 1);
  assert.match(stopped.stderr, /Interrupted\n {2}0 were replayed before that: run it again\n/);
});

test("hooks replay takes no time that is none", async () => {
  for (
    const time of [
      "yesterday",
      "2026-13-45",
      "2026-02-31",
      "2026-02-29T12:00:00Z",
      "2026-01-31T25:00:00Z",
      "5",
    ]
  ) {
    const { code, stderr } = await ask("http://hooks.test", ["replay", "--since", time]);
    assert.equal(code, 2, time);
    assert.match(
      stderr,
      /A time looks like 2026-01-31T12:00:00Z, or 2026-01-31, or 2h for two hours ago/,
    );
  }
});

test("hooks replay takes a moment as RFC 3339, a day, or a duration", async () => {
  const times = {
    "2026-01-31T12:00:00Z": "2026-01-31T12:00:00.000Z",
    "2026-01-31t12:00:00.5+02:00": "2026-01-31T10:00:00.500Z",
    "2024-02-29": "2024-02-29T00:00:00.000Z",
    "90m": "2026-01-31T10:30:00.000Z",
  };
  for (const [written, meant] of Object.entries(times)) {
    let since: unknown;
    const { code } = await ask("http://hooks.test", ["replay", "--since", written], {
      now: () => Date.parse("2026-01-31T12:00:00Z"),
      fetch: (url, init) => {
        if (String(url).endsWith("/targets")) {
          return Promise.resolve(Response.json({ targets: [] }));
        }
        since = JSON.parse(init!.body as string).since;
        return Promise.resolve(Response.json({ replayed: 1, refused: 0 }));
      },
    });
    assert.deepEqual([code, since], [0, meant], written);
  }
});

test("hooks replay says when a target is off, and how it is turned on", async () => {
  await broken([], async (url, repair, id) => {
    const receiver = repair();
    await ask(url, ["targets", "disable", "audit", "--reason", "it is moved"]);
    const held =
      "audit is off (it is moved): nothing is delivered before `hooks targets enable audit`\n";
    const one = await ask(url, ["replay", "audit", id]);
    assert.deepEqual([one.code, one.stdout], [0, "it was settled: due again now\n"]);
    assert.equal(one.stderr, held);
    const json = await ask(url, ["replay", "audit", id, "--json"]);
    assert.deepEqual([json.code, json.stderr], [0, ""]);
    await ask(url, ["targets", "enable", "audit"]);
    await receiver.match(/200 unverified \S+ a\.one/);
  });
});

test("hooks replay of many names what is not delivered to, as far as it may look", async () => {
  const figures = [
    { target: "audit", state: "on", registered: true },
    { target: "slow", state: "paused", registered: true, paused_until: "2026-01-31T12:00:00.000Z" },
    { target: "gone", state: "on", registered: false },
    { target: "mail\x1b", state: "off", registered: true },
  ];
  const replay = async (args: readonly string[], replayed: number, status = 200) =>
    await ask("https://hooks.test", ["replay", ...args], {
      fetch: (input) =>
        Promise.resolve(
          String(input).endsWith("/targets")
            ? Response.json({ targets: figures }, { status })
            : Response.json({ replayed, refused: 0 }),
        ),
    });
  const all = await replay([], 3);
  assert.deepEqual([all.code, all.stdout], [0, "3 replayed\n"]);
  assert.deepEqual(lines(all.stderr), [
    "slow is paused until 2026-01-31 12:00:00Z: it is delivered then",
    "gone is not registered: no webhook or durable hook of the server has this name",
    "mail\\u{1b} is off: nothing is delivered before `hooks targets enable mail\\u{1b}`",
  ]);
  assert.equal(lines((await replay(["slow"], 3)).stderr).length, 1);
  assert.equal((await replay(["audit"], 3)).stderr, "");
  assert.equal((await replay([], 0)).stderr, "");
  const unread = await replay([], 3, 403);
  assert.deepEqual([unread.code, unread.stderr], [0, ""]);
});
