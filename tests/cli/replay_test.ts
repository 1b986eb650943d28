import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { ask } from "../support/serving.ts";
import { Terminal } from "../support/terminal.ts";
import { broken, lines } from "./broken.ts";

test("hooks replay delivers dead deliveries once the receiver works again", async () => {
  await broken(["a.two", "b.three"], async (url, repair) => {
    const receiver = repair();
    const typed = await ask(url, ["replay", "audit", "--type", "b.*"]);
    assert.deepEqual([typed.code, typed.stdout], [0, "1 replayed\n"]);
    await receiver.match(/b\.three/);
    const rest = await ask(url, ["replay", "--json"]);
    assert.deepEqual(JSON.parse(rest.stdout), { replayed: 2, refused: 0 });
    await receiver.match(/a\.two/);
    const nothing = await ask(url, ["replay"]);
    assert.match(nothing.stdout, /^0 replayed: no matching dead deliveries/);
  });
});

test("hooks deliveries and replay distinguish an unknown target from one without deliveries", async () => {
  await broken(["a.two"], async (url) => {
    for (const args of [["deliveries", "adit"], ["replay", "adit", "--json"]]) {
      const wrong = await ask(url, args);
      assert.deepEqual([wrong.code, wrong.stdout], [1, ""]);
      assert.match(wrong.stderr, /No target named adit.*Run `hooks targets`/s);
    }
    const none = await ask(url, ["replay", "audit", "--type", "c.*"]);
    assert.deepEqual([none.code, none.stderr], [0, ""]);
  });
});

test("hooks replay counts pending deliveries when none is dead", async () => {
  await broken([], async (url) => {
    assert.equal((await ask(url, ["replay"])).stdout, "1 replayed\n");
    await ask(url, ["targets", "disable", "audit"]);
    await ask(url, ["send", "a.held"]);
    const { stdout } = await ask(url, ["replay", "audit", "--type", "c.*"]);
    assert.match(
      stdout,
      /^0 replayed: no matching dead deliveries; \d+ pending\nList them with `hooks deliveries --st/,
    );
  });
});

test("hooks replay of one event delivers it again", async () => {
  await broken([], async (url, repair, id) => {
    const receiver = repair();
    const one = await ask(url, ["replay", "audit", id]);
    assert.deepEqual([one.code, one.stdout], [0, "delivery is due again now\n"]);
    await receiver.match(/200 unverified \S+ a\.one/);
    const unknown = await ask(url, ["replay", "audit", "no-such-event"]);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /delivery_not_found/);
  });
});

test("hooks replay of one event prints the outcome", async () => {
  const words = {
    moved: "pending delivery is now due",
    queued: "not due yet: an earlier event of its session has to be delivered first",
    replayed: "delivery is due again now",
    "of\x1b another version": "of\\u{1b} another version",
  };
  for (const [outcome, line] of Object.entries(words)) {
    const fetch = () => Promise.resolve(Response.json({ outcome }, { status: 202 }));
    const one = await ask("http://hooks.test", ["replay", "audit", "an-id"], { fetch });
    assert.deepEqual([one.code, one.stdout], [0, `${line}\n`]);
    const json = await ask("http://hooks.test", ["replay", "audit", "an-id", "--json"], { fetch });
    assert.deepEqual(JSON.parse(json.stdout), { outcome });
  }
});

test("hooks replay of delivered events excludes those delivered meanwhile", async () => {
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

test("hooks replay continues until nothing is left, and shows its progress", async () => {
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
  assert.match(terminal.stdout, /^5 replayed, 1 skipped: their events are gone/);
  assert.ok(terminal.stderr.includes("\r\x1b[K3 replayed, 1 skipped\r\x1b[K5 replayed"));
});

test("an interrupted hooks replay prints how to resume", async () => {
  const responses = [
    () => Promise.resolve(Response.json({ replayed: 3, refused: 0, next_cursor: "c1" })),
    () => Promise.reject(new TypeError("connection refused")),
  ];
  const failed = new Terminal({
    environment: { HOOKS_URL: "http://hooks.test" },
    fetch: () => responses.shift()!(),
  });
  assert.equal(await failed.run("replay"), 1);
  assert.match(failed.stderr, /3 replayed before that; resume with --cursor c1\n/);
  const stopped: Terminal = new Terminal({
    environment: { HOOKS_URL: "http://hooks.test" },
    fetch: (_, init) => {
      stopped.signal("SIGINT");
      return Promise.reject(init!.signal!.reason);
    },
  });
  assert.equal(await stopped.run("replay"), 1);
  assert.match(stopped.stderr, /Interrupted\n {2}0 replayed before that; run it again\n/);
});

test("hooks replay rejects invalid times", async () => {
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
      /Must be a time such as 2026-01-31T12:00:00Z or 2026-01-31, or 2h for two hours ago/,
    );
  }
});

test("hooks replay accepts RFC 3339 times, dates and durations", async () => {
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

test("hooks replay reports a disabled target, and how to enable it", async () => {
  await broken([], async (url, repair, id) => {
    const receiver = repair();
    await ask(url, ["targets", "disable", "audit", "--reason", "it is moved"]);
    const held =
      "audit is disabled; deliveries are held: it is moved\n  Resume with `hooks targets enable audit`\n";
    const one = await ask(url, ["replay", "audit", id]);
    assert.deepEqual([one.code, one.stdout], [0, "delivery is due again now\n"]);
    assert.equal(one.stderr, held);
    const json = await ask(url, ["replay", "audit", id, "--json"]);
    assert.deepEqual([json.code, json.stderr], [0, ""]);
    await ask(url, ["targets", "enable", "audit"]);
    await receiver.match(/200 unverified \S+ a\.one/);
  });
});

test("hooks replay of many names blocked targets, if the token can read them", async () => {
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
    "slow is paused until 2026-01-31 12:00:00Z",
    "gone is not registered: the server has no webhook or durable hook with this name",
    "mail\\u{1b} is disabled; deliveries are held",
    "  Resume with `hooks targets enable mail\\u{1b}`",
  ]);
  assert.equal(lines((await replay(["slow"], 3)).stderr).length, 1);
  assert.equal((await replay(["audit"], 3)).stderr, "");
  assert.equal((await replay([], 0)).stderr, "");
  const unread = await replay([], 3, 403);
  assert.deepEqual([unread.code, unread.stderr], [0, ""]);
});
