import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { ask, serving } from "./serving.ts";
import { Terminal } from "./terminal.ts";

test("hooks deliveries lists what was tried, and shows one with each attempt", async () => {
  await broken([], async (url, _, id) => {
    const listed = await ask(url, ["deliveries"]);
    assert.equal(listed.code, 0);
    assert.match(
      listed.stdout,
      new RegExp(`^dead {6} {2}audit {2}${id} {2}1 attempt {2}404 final {2}.*\n$`),
    );
    const shown = await ask(url, ["deliveries", "audit", id]);
    assert.match(
      shown.stdout,
      new RegExp(
        `^dead {6}${id} to audit: 1 attempt\n {2}\\S+ \\S+Z {2}404 final.* \\d+ ms\n {4}failed on demand\n$`,
      ),
    );
    const json = await ask(url, ["deliveries", "audit", id, "--json"]);
    assert.equal(JSON.parse(json.stdout).attempts[0].status, 404);
  });
});

test("hooks deliveries lists by state and target, a page at a time", async () => {
  await broken(["a.two", "a.three"], async (url) => {
    assert.equal(lines((await ask(url, ["deliveries", "--state", "dead"])).stdout).length, 3);
    const none = await ask(url, ["deliveries", "--state", "pending"]);
    assert.deepEqual([none.code, none.stdout], [0, ""]);
    assert.match(none.stderr, /^no deliveries: none is waiting\n$/);
    assert.equal((await ask(url, ["deliveries", "another"])).stdout, "");
    const first = await ask(url, ["deliveries", "audit", "--limit", "2", "--json"]);
    assert.equal(lines(first.stdout).length, 2);
    const [, cursor] = /there may be more: --cursor (\S+)\n/.exec(first.stderr)!;
    const rest = await ask(url, ["deliveries", "audit", "--cursor", cursor!, "--json"]);
    assert.equal(lines(rest.stdout).length, 1);
    const ids = lines(first.stdout + rest.stdout).map((line) => JSON.parse(line).event_id);
    assert.equal(new Set(ids).size, 3);
    assert.equal(lines((await ask(url, ["deliveries", "--all"])).stdout).length, 3);
  });
});

test("hooks deliveries says so when there is no such delivery, or state", async () => {
  await serving({}, async (_, url) => {
    const { code, stderr } = await ask(url, ["deliveries", "audit", "no-such-event"]);
    assert.equal(code, 1);
    assert.match(stderr, /There is no such delivery \(delivery_not_found\)/);
    const state = await ask(url, ["deliveries", "--state", "lost"]);
    assert.equal(state.code, 2);
    assert.match(
      state.stderr,
      /Allowed choices are attempted, dead, pending|attempted, pending, dead/,
    );
    const cursor = await ask(url, ["deliveries", "--cursor", "x"]);
    assert.equal(cursor.code, 1);
    assert.match(cursor.stderr, /must be the cursor of an earlier answer/);
  });
});

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
  for (const time of ["yesterday", "2026-13-45", "5"]) {
    const { code, stderr } = await ask("http://hooks.test", ["replay", "--since", time]);
    assert.equal(code, 2, time);
    assert.match(stderr, /A time looks like 2026-01-31T12:00:00Z, or 2h for two hours ago/);
  }
});

/**
 * A server whose one webhook has answered 404 to `a.one` and some more events; `repair` makes its
 * receiver answer 200.
 */
async function broken(
  more: readonly string[],
  use: (url: string, repair: () => Terminal, id: string) => Promise<void>,
): Promise<void> {
  let roll = 0;
  const receiver = new Terminal({ random: () => roll });
  const running = receiver.run("listen", "--port", "0", "--fail", "50%", "--status", "404");
  const [, receiverUrl] = await receiver.match(/listening on (http:\S+),/);
  const webhook = `{ name: audit, url: "${receiverUrl}", events: ["a.*", "b.*"] }`;
  const files = { "hooks.yaml": `hooks: { webhooks: [${webhook}] }` };
  try {
    await serving({ files }, async (server, url) => {
      const [id] = await Promise.all(["a.one", ...more].map(async (type) => {
        const { stdout } = await ask(url, ["send", type, "--json"]);
        const { id } = JSON.parse(stdout);
        await server.match(new RegExp(`${id} to audit: 404 final`));
        return id as string;
      }));
      await settled(url, more.length + 1);
      await use(url, () => (roll = 1, receiver), id!);
    });
  } finally {
    receiver.signal("SIGINT");
    await running;
  }
}

/** Waits until the server has written down what became of so many attempts. */
async function settled(url: string, count: number): Promise<void> {
  for (let look = 0; look < 500; look++) {
    const { stdout } = await ask(url, ["deliveries", "--state", "dead", "--json"]);
    if (lines(stdout).length === count) return;
  }
  assert.fail(`there never were ${count} dead deliveries`);
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}
