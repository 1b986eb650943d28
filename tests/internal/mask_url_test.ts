import assert from "node:assert/strict";
import { createHooks } from "@omniagent/hooks";
import { consoleLogger } from "../../src/core/reporter.ts";
import { maskError } from "../../src/internal/mask_error.ts";
import { maskUrl, maskUrls } from "../../src/internal/mask_url.ts";
import { mock, test } from "../support/harness.ts";
import { Random } from "../support/random.ts";

const SECRET = "hunter2";

test("maskUrl() masks user, password, query, fragment and token-like segments of a path", () => {
  for (
    const [url, masked] of [
      ["postgres://me:hunter2@db.example:5432/app", "postgres://***@db.example:5432/app"],
      ["postgres://me:hunt@er2@db.example/app", "postgres://***@db.example/app"],
      ["postgres://me:hunter2@", "postgres://***@"],
      ["postgres://me:hunter2", "postgres://***"],
      ["postgres:/me:hunter2@db", "postgres:/***@db"],
      ["me:hunter2@db/app", "***@db/app"],
      ["redis://:hunter2@cache:6379/0", "redis://***@cache:6379/0"],
      ["https://hunter2@kv.example/", "https://***@kv.example/"],
      ["https://kv.example/?access_token=hunter2", "https://kv.example/?***"],
      ["https://kv.example/a#hunter2", "https://kv.example/a#***"],
      [
        "https://hooks.slack.com/services/T0123ABCD/B0123ABCD/abcdefghijklmnopqrstuvwx",
        "https://hooks.slack.com/services/***/***/***",
      ],
      ["https://[::1]:4512/db", "https://[::1]:4512/db"],
      ["http://127.0.0.1:8787/hooks", "http://127.0.0.1:8787/hooks"],
      ["host=db user=me password=hunter2", "host=db user=me password=***"],
      ["./data/hooks.db", "./data/hooks.db"],
      ["C:\\data\\hooks.db", "C:\\data\\hooks.db"],
      ["node_modules/@scope/hooks.db", "node_modules/@scope/hooks.db"],
      [":memory:", ":memory:"],
    ] as const
  ) assert.equal(maskUrl(url), masked);
});

test("maskUrls() leaves files of a stack, mail addresses and plain text alone", () => {
  for (
    const text of [
      "at open (file:///app/a1b2c3d4e5f6/open_store2.ts:12:3)",
      "at https://jsr.io/@omniagent/hooks/src/kv_store2.ts:12:3",
      "write to me@example.com: 3 of 4 failed, see https://docs.example/errors.",
      "12:30:01 a@b",
    ]
  ) assert.equal(maskUrls(text), text);
});

test("a password is masked in every spelling of a URL, alone and in a text", () => {
  const random = new Random(35);
  const marks = [..."@:/?#[]%&= \"'<>`{}|^\\,;!$*()~+.-_äß0A"];
  const mark = (): string => random.chance(0.5) ? random.pick(marks) : "";
  for (let n = 0; n < 5000; n++) {
    const scheme = random.pick(["postgres", "https", "http", "rediss", "mysql+srv", "kv"]);
    const slashes = random.pick(["://", "://", "://", ":///", ":/"]);
    const user = random.pick(["me", "", "m.e", "user%40"]);
    const password = `${mark()}${mark()}${SECRET}${mark()}${mark()}`;
    const host = random.pick(["db.example", "db:5432", "[::1]:5432", "", "host:port", "a b"]);
    const path = random.pick(["", "/", "/app", "/app?x=1"]);
    const url = `${scheme}${slashes}${user}:${password}@${host}${path}`;
    const texts = [
      maskUrl(url),
      maskUrls(`Cannot open ${url}: it failed`, url),
      maskUrls(`error sending request for url (${url}): refused`, url),
      ...(/[\s"'<>`]/.test(password + host)
        ? []
        : [maskUrls(`first https://a.example/b, then ${url}`)]),
    ];
    for (const text of texts) assert.ok(!text.includes(SECRET), `${url} is shown as ${text}`);
  }
});

test("a token in a query is masked, whatever it is named", () => {
  for (const name of ["access_token", "apikey", "sig", "X-Amz-Signature", "t", ""]) {
    const text = maskUrls(`GET https://a.example/b?page=2&${name}=${SECRET}&c failed`);
    assert.equal(text, "GET https://a.example/b?*** failed");
  }
});

test("maskUrls() masks a long text quickly", () => {
  const started = performance.now();
  for (const part of ["a.", "https://", "password", "a:b@", "u:p", "/.", "@", "=\"'"]) {
    maskUrls(part.repeat(5_000));
  }
  assert.ok(performance.now() - started < 5_000);
});

test("texts of any size are masked quickly, even if they are designed to be slow", () => {
  const started = performance.now();
  for (const count of [100, 2_000, 1_000_000]) {
    for (
      const [part, masked] of [
        [".", "."],
        ["=a:", "=a:"],
        ["a:", "a:"],
        ["(=", "(="],
        ["http://a ", "http://a "],
        ["https://me:hunter2@b ", "https://***@b "],
        ["me:hunter2@b ", "***@b "],
        ["token='hunter2' ", "token=*** "],
        ["http://a:hunter2 ", undefined],
        ["http://", undefined],
        ["a@", "a@"],
      ] as const
    ) {
      for (const start of ["", "http://a", "me:hunter2", "password"]) {
        const text = `${start}${part.repeat(count)}x`;
        const shown = maskUrls(text);
        if (text.length > 16_384) assert.ok(shown.endsWith("…") && shown.length < 40_000);
        else if (start === "" && masked) assert.equal(shown, `${masked.repeat(count)}x`);
        if (part.includes("hunter2")) {
          assert.ok(!shown.slice(10).includes(SECRET), text.slice(0, 99));
        }
      }
    }
  }
  assert.equal(
    maskUrls(`http://a${".".repeat(9_000)}x https://me:${SECRET}@b/`),
    `http://a${".".repeat(9_000)}x https://***@b/`,
  );
  assert.ok(performance.now() - started < 10_000);
});

test("a long text is truncated without leaving half of a secret", () => {
  const secrets = [
    `postgres://me:${SECRET}@db/app`,
    `https://${SECRET}@kv.example/`,
    `https://${SECRET}:@kv.example/`,
    `postgres://me:a b ${SECRET} c@db/app`,
    `me:${SECRET}@db/app`,
    `me:<${SECRET}@db/app`,
    `npm:@a(me:${SECRET}@db/app`,
    `password = ${SECRET}`,
    `password="a ${SECRET} b"`,
  ];
  for (const secret of secrets) {
    for (let n = 0; n <= secret.length + 2; n++) {
      const text = `${"a ".repeat(8_192).slice(0, 16_384 - n)} (${secret}), failed ${
        "b ".repeat(99)
      }`;
      for (const known of [secret, undefined]) {
        const shown = maskUrls(text, known);
        assert.ok(!/hu|nt|er|r2/.test(shown), shown.slice(-60));
        assert.ok(shown.length > 16_000 && shown.endsWith("…"));
      }
    }
  }
});

test("an argument with many URLs is rejected with a TypeError", () => {
  for (const handler of ["http://a ".repeat(9_000), `http://a${".".repeat(100_000)}x`]) {
    assert.throws(() => createHooks().on("tool.called", handler as never), TypeError);
  }
});

test("an error is masked in its errors, its properties and what they hold, and keeps its class", () => {
  class PoolError extends AggregateError {
    override readonly name = "PoolError";
    readonly code = "pool";
    readonly url = `https://me:${SECRET}@a.example/`;
    readonly at = new URL(this.url);
    readonly failures = [{ error: new TypeError(`GET ${this.url}`), tries: 2 }];
    readonly bytes = new Uint8Array(2);
    self: unknown = this;
  }
  const inner = new RangeError(`of ${SECRET}s: https://me:pass@b/`.replace(SECRET, "hunter"));
  const error = new PoolError([new AggregateError([new Error(`me:${SECRET}@db`), inner])], "none");
  const before = Deno.inspect(error);
  const masked = maskError(error);
  assert.ok(!Deno.inspect(masked, { depth: 9 }).includes(SECRET));
  assert.ok(masked instanceof PoolError && masked.self === masked);
  assert.deepEqual([masked.name, masked.code, masked.message], ["PoolError", "pool", "none"]);
  assert.equal(masked.url, "https://***@a.example/");
  assert.equal(masked.bytes, error.bytes);
  assert.deepEqual(Object.keys(masked), Object.keys(error));
  assert.equal(masked.stack, error.stack);
  assert.ok(masked.failures[0]!.error instanceof TypeError);
  assert.equal(masked.errors[0].errors[1].message, "of hunters: https://***@b/");
  assert.equal(Deno.inspect(error), before);
});

test("any error is masked: clean, circular, very large, or one that throws", () => {
  const loop = new Error("a");
  loop.cause = new AggregateError([loop], "b");
  assert.equal(maskError(loop), loop);
  const dom = new DOMException(`https://me:${SECRET}@a/`, "TimeoutError");
  const copy = maskError(dom);
  assert.deepEqual([copy.name, copy.message, copy.code], ["TimeoutError", "https://***@a/", 23]);
  assert.ok(!Deno.inspect(copy).includes(SECRET));
  let deep: unknown = `https://me:${SECRET}@a/`;
  for (let n = 0; n < 20_000; n++) deep = new Error("deep", { cause: deep });
  assert.ok(!Deno.inspect(maskError(deep), { depth: 100 }).includes(SECRET));
  const errors = Array.from({ length: 50_000 }, () => new Error(`https://me:${SECRET}@a/`));
  const many = maskError(new AggregateError(errors));
  assert.ok(many.errors.length < errors.length && many.errors.at(-1) === "…");
  const fault = () => assert.fail();
  const hostile = new Error("a", { cause: new Proxy({}, { getPrototypeOf: fault }) });
  assert.equal(maskError(hostile).cause, "a value that can't be shown");
  const bad = Object.defineProperty(new Error(), "message", { get: fault });
  assert.equal(maskError<unknown>(bad), "a value that can't be shown");
});

test("a custom logger gets masked errors, and onError gets the original", async () => {
  const logged: unknown[] = [];
  const reported: unknown[] = [];
  const none = () => {};
  const hooks = createHooks({
    logger: { debug: none, info: none, warn: none, error: (...data) => void logged.push(...data) },
    onError: (error) => void reported.push(error),
  });
  const fault = new AggregateError([new Error(`https://me:${SECRET}@a/`)], "all failed");
  hooks.on("tool.called", () => {
    throw fault;
  });
  await assert.rejects(hooks.emit("tool.called", { name: "bash" }));
  assert.equal(reported[0], fault);
  assert.ok(logged[1] instanceof AggregateError && logged[1].message === "all failed");
  assert.ok(!Deno.inspect(logged).includes(SECRET));
});

test("the console shows an error without the password in its message, its stack and its causes", () => {
  const url = `https://me:${SECRET}@127.0.0.1:1/`;
  const cause = new TypeError(`error sending request for url (${url})`);
  const error = new Error(`Cannot ask ${url}`, { cause });
  const masked = maskError(error);
  assert.equal(masked.message, "Cannot ask https://***@127.0.0.1:1/");
  assert.equal((masked.cause as Error).name, "TypeError");
  const plain = new Error("nothing to mask");
  assert.equal(maskError(plain), plain);

  const shown: unknown[] = [];
  const warn = mock.method(console, "warn", (...data: unknown[]) => void shown.push(...data));
  try {
    consoleLogger.warn("it failed", error);
  } finally {
    warn.mock.restore();
  }
  const text = Deno.inspect(shown);
  assert.ok(text.includes("Cannot ask") && !text.includes(SECRET), text);
});
