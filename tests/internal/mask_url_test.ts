import assert from "node:assert/strict";
import { consoleLogger, maskError, maskUrl, maskUrls } from "../../src/core/kit.ts";
import { mock, test } from "../harness.ts";
import { Random } from "../random.ts";

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

test("maskUrls() of a long text takes no long time", () => {
  const started = performance.now();
  for (const part of ["a.", "https://", "password", "a:b@", "u:p", "/.", "@", "=\"'"]) {
    maskUrls(part.repeat(5_000));
  }
  assert.ok(performance.now() - started < 5_000);
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
