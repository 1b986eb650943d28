import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { ConfigError, type ConfigIssue } from "@omniagent/hooks/config";
import { loadConfig, loadConfigFile } from "@omniagent/hooks/config/yaml";
import { makeFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";

/** Returns the issues of a text. */
function issuesOf(text: string | Uint8Array, env = {}): readonly ConfigIssue[] {
  try {
    loadConfig(text, { env, file: "hooks.yaml" });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.issues;
    throw error;
  }
}

/** Returns code and message of the only issue. */
function issueOf(text: string | Uint8Array): string {
  const issues = issuesOf(text);
  assert.equal(issues.length, 1, issues.map(({ message }) => message).join("\n"));
  return `${issues[0]!.code}: ${issues[0]!.message}`;
}

const bomb = ["a: &a [x]"];
for (const [n, letter] of [..."bcdefghi"].entries()) {
  const inner = Array(9).fill(`*${"abcdefgh"[n]}`).join(", ");
  bomb.push(`${letter}: &${letter} [${inner}]`);
}
const webhook = (name: string, more = "") =>
  `    - { name: ${name}, events: ["*"], url: "https://a.example.com/"${more} }\n`;
const LIMIT = 128 * 1024;
const filled = (head: string, unit: string) =>
  head + unit.repeat(Math.floor((LIMIT - head.length) / unit.length));

const heavy: Readonly<Record<string, readonly [text: string, code: string]>> = {
  "an alias bomb": [bomb.join("\n"), "too_large"],
  "10,000 open brackets": ["[".repeat(10_000), "too_large"],
  "400 levels of a block": [
    Array.from({ length: 400 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"),
    "too_large",
  ],
  "10 MB": ["- a\n".repeat(2_600_000), "too_large"],
  "as many items as fit": [filled("hooks:\n  webhooks:\n", "  - a\n"), "too_large"],
  "as many webhooks as fit": [filled("hooks:\n  webhooks:\n", "    - { name: }\n"), "too_large"],
  "as many unknown keys as fit": [
    Array.from({ length: 12_000 }, (_, i) => `k${i}: 1`).join("\n"),
    "unknown_key",
  ],
  "as many equal keys as fit": [filled("", "a: 1\n"), "duplicate"],
  "one long line": [`${filled("hooks: { webhooks: [", "a, ").slice(0, -12)} ] }`, "too_large"],
  "one long text": [`hooks: ${"a".repeat(LIMIT - 10)}`, "invalid_type"],
  "one long host": [`server: { host: "${"a:".repeat(LIMIT / 2 - 20)}x" }`, "too_large"],
  "one long duration": [
    `retention: { events: ${"1s".repeat(LIMIT / 2 - 20)}x }`,
    "too_large",
  ],
  "one long pattern": [
    `hooks: { webhooks: [{ name: a, url: "https://a/", events: ["${
      "a.".repeat(LIMIT / 2 - 50)
    }"] }] }`,
    "too_large",
  ],
  "one long secret": [
    `hooks: { defaults: { secret: "whsec_${"A".repeat(LIMIT - 100)}" } }`,
    "too_large",
  ],
  "a host as long as is looked at": [`server: { host: "${"a:".repeat(4000)}x" }`, "invalid_value"],
  "a duration as long as is looked at": [
    `retention: { events: "${"1ms".repeat(2700)}x" }`,
    "invalid_value",
  ],
  "a pattern as long as is looked at": [
    `hooks: { webhooks: [{ name: a, url: "https://a/", events: ["${"a.".repeat(4000)}"] }] }`,
    "invalid_value",
  ],
  "a secret as long as is looked at": [
    `hooks: { defaults: { secret: "whsec_${"A".repeat(8000)}!" } }`,
    "invalid_value",
  ],
  "a URL as long as is looked at": [
    `hooks: { webhooks: [{ name: a, events: [a], url: "https://${"a.".repeat(4000)} " }] }`,
    "invalid_value",
  ],
  "a URL of nothing but words": [
    `hooks: { webhooks: [{ name: a, events: [a], url: "${"a.".repeat(4000)}@" }] }`,
    "invalid_value",
  ],
  "issues on one long line": [
    `{ ${Array.from({ length: 11_000 }, (_, i) => `k${i}: 1`).join(", ")} }`,
    "unknown_key",
  ],
  "as many empty keys as fit": [`${filled("storage: {", ": , ").slice(0, -4)} }`, "duplicate"],
  "a list of nothing but spaces": [
    `hooks: { defaults: { retry_on: "4${" ".repeat(LIMIT - 100)}x" } }`,
    "invalid_type",
  ],
  "many references": [`storage: { path: "${"${A}".repeat(LIMIT / 4 - 20)}" }`, "too_large"],
  "many open references": [`storage: { path: "${"${".repeat(LIMIT / 2 - 20)}" }`, "too_large"],
};

/** CPU milliseconds that each may take on an idle machine. */
const AIM = 100;
/** A busy machine takes a few times as long; quadratic code takes seconds. */
const LATE = 10 * AIM;

for (const [name, [text, code]] of Object.entries(heavy)) {
  test(`loadConfig() rejects quickly: ${name}`, () => {
    assert.equal(issuesOf(text)[0]?.code, code);
    let best = Infinity;
    for (let run = 0; run < 8 && best > AIM; run++) { // code gets warm
      const start = process.cpuUsage();
      issuesOf(text);
      const { user, system } = process.cpuUsage(start);
      best = Math.min(best, (user + system) / 1000);
    }
    if (best > AIM) console.log(`${name} took ${Math.round(best)} ms, and is to take ${AIM}`);
    assert.ok(best < LATE, `took ${Math.round(best)} ms`);
  });
}

test("loadConfig() accepts 20 aliases, and not 21", () => {
  const text = (count: number) =>
    `hooks:\n  webhooks:\n${webhook("a", ", retry: &r [1s]")}` +
    Array.from({ length: count }, (_, i) => webhook(`a${i}`, ", retry: *r")).join("");
  assert.deepEqual(issuesOf(text(20)), []);
  assert.equal(issueOf(text(21)), "too_large: has more than 20 aliases");
});

test("loadConfig() accepts 128 KiB, and not a character more", () => {
  assert.deepEqual(issuesOf(`{}\n#${"x".repeat(LIMIT - 4)}`), []);
  assert.equal(issueOf(`{}\n#${"x".repeat(LIMIT - 3)}`), "too_large: is larger than 128 KiB");
  assert.equal(issueOf(new Uint8Array(LIMIT + 1)), "too_large: is larger than 128 KiB");
});

test("a report stops after 200 errors and says so", () => {
  const keys = Array.from({ length: 300 }, (_, i) => `k${i}: 1`).join("\n");
  const issues = issuesOf(keys);
  assert.equal(issues.length, 201);
  assert.equal(issues.filter(({ code }) => code === "too_large").length, 1);
  assert.equal(issuesOf(Array(300).fill("hooks: {}").join("\n")).length, 201);
});

for (const [name, end] of [["LF", "\n"], ["CRLF", "\r\n"], ["CR", "\r"]] as const) {
  test(`line numbers match editors: ${name} after a byte order mark`, () => {
    const [issue] = issuesOf(`\ufeffhooks:${end}  # c${end}${end}  defaults: { timeout: 5 }${end}`);
    assert.deepEqual([issue?.line, issue?.column], [4, 24]);
    const bytes = new TextEncoder().encode(`\ufeffhooks:${end}  x: 1${end}`);
    assert.deepEqual([issuesOf(bytes)[0]?.line, issuesOf(bytes)[0]?.column], [2, 3]);
  });
}

test("bytes that are not UTF-8 are rejected with their line", () => {
  const bytes = (...parts: readonly (string | number[])[]) =>
    Uint8Array.from(
      parts.flatMap((part) =>
        typeof part === "string" ? [...new TextEncoder().encode(part)] : part
      ),
    );
  assert.equal(
    issueOf(bytes("hooks: {}\n# caf", [0xe9], "\n")),
    "unreadable: is not UTF-8: line 2 has an invalid byte",
  );
  assert.match(issueOf(bytes("a: ", [0xed, 0xa0, 0x80])), /line 1/);
  assert.match(issueOf(bytes([0xc0, 0x80])), /line 1/);
  assert.equal(issueOf(bytes([0xff, 0xfe], "h\0")), "unreadable: is UTF-16: save it as UTF-8");
  assert.equal(issueOf(bytes([0xfe, 0xff], "\0h")), "unreadable: is UTF-16: save it as UTF-8");
  assert.match(issueOf("hooks: \ud800"), /^syntax: contains a character that is not text/);
  assert.match(issueOf("hooks: \0"), /^syntax: contains a character that is not text/);
});

test("no key of a file pollutes Object.prototype", () => {
  const before = Object.getOwnPropertyNames(Object.prototype);
  for (
    const key of [
      "__proto__",
      "constructor",
      "prototype",
      "toString",
      '"__proto__"',
      "hasOwnProperty",
    ]
  ) {
    const value = `{ ${key}: { polluted: yes }, polluted: yes }`;
    const text = `${key}: ${value}\nhooks: ${value}\nserver: ${value}\n`;
    assert.ok(issuesOf(text).every(({ code }) => code === "unknown_key"), key);
    issuesOf(`hooks: { webhooks: [${value}], defaults: { headers: ${value}, filter: ${value} } }`);
  }
  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype), before);
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
});

test("keys that are numbers in YAML are located under their JavaScript spelling", () => {
  const keys = [
    ".inf",
    "-.Inf",
    "+.INF",
    ".NaN",
    "0x10",
    "0o17",
    "1.50",
    "1e3",
    "~",
    "True",
    "010",
  ];
  for (const key of keys) assert.equal(issuesOf(`storage: {}\n${key}: 1`)[0]?.line, 2, key);
});

test("variables are only own properties of the object", () => {
  const text = 'storage: { path: "${constructor}${__proto__}${toString}" }';
  assert.match(issueOf(text), /^variable: needs variable constructor, which is not set/);
  assert.equal(loadConfig(text, { env: () => "x" }).storage.path, "xxx");
});

test("a variable lookup that throws is an issue of the value that needs it", () => {
  const env = () => {
    throw new Error("Requires env access\nand more");
  };
  assert.throws(() => loadConfig("storage: { path: ${A} }".replace("${A}", '"${A}"'), { env }), {
    message: /storage\.path needs variable A, which can't be read: Requires env access$/m,
  });
});

test("loadConfigFile() reads a file, or reports why it can't", async () => {
  const { folder, remove } = await makeFolder();
  const messageOf = (path: string) =>
    loadConfigFile(path, { env: {} }).then(() => "", ({ message }) => message.split("\n\n").at(-1));
  try {
    const file = join(folder, "hooks.yaml");
    await writeFile(file, "\ufeffstorage: { path: a.db }\r\n");
    assert.equal((await loadConfigFile(file, { env: {} })).storage.path, "a.db");
    await writeFile(file, "storage: { path: 5 }");
    await assert.rejects(loadConfigFile(file, { env: {}, file: "x.yaml" }), {
      message: /^x\.yaml:1:18\n {2}storage\.path must be a file/m,
    });
    assert.equal(await messageOf(folder), `${folder}\n  the file is a directory`);
    const missing = join(folder, "none.yaml");
    assert.equal(await messageOf(missing), `${missing}\n  the file does not exist`);
    assert.match(
      await messageOf(join(file, "x")),
      /the file does not exist: a part of its path is a file/,
    );
    await writeFile(file, new Uint8Array(10_000_000));
    assert.equal(await messageOf(file), `${file}\n  the file is larger than 128 KiB`);
    await writeFile(file, Uint8Array.of(0xff));
    assert.match(await messageOf(file), /the file is not UTF-8: line 1/);
  } finally {
    await remove();
  }
});
