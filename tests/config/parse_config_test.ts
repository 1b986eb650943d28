import assert from "node:assert/strict";
import process from "node:process";
import { ConfigError, configJsonSchema, parseConfig } from "@omniagent/hooks/config";
import { loadConfig } from "@omniagent/hooks/config/yaml";
import { test } from "../support/harness.ts";

/** Returns the issues of a value, one line each. */
function issuesOf(value: unknown): string[] {
  try {
    parseConfig(value, { env: {} });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.issues.map(({ at, message }) => `${at} ${message}`);
  }
}

test("parseConfig() lists issues in the order of the value's keys", () => {
  const wrong = {
    server: { port: -1, host: 5 },
    hooks: { webhooks: [{ url: 5, name: 5 }, { x: 1, events: [] }] },
    retention: 5,
  };
  assert.deepEqual(issuesOf(wrong).map((line) => line.split(" ")[0]), [
    "server.port",
    "server.host",
    "hooks.webhooks[0].events",
    "hooks.webhooks[0].url",
    "hooks.webhooks[0].name",
    "hooks.webhooks[1].name",
    "hooks.webhooks[1].url",
    "hooks.webhooks[1].x",
    "hooks.webhooks[1].events",
    "retention",
  ]);
});

test("parseConfig() describes values that are not JSON", () => {
  const cyclic: Record<string, unknown> = {};
  cyclic.hooks = cyclic;
  const lines = (value: unknown) => issuesOf(value).join("\n");
  assert.match(lines(undefined), /^ must be a mapping .*, got undefined$/);
  assert.match(lines(new Map()), /got a Map$/);
  assert.match(lines({ hooks: new Date(0) }), /^hooks .* a Date$/);
  assert.match(lines({ server: { port: 5n } }), /^server\.port .* a bigint$/);
  assert.match(lines({ server: { host: Symbol() } }), /^server\.host .* a symbol$/);
  assert.match(lines({ server: { host: () => {} } }), /^server\.host .* a function$/);
  assert.match(lines(cyclic), /^hooks\.hooks is unknown; known fields: defaults, webhooks, gates$/);
  assert.match(
    lines({ hooks: { webhooks: Array(2) } }),
    /^hooks\.webhooks\[0\] .* undefined\nhooks\.w/,
  );
  assert.match(
    lines({ server: { tokens: [{ name: "a", token: 5n }] } }),
    /token must .* a bigint$/m,
  );
});

test("header names are ASCII: the Kelvin sign is not a k", () => {
  const named = (name: string) => issuesOf({ hooks: { defaults: { headers: { [name]: "a" } } } });
  assert.deepEqual(["K", "k", "S"].flatMap(named), []);
  for (const name of ["\u212a", "\u017f"]) {
    assert.match(named(name).join(), /is not a valid header name/);
  }
});

test("parseConfig() reads a mapping of 100,000 keys in linear time", () => {
  const keys = Array.from({ length: 100_000 }, (_, i): [string, number] => [`k${i}`, i]);
  const start = process.cpuUsage();
  assert.equal(issuesOf(Object.fromEntries(keys)).length, 201);
  const { user, system } = process.cpuUsage(start);
  assert.ok(user + system < 2e6, `took ${(user + system) / 1000} ms`); // quadratic code took 6 s
});

test("a value's own tag can't reach the terminal or look like a secret", () => {
  const named = (name: string) => issuesOf({ hooks: { [Symbol.toStringTag]: name } }).join();
  assert.match(named("Own"), /got a Own$/);
  assert.match(named("\x1b[31m"), /got an object$/);
  assert.match(named("whsec_c2VjcmV0"), /got an object$/);
});

test("parseConfig() accepts Date objects as times", () => {
  const expires_at = new Date("2027-01-31T00:00:00Z");
  const token = { name: "ci", token: "0123456789abcdef", scopes: ["emit"], expires_at };
  const { server } = parseConfig({ server: { tokens: [token] } }, { env: {} });
  assert.deepEqual(server.tokens[0]?.expiresAt, expires_at);
  assert.match(
    issuesOf({ server: { tokens: [{ ...token, expires_at: new Date(NaN) }] } })[0]!,
    /expires_at must be a time/,
  );
});

test("a getter or a proxy that throws is an issue, and the rest is read", () => {
  const value = {
    get hooks(): never {
      throw new Error("s3cret");
    },
    server: new Proxy({}, {
      ownKeys: () => {
        throw new Error("s3cret");
      },
    }),
    retention: 5,
  };
  assert.deepEqual(
    issuesOf(value),
    [
      "hooks can't be read: a getter or a proxy throws",
      "server can't be read: a getter or a proxy throws",
      "retention must be a mapping with events, event_log and disable_after, got a number (not shown)",
    ],
  );
});

test("the result shares nothing with the value that was passed", () => {
  const events = ["tool.*"];
  const config = parseConfig(
    { hooks: { webhooks: [{ name: "a", events, url: "https://a.example.com/" }] } },
    { env: {} },
  );
  events.push("*");
  assert.deepEqual(config.webhooks[0]?.events, ["tool.*"]);
  const schema = configJsonSchema();
  delete schema.properties;
  assert.ok(configJsonSchema().properties);
});

test("variables are looked up only if a value names them", () => {
  const asked: string[] = [];
  const env = (name: string) => {
    asked.push(name);
    return "x";
  };
  parseConfig({ storage: { path: "${A}-$${B}-${C:-d}-$D" } }, { env });
  assert.deepEqual(asked, ["A", "C"]);
});

test("invalid arguments throw a TypeError that names them", () => {
  const throwing = (run: () => unknown, message: RegExp) =>
    assert.throws(run, (error) => error instanceof TypeError && message.test(error.message));
  for (const read of [parseConfig, loadConfig] as ((a: never, b: never) => unknown)[]) {
    const options = (value: unknown) => () => read("{}" as never, value as never);
    throwing(
      options(undefined),
      /^Cannot (parse|load) configuration: the options must be an object/,
    );
    throwing(
      options({}),
      /'env' must be a function or an object of variables, got undefined/,
    );
    throwing(options({ env: "A=b" }), /'env' must be .*, got "A=b"/);
    throwing(options({ env: {}, file: 5 }), /'file' must be a string, got 5/);
  }
  throwing(
    () => loadConfig({} as never, { env: {} }),
    /^Cannot load configuration: the text must be a string or bytes, got an object$/,
  );
});
