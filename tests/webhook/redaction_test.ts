/**
 * Secrets that a receiver echoes are redacted from the stored response, however it encodes them. The
 * encodings are generated: every encoder within every other, three levels deep.
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { signAskLink } from "@omniagent/hooks/gates";
import type { WebhookHookOptions } from "@omniagent/hooks/webhook";
import { generateSecret } from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { attempt, fakeFetch, hookOf } from "./hook_checks.ts";

const TOKEN = "q1w2+e3r4/t5y6=z&<7'\"u8%2Bi9\\o0~";
const PASSWORD = "päß+w0rd/é&x9";
const SECRET = generateSecret();

type Encoder = (text: string) => string;

const each = (pattern: RegExp, write: (code: number) => string): Encoder => (text) =>
  text.replace(pattern, (sign) => [...sign].map((c) => write(c.charCodeAt(0))).join(""));
const hex = (code: number, length: number) => code.toString(16).padStart(length, "0");
const named: Readonly<Record<string, string>> = {
  ...{ "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos", "+": "plus", "/": "sol" },
  ...{ "=": "equals", "%": "percnt", "\\": "bsol" },
};

/** How languages and frameworks encode a text. */
const encoders: Readonly<Record<string, Encoder>> = {
  "JSON": (text) => JSON.stringify(text).slice(1, -1),
  "JSON of PHP": (text) =>
    each(/[^ -~]/g, (code) => `\\u${hex(code, 4)}`)(JSON.stringify(text).slice(1, -1))
      .replaceAll("/", "\\/"),
  "JSON of .NET": each(/[^A-Za-z0-9]/g, (code) => `\\u${hex(code, 4).toUpperCase()}`),
  "JavaScript in hex": each(/[^A-Za-z0-9]/g, (code) => `\\x${hex(code, 2)}`),
  "JavaScript with code points": each(/[^A-Za-z0-9]/g, (code) => `\\u{${hex(code, 1)}}`),
  "HTML by names": (text) => text.replace(/[&<>"'+/=%\\]/g, (sign) => `&${named[sign]};`),
  "HTML in decimals": each(/[^A-Za-z0-9]/g, (code) => `&#${code};`),
  "HTML in hex": each(/[^A-Za-z0-9]/g, (code) => `&#x${hex(code, 1).toUpperCase()};`),
  "HTML with zeros": each(/[^A-Za-z0-9]/g, (code) => `&#x0000${hex(code, 1)};`),
  "HTML of every character": each(/[^]/g, (code) => `&#${code};`),
  "a part of a URL": encodeURIComponent,
  "a form": (text) => new URLSearchParams([["", text]]).toString().slice(1),
  "percent of every byte": (text) =>
    [...new TextEncoder().encode(text)].map((byte) => `%${hex(byte, 2)}`).join(""),
  "base64": (text) => Buffer.from(text).toString("base64"),
  "base64url": (text) => Buffer.from(text).toString("base64url"),
  "base64 in lines": (text) =>
    Buffer.from(text).toString("base64").replace(/.{16}(?=.)/g, "$&\r\n"),
  "base64 of UTF-16": (text) => Buffer.from(text, "utf16le").toString("base64"),
  "hex": (text) => Buffer.from(text).toString("hex"),
  "hex with colons": (text) => bytesOf(text, 16).join(":"),
  "hex with spaces": (text) => bytesOf(text, 16).join(" ").toUpperCase(),
  "hex of C": (text) => bytesOf(text, 16).map((byte) => `0x${byte}`).join(", "),
  "decimal bytes": (text) => bytesOf(text, 10).join(","),
};

function bytesOf(text: string, radix: number): string[] {
  return [...Buffer.from(text)].map((byte) => byte.toString(radix).padStart(2, "0"));
}

type Spelling = readonly [names: string, encode: Encoder];

/** Every composition of n encoders. */
function spellings(depth: number): readonly Spelling[] {
  if (depth === 0) return [["", (text) => text]];
  return spellings(depth - 1).flatMap(([names, inner]) =>
    Object.entries(encoders).map(([name, outer]): Spelling => [
      names ? `${name} of ${names}` : name,
      (text) => outer(inner(text)),
    ])
  );
}

const HEADERS = {
  authorization: `Bearer ${TOKEN}`,
  // As `fetch` sends the bytes.
  "x-password": Buffer.from(PASSWORD, "utf8").toString("latin1"),
};

async function storedOf(
  body: string | ReadableStream,
  options: Partial<WebhookHookOptions> = {},
): Promise<string> {
  const { fetch } = fakeFetch(() => new Response(body, { status: 400 }));
  const hook = hookOf({ headers: HEADERS, secret: SECRET, fetch, ...options });
  return (await attempt(hook)).response ?? "";
}

for (const depth of [1, 2, 3]) {
  test(`no secret is stored, in any encoding by ${depth} ${depth > 1 ? "encoders" : "encoder"}`, async () => {
    const secrets = [TOKEN, PASSWORD, SECRET];
    for (const [i, [names, encode]] of spellings(depth).entries()) {
      if (depth === 3 && i % 3 > 0) continue; // a third of them, to save time
      // Three levels deep, a response has room for one. No encoder changes what is between them.
      const some = depth < 3 ? secrets : [secrets[i % 3]!];
      const stored = await storedOf(`(${some.map(encode).join(") (")})`);
      const expected = `(${some.map(() => "[redacted]").join(") (")})`;
      // What remains of a form or of padding reveals nothing.
      assert.equal(stored.replace(/[=&;]/g, ""), expected, names);
    }
  });
}

test("a secret that was encoded together with surrounding text is not stored", async () => {
  for (const depth of [1, 2]) {
    for (const [names, encode] of spellings(depth)) {
      for (const before of ["", "x", "xy", "xyz"]) {
        const stored = await storedOf(encode(`${before} {"got":"Bearer ${TOKEN}"} ${before}`));
        assert.ok(stored.includes("[redacted]"), `${names}: ${stored}`);
        for (const [, one] of spellings(1)) {
          assert.ok(!stored.includes(one(TOKEN).slice(0, 24)), `${names}: ${stored}`);
        }
      }
    }
  }
});

test("a secret with changed case or line breaks is not stored", async () => {
  const lines = TOKEN.replace(/.{5}/g, "$&\r\n");
  for (const [names, encode] of spellings(1)) {
    // Names of entities have a case, and so has the text in base64.
    if (/names|base64/.test(names)) continue;
    for (const spelled of [encode(TOKEN).toUpperCase(), encode(TOKEN).toLowerCase()]) {
      assert.equal(await storedOf(`(${spelled})`), "([redacted])", names);
    }
  }
  assert.equal(await storedOf(`(${lines})`), "([redacted])");
  const base64 = Buffer.from(TOKEN).toString("base64");
  assert.match(await storedOf(base64.toUpperCase()), /^\[redacted\].{0,3}$/);
  assert.equal(await storedOf(Buffer.from(TOKEN).toString("hex")), "[redacted]");
});

test("a secret that the end of the response truncates is not stored, in any encoding", async () => {
  const filler = "The token is unknown: ";
  for (const [names, encode] of [...spellings(1), ...spellings(2).filter((_, i) => i % 7 === 0)]) {
    const spelled = encode(TOKEN);
    const most = encode(TOKEN.slice(0, 5)).length + 16;
    for (let length = most + 1; length < spelled.length; length += 3) {
      const chunk = new TextEncoder().encode(filler + spelled.slice(0, length));
      let pulls = 0;
      const broken = new ReadableStream({
        pull: (stream) => pulls++ ? stream.error(new Error("cut off")) : stream.enqueue(chunk),
      }, { highWaterMark: 0 });
      const stored = await storedOf(broken);
      assert.ok(stored.startsWith("The token is "), stored);
      const visible = stored.replace(filler, "").replace("[redacted]", "");
      assert.ok(visible.length <= most, `${names}, ${length}: ${stored}`);
    }
  }
});

test("Basic credentials are redacted, and so is the password on its own", async () => {
  const credentials = Buffer.from("alice:correct-horse").toString("base64");
  const headers = { authorization: `Basic ${credentials}` };
  const stored = await storedOf(`alice:correct-horse, ${credentials}, correct-horse`, { headers });
  assert.equal(stored, "[redacted], [redacted], [redacted]");
});

test("parameters of a URL are redacted if they are secret", async () => {
  const url = "https://h.example/hooks?api_key=abc&sig=s%2Bg&page=two&sid=a1b2c3d4e5";
  const stored = await storedOf("abc s+g two a1b2c3d4e5", { url });
  assert.equal(stored, "[redacted] [redacted] two [redacted]");
});

const kept: readonly (readonly [headers: Record<string, string>, text: string])[] = [
  [{ accept: "application/json" }, "application/json is not accepted"],
  [{ accept: "application/vnd.example.v2+json" }, "no application/vnd.example.v2+json here"],
  [{ "content-type": "application/json" }, "want application/json"],
  [{ "user-agent": "my-agent/1.0.27-beta" }, "blocked: my-agent/1.0.27-beta"],
  [{ "x-tenant": "acme" }, "the tenant acme has no hooks"],
  [{ "x-environment": "production" }, "production is closed"],
  [{ "x-debug": "true" }, "it is true"],
  [{ "x-version": "1" }, "1 of 1 failed"],
  [{ "x-api-version": "2026-11-22" }, "since 2026-11-22"],
  [{ "x-use-session": "true" }, "that is true"],
  [{ authorization: "Bearer abc-123-def-456" }, "Bearer token required"],
  [{ authorization: `Basic ${Buffer.from("alice:wonder").toString("base64")}` }, "Basic, alice"],
  [{ traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" }, "00-0af765191"],
];

for (const [headers, text] of kept) {
  test(`a header ${JSON.stringify(headers)} redacts nothing in '${text}'`, async () => {
    assert.equal(await storedOf(text, { headers }), text);
  });
}

const short: readonly (readonly [headers: Record<string, string>, word: string])[] = [
  [{ "x-api-key": "12345" }, "12345"],
  [{ "x-api-key": "471" }, "471"],
  [{ "x-api-key": "abc" }, "abc"],
  [{ authorization: "Bearer k3y" }, "k3y"],
  [{ authorization: "open" }, "open"],
  [{ cookie: "sid=ab1" }, "ab1"],
  [{ cookie: "theme=dark; sid=z9=y" }, "z9=y"],
];

for (const [headers, word] of short) {
  test(`a short secret in ${JSON.stringify(headers)} is redacted in every encoding`, async () => {
    for (const [names, encode] of [...spellings(1), ...spellings(2)]) {
      const stored = await storedOf(`(${encode(word)})`, { headers });
      assert.equal(stored.replace(/[=&;]/g, ""), "([redacted])", names);
    }
  });
}

test("a secret whose encoding continues the text before it is not stored", async () => {
  for (const name of ["base64", "base64url", "hex"]) {
    for (const before of ["", "a", "ab", "abc"]) {
      const stored = await storedOf(`(${before}${encoders[name]!(TOKEN)})`);
      assert.match(stored, /^\([abc]*\[redacted\]=*\)$/, `${name} after '${before}'`);
    }
  }
});

test("the bytes of a key are redacted, whether they are written as base64 or as hex", async () => {
  const key = Buffer.from(SECRET.slice(6), "base64").toString("hex");
  assert.equal(await storedOf(`key ${key.toUpperCase()} failed`), "key [redacted] failed");
  const headers = { "x-api-key": "0af7651916cd43dd" };
  const bytes = Buffer.from("0af7651916cd43dd", "hex");
  assert.equal(await storedOf("0a:f7:65:19:16:cd:43:dd", { headers }), "[redacted]");
  assert.match(await storedOf(bytes.toString("base64"), { headers }), /^\[redacted\]=?$/);
});

test("two secrets side by side are both redacted, and so is one that contains another", async () => {
  const headers = { "x-api-key": "abcdef", "x-token": "abcdefghij", "x-secret": "ghi" };
  assert.equal(
    await storedOf("abcdefghi abcdefghij", { headers }),
    "[redacted][redacted] [redacted]",
  );
});

test("the rest of a text keeps its line breaks and escapes", async () => {
  const stored = await storedOf(`first: \\u0041.\r\n${TOKEN}\r\n&amp; %41 last`);
  assert.equal(stored, "first: \\u0041.\r\n[redacted]\r\n&amp; %41 last");
});

const secret: readonly (readonly [headers: Record<string, string>, word: string])[] = [
  [{ authorization: "abc-def" }, "abc-def"],
  [{ authorization: "Token hunter" }, "hunter"],
  [{ cookie: "theme=dark; sid=hunter22" }, "hunter22"],
  [{ "x-api-key": "swordfish" }, "swordfish"],
  [{ "my-token": "open" }, "open"],
  [{ "x-hub-signature": "abcd" }, "abcd"],
  [{ "x-anything": "0af7651916cd" }, "0af7651916cd"],
  [{ "x-anything": "a sentence with 0af7651916cd in it" }, "0af7651916cd"],
  [{ "x-anything": "correcthorsebatterystaple" }, "correcthorsebatterystaple"],
];

for (const [headers, word] of secret) {
  test(`a header ${JSON.stringify(headers)} redacts '${word}'`, async () => {
    assert.equal(await storedOf(`no ${word} here`, { headers }), "no [redacted] here");
  });
}

test("a link by which anyone can approve loses its signature, however it is escaped or cut", async () => {
  const link = await signAskLink({
    url: "https://agents.example.com",
    key: "k".repeat(32),
    askId: "0199",
    decision: "allow",
    expiresAt: new Date(Date.now() + 60_000),
    by: "slack",
  });
  const signature = new URL(link).searchParams.get("signature")!;
  const escaped = [
    link,
    JSON.stringify(link),
    link.replaceAll("&", "\\u0026").replaceAll("=", "\\u003d"),
    link.replaceAll("&", "&amp;"),
    encodeURIComponent(link),
    btoa(link),
    link.slice(0, -3),
    JSON.stringify(Object.fromEntries(new URL(link).searchParams), null, 2),
    `signature: ${signature}`,
  ];
  for (const text of escaped) {
    const stored = await storedOf(`400 invalid_payload: ${text}`);
    assert.ok(stored.includes("[redacted]"), text);
    assert.ok(!stored.includes(signature.slice(20, -4)), text);
  }
});

test("a response designed to be slow to search is redacted quickly", async () => {
  const nested = (depth: number): string => {
    let text = `${TOKEN}${"x".repeat(200)}`;
    while (depth-- > 0) text = Buffer.from(text).toString("base64");
    return text;
  };
  const bodies = [
    "\\".repeat(16_384),
    "&#x".repeat(5500),
    "&#000".repeat(3300),
    "%25".repeat(5461),
    "&amp;".repeat(3200),
    "%2525".repeat(3200),
    "a".repeat(16_384),
    "q1w2".repeat(4096),
    Buffer.from("QUFB".repeat(2300)).toString("base64"),
    "\\u0026amp\\u003b".repeat(1000),
    `${nested(4)} `.repeat(12),
    TOKEN.repeat(500),
    "\n".repeat(16_000),
    "A\n".repeat(8000),
  ];
  for (const body of bodies) {
    const started = performance.now();
    const stored = await storedOf(body);
    assert.ok(!stored.includes(TOKEN.slice(0, 8)));
    assert.ok(performance.now() - started < 20_000, body.slice(0, 20));
  }
});
