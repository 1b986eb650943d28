import assert from "node:assert/strict";
import { test } from "../support/harness.ts";
import { ask, serving } from "../support/serving.ts";
import type { TerminalOptions } from "../support/terminal.ts";
import { broken, lines } from "./broken.ts";

test("hooks deliveries lists attempted deliveries, and shows one with its attempts", async () => {
  await broken([], async (url, _, id) => {
    const listed = await ask(url, ["deliveries"]);
    assert.equal(listed.code, 0);
    assert.match(
      listed.stdout,
      new RegExp(
        `^dead +audit +a\\.one +- +${id} +1 +\\d{4}-\\S+Z +- +404 permanent failure \\S.*\n$`,
      ),
    );
    assert.equal(
      (await ask(url, ["deliveries", "--event", id])).stdout.match(/404 permanent failure/g)
        ?.length,
      1,
    );
    const shown = await ask(url, ["deliveries", "audit", id]);
    assert.match(
      shown.stdout,
      new RegExp(
        `^dead {2}${id} to audit: 1 attempt\n {2}\\S+ \\S+Z {2}404 permanent failure.*took \\d+ ms\n {4}simulated failure\n$`,
      ),
    );
    const json = await ask(url, ["deliveries", "audit", id, "--json"]);
    assert.equal(JSON.parse(json.stdout).attempts[0].status, 404);
  });
});

test("hooks deliveries lists by state and target, a page at a time", async () => {
  await broken(["a.two", "a.three"], async (url) => {
    const dead = lines((await ask(url, ["deliveries", "--state", "dead"])).stdout);
    assert.equal(dead.length, 3);
    for (const line of dead) assert.match(line, /^dead +audit +a\.\w+ +- +\S+ +1 /); // one attempt
    const none = await ask(url, ["deliveries", "--state", "pending"]);
    assert.deepEqual([none.code, none.stdout], [0, ""]);
    assert.match(none.stderr, /^no pending deliveries\n$/);
    assert.equal((await ask(url, ["deliveries", "another"])).stdout, "");
    const first = await ask(url, ["deliveries", "audit", "--limit", "2", "--json"]);
    assert.equal(lines(first.stdout).length, 2);
    const [, cursor] = /next page: --cursor (\S+)\n/.exec(first.stderr)!;
    const rest = await ask(url, ["deliveries", "audit", "--cursor", cursor!, "--json"]);
    assert.equal(lines(rest.stdout).length, 1);
    const ids = lines(first.stdout + rest.stdout).map((line) => JSON.parse(line).event_id);
    assert.equal(new Set(ids).size, 3);
    assert.equal(lines((await ask(url, ["deliveries", "--all"])).stdout).length, 3);
  });
});

test("hooks deliveries shows the newest events of all targets first, with type and session", async () => {
  await broken(["a.two", "b.three"], async (url) => {
    await ask(url, ["send", "a.four", "--session", "s-4"]);
    for (let look = 0; look < 500; look++) {
      if (lines((await ask(url, ["deliveries", "--state", "dead"])).stdout).length === 4) break;
    }
    const { stdout } = await ask(url, ["deliveries", "--limit", "1"]);
    assert.match(stdout, /^dead +audit +a\.four +s-4 +\S+ +1 /);
    const ids = lines((await ask(url, ["deliveries", "--json"])).stdout)
      .map((line) => JSON.parse(line).event_id);
    assert.deepEqual(ids, ids.toSorted().toReversed());
    const paged: string[] = [];
    let more: string[] = [];
    do {
      const page = await ask(url, ["deliveries", "audit", "-n", "1", "--json", ...more]);
      paged.push(...lines(page.stdout).map((line) => JSON.parse(line).event_id));
      more = /--cursor \S+/.exec(page.stderr)?.[0].split(" ") ?? [];
    } while (more.length > 0);
    assert.deepEqual(paged, ids);
  });
});

test("hooks deliveries has a header, relative times and the width of the terminal", async () => {
  const summary = {
    ...{ target: "日本", event_id: "e-1", state: "pending", made: 3, type: "a.b\u001b[2J" },
    ...{ session_id: "s-1", due_at: "1970-01-01T02:00:00Z" },
    last_attempt: {
      at: "1970-01-01T00:00:00Z",
      verdict: "retry",
      duration: 1,
      error: "x".repeat(90),
    },
  };
  const leased = { ...summary, event_id: "e-2", leased_until: "1970-01-01T00:01:30Z" };
  const body = { deliveries: [summary, leased], targets: [] };
  const fetch = () => Promise.resolve(Response.json(body));
  const options = {
    fetch,
    terminal: true,
    columns: 110,
    now: () => 60_000,
    environment: { NO_COLOR: "1" },
  };
  const { stdout } = await ask(
    "http://127.0.0.1:8787",
    ["deliveries", "--state", "pending"],
    options,
  );
  const cut = `${"x".repeat(24)}…`;
  assert.equal(
    stdout,
    `\
state    target  type          session  id   attempts  last    next           result
pending  日本    a.b\\u{1b}[2J  s-1      e-1  3         1m ago  in 1h          failed ${cut}
pending  日本    a.b\\u{1b}[2J  s-1      e-2  3         1m ago  leased in 30s  failed ${cut}
`,
  );
});

test("hooks deliveries reports an unknown delivery, state or cursor", async () => {
  await serving({}, async (_, url) => {
    const { code, stderr } = await ask(url, ["deliveries", "audit", "no-such-event"]);
    assert.equal(code, 1);
    assert.match(stderr, /delivery_not_found/);
    const state = await ask(url, ["deliveries", "--state", "lost"]);
    assert.equal(state.code, 2);
    assert.match(
      state.stderr,
      /Allowed choices are attempted, dead, pending|attempted, pending, dead/,
    );
    const cursor = await ask(url, ["deliveries", "--cursor", "x"]);
    assert.equal(cursor.code, 1);
    assert.match(cursor.stderr, /cursor/);
  });
});

test("hooks deliveries and replay reject filters for a single event", async () => {
  const commands = {
    deliveries: [["--state", "dead"], ["--limit", "20"], ["--all"], ["--cursor", "c1"]],
    replay: [
      ["--state", "dead"],
      ["--type", "a.*"],
      ["--since", "2h"],
      ["--until", "2h"],
      ["--cursor", "c1"],
    ],
  };
  for (const [name, choices] of Object.entries(commands)) {
    for (const choice of choices) {
      const args = [name, "audit", "an-id", ...choice];
      const { code, stderr } = await ask("https://hooks.test", args, { fetch: unasked });
      assert.equal(code, 2, args.join(" "));
      assert.match(stderr, new RegExp(`^error: Cannot use ${choice[0]} with an event id`));
      assert.match(stderr, new RegExp(`\n {2}Leave out the id or ${choice[0]}\n$`));
    }
  }
  const both = ["deliveries", "--all", "--limit", "5"];
  const { code, stderr } = await ask("https://hooks.test", both, { fetch: unasked });
  assert.equal(code, 2);
  assert.match(stderr, /'--all' cannot be used with option '-n, --limit <count>'/);
});

test("a name that a URL would remove is rejected before any request", async () => {
  const cases = [
    ["deliveries", "..", "an-id"],
    ["deliveries", "audit", "."],
    ["deliveries", "", "an-id"],
    ["replay", "audit", ".."],
    ["targets", "enable", ".."],
  ];
  for (const args of cases) {
    const { code, stderr } = await ask("https://hooks.test", args, { fetch: unasked });
    assert.equal(code, 2, args.join(" "));
    assert.match(stderr, /^error: Cannot look up '\.{0,2}': a URL can't contain this name\n/);
  }
});

/** For what must be rejected before any request. */
const unasked = () => Promise.reject(new Error("a request was sent"));

const wide = {
  target: "audit-webhook-of-the-company",
  event_id: "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b",
  state: "dead",
  made: 8,
  type: "message.received",
  session_id: "session-0123456789-abcdefghijklmnop",
  died_at: "1970-01-01T00:00:00Z",
  reason: "the response was 503, eight times in a row",
};

function listWide(args: readonly string[], options: TerminalOptions) {
  const fetch = () => Promise.resolve(Response.json({ deliveries: [wide], targets: [] }));
  return ask("http://127.0.0.1:8787", ["deliveries", "audit", "--state", "dead", ...args], {
    fetch,
    now: () => 60_000,
    ...options,
  });
}

test("hooks deliveries fits its table to the terminal, shortening ids last", async () => {
  for (const columns of [60, 80, 100, 120, 200]) {
    const { stdout } = await listWide([], {
      terminal: true,
      columns,
      environment: { NO_COLOR: "1" },
    });
    const [header, row] = lines(stdout);
    assert.ok(header!.length <= columns && row!.length <= columns, stdout);
    if (columns >= 80) {
      assert.match(header!, /^state +target +type +session +id +attempts +last +result$/);
    }
    assert.equal(row!.includes(wide.event_id), columns >= 120, stdout);
  }
  const { stdout } = await listWide([], {
    terminal: true,
    columns: 80,
    environment: { NO_COLOR: "1" },
  });
  assert.match(lines(stdout)[1]!, /^dead +\S+…\S+ +\S+…\S+ +\S+…\S+ +019\S+…\S*5b +8 +1m ago +\S/);
});

test("hooks deliveries never shortens its output with --full, or when it is not a terminal", async () => {
  const cases = [
    await listWide(["--full"], { terminal: true, columns: 80, environment: { NO_COLOR: "1" } }),
    await listWide([], { columns: 80 }),
  ];
  for (const { stdout } of cases) {
    for (const value of [wide.target, wide.event_id, wide.session_id, wide.reason]) {
      assert.ok(stdout.includes(value), stdout);
    }
  }
});
