import assert from "node:assert/strict";
import { inspect } from "node:util";
import fc from "../support/fast_check.ts";
import { ConfigError, hooksFromConfig, parseConfig } from "@omniagent/hooks/config";
import { loadConfig } from "@omniagent/hooks/config/yaml";
import { WebhookHook } from "@omniagent/hooks";
import { test } from "../support/harness.ts";
import { readCases, tables } from "./_cases.ts";

const all = [...await readCases(tables.valid), ...await readCases(tables.invalid)];

/** The error of a text, or none; whatever else is thrown fails the test. */
function errorOf(text: string | Uint8Array): ConfigError | undefined {
  try {
    hooksFromConfig(
      loadConfig(text, { env: (name) => name.length > 3 ? `value-of-${name}` : undefined }),
    );
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

/** A text with some parts taken out, put in, or doubled. */
const mutated = fc.record({
  text: fc.constantFrom(...all.map(({ text }) => text)),
  edits: fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      remove: fc.nat(6),
      insert: fc.oneof(
        fc.constantFrom(
          ..."-:{}[],&*!|>'\"%@`#?\n\t ",
          "\n  ",
          ": ",
          "- ",
          "${",
          "}",
          "<<: ",
          "&a ",
          "*a",
          "---\n",
        ),
        fc.constantFrom(
          "null",
          "5",
          "5s",
          "hooks",
          "webhooks",
          "__proto__",
          "\u0085",
          "\u2028",
          "😀",
        ),
        fc.string({ maxLength: 4 }),
      ),
    }),
    { maxLength: 6 },
  ),
}).map(({ text, edits }) =>
  edits.reduce((text, { at, remove, insert }) => {
    const start = Math.floor(at * text.length);
    return text.slice(0, start) + insert + text.slice(start + remove);
  }, text)
);

test("loadConfig() of any text returns, or throws a ConfigError with a valid report", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: "binary", maxLength: 60 }), fc.string({ maxLength: 60 }), mutated),
      (text) => {
        const error = errorOf(text);
        if (error === undefined) return;
        assert.ok(error.issues.length > 0);
        for (const { line, column, frame } of error.issues) {
          if (line === undefined) continue;
          assert.ok(line >= 1 && column! >= 1, text);
          assert.match(frame!, /\^/);
        }
        // deno-lint-ignore no-control-regex
        assert.doesNotMatch(error.message, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u202e\u2028]/);
      },
    ),
    { numRuns: 800 },
  );
});

test("loadConfig() of any bytes returns or throws a ConfigError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void errorOf(bytes)), {
    numRuns: 400,
  });
});

test("parseConfig() of any value returns or throws a ConfigError", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
  });
  const field = fc.constantFrom(
    "hooks",
    "webhooks",
    "defaults",
    "server",
    "tokens",
    "name",
    "headers",
    "retry",
  );
  const nested = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      anything,
      fc.array(tie("value"), { maxLength: 3 }),
      tie("object"),
    ),
    object: fc.dictionary(field, tie("value"), { maxKeys: 4 }),
  })).value;
  fc.assert(
    fc.property(nested, (value) => {
      try {
        parseConfig(value, { env: {} });
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
      }
    }),
    { numRuns: 800 },
  );
});

/** One line, and nothing that YAML, or the schema, could take for something else. */
const marker = fc.stringMatching(/^[a-z]{6}$/).map((text) => `q7${text}`);

/** Everything that holds a secret, in every form of text, and wrong in some way. */
function withSecrets(secret: string): string {
  return `
hooks:
  defaults:
    headers: { Authorization: "Bearer ${secret}", X-A: [${secret}], X-B: { a: ${secret} } } # ${secret}
    secret: ${secret}
    secrets: ${secret}
    headesr: { Authorization: ${secret} }
  webhooks:
    - name: a
      events: [1]
      url: https://a.example.com/${secret}?${secret}#${secret}
      secret: '${secret}'
      secrets: ["${secret}", ${secret}, { ${secret}: ${secret} }]
      headers:
        Authorization: |
          Bearer ${secret}
          ${secret}
        X-Folded: >-
          one
          ${secret}
        X-Wrapped: one
          ${secret}
    - { name: b, events: [1], url: "https://${secret}:${secret}@a.example.com/", token: ${secret} }
    - { name: c, events: [1], url: "${secret}/services", secret: &x ${secret}, headers: { X-A: *x, X-B: "\${A}${secret}" } }
    - ${secret}
server:
  port: x
  tokens:
    - { name: a, token: ${secret}, scopes: [x] }
    - ${secret}
    - { tokne: ${secret}, token: [${secret}], scopes: [x] }
  token: "${secret}"
storage: { path: "https://${secret}@a.example.com/${secret}", token: ${secret}, x: [&y ${secret}, *y] }
`;
}

test("no report, issue or inspection shows a secret, a token or a header, whatever is wrong", () => {
  let reported = 0;
  fc.assert(
    fc.property(
      marker,
      fc.array(
        fc.record({
          at: fc.nat(1500),
          insert: fc.constantFrom(..."\n\t:-{}[]\"'&*!|>%@#", ": ", "\n  "),
        }),
        { maxLength: 2 },
      ),
      (secret, edits) => {
        const text = edits.reduce(
          (text, { at, insert }) => {
            // Nothing is put into a secret: what is left of one is a secret no more.
            const start = text.indexOf(" ", at % text.length);
            return start < 0 ? text : text.slice(0, start) + insert + text.slice(start);
          },
          withSecrets(secret),
        );
        const error = errorOf(text);
        assert.ok(error);
        reported += error.issues.length;
        const shown = [
          error.message,
          error.report({ color: true }),
          error.stack,
          JSON.stringify(error.issues.map(({ path: _, at: __, ...issue }) => issue)),
          inspect({ ...error, issues: [] }, { depth: 9 }),
          inspect(error.cause),
        ];
        for (const one of shown) assert.ok(!one?.includes(secret), `${one}\n\n${text}`);
      },
    ),
    { numRuns: 200 },
  );
  assert.ok(reported > 1_500, `${reported}`);
});

test("nothing that looks like a secret is shown in a wrong place, not even as a suggestion", () => {
  const secret = `whsec_${"abcd1234".repeat(4)}`;
  const places = [
    `hooks: { webhooks: [{ events: ${secret} }] }`,
    `hooks: { webhooks: [{ events: "tool.called, ${secret}" }] }`,
    `hooks: { webhooks: [{ name: "my ${secret}" }] }`,
    `hooks: { defaults: { filter: { ${secret}: a } } }`,
    `server: { host: "http://${secret}:80/" }`,
    `server: { port: $${secret} }`,
    `server: { port: "\${${secret}}" }`,
    `${secret}: 1`,
  ];
  for (const text of places) {
    const error = errorOf(text);
    assert.ok(error !== undefined, text);
    assert.ok(!inspect(error, { depth: 9 }).includes(secret.slice(6)), error.message);
  }
});

test("no report shows the password of a URL", () => {
  for (const password of ["s3cr3t", "s3cr3t/a", "s3cr3t#a", "s3cr3t?a", "a/s3cr3t", "a@s3cr3t"]) {
    for (const end of ["", " ", "/x", ":x", "\\0"]) {
      const url = `https://user:${password}@a.example.com${end}`;
      const text = `hooks: { webhooks: [{ url: "${url}" }] }\nstorage: { path: "${url}", x: 1 }`;
      const error = errorOf(text);
      assert.ok(error !== undefined && !error.message.includes("s3cr3t"), error?.message);
    }
  }
});

test("no report shows the value of a variable", () => {
  const fields = ["name", "events", "url", "method", "timeout", "retry_count", "format", "secret"];
  const value = "v4lue-of-a-variable";
  for (const field of fields) {
    const written = field === "events" ? '["${V} "]' : '"${V}"';
    const text =
      `hooks: { defaults: { ${field}: ${written} }, webhooks: [{ ${field}: ${written} }] }`;
    assert.throws(() => loadConfig(text, { env: { V: `${value} ` } }), (error) => {
      assert.ok(error instanceof ConfigError);
      return !inspect(error, { depth: 9 }).includes(value);
    });
  }
});

test("parseConfig() and WebhookHook accept the same options", () => {
  // Mostly right, so that much is accepted; else what is near to right.
  const mostly = <T>(right: readonly T[], ...wrong: readonly unknown[]) =>
    fc.oneof(
      { weight: 15, arbitrary: fc.constantFrom<unknown>(...right) },
      { weight: 1, arbitrary: fc.constantFrom<unknown>(...wrong) },
    );
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
  const hmac = (length: number) => `whsec_${btoa("x".repeat(length))}`;
  const seed = (length: number) => `whsk_${btoa("x".repeat(length))}`;
  const long = (length: number) => "e".repeat(length);
  const options = fc.record({
    name: mostly(["a", "A.b_c-1", long(64)], "", "a b", "é", long(65), 7),
    events: fc.array(
      mostly(
        ["*", "a.b", "a.*", long(128), `${long(128)}.*`],
        "A",
        "a..b",
        "*.a",
        "",
        long(129),
        `${long(129)}.*`,
      ),
      { minLength: 1, maxLength: 2 },
    ),
    url: fc.oneof(
      { weight: 9, arbitrary: fc.webUrl({ withQueryParameters: true, withFragments: true }) },
      {
        weight: 6,
        arbitrary: mostly(
          ["http://[::1]:80/", "https://a", "https://a/?q#f", "HTTPS://A:1"],
          ...[
            "http://a b/",
            "ftp://a/",
            "http://u@h/",
            "http://256.1.1.1/",
            "http://",
            "a",
            "//a",
          ],
        ),
      },
    ),
    method: maybe(mostly(["POST", "PUT"], "GET", "post")),
    headers: maybe(fc.dictionary(
      mostly(
        ["a", "B-c", "tea", "x-host"],
        "Host",
        "webhook-id",
        "Webhook-X",
        "x y",
        "te",
        "",
      ) as fc.Arbitrary<string>,
      mostly(["", "a b", "é", "a\tb", "\x80"], "€", "a\nb", "a\0"),
      { maxKeys: 2 },
    )),
    secret: maybe(mostly(
      [24, 25, 26, 27, 62, 63, 64].map(hmac).concat([seed(32), seed(64)]),
      ...["", "whsec_", hmac(23), hmac(65), hmac(66), hmac(67), seed(31), seed(33), seed(63)],
      ...[
        hmac(24).slice(0, -1),
        hmac(25).replace("=", ""),
        `whpk_${btoa(long(32))}`,
        "whsec_eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eB==",
      ],
    )),
    retryOn: maybe(fc.array(mostly([300, 404, 599], 299, 600, 404.5), { maxLength: 2 })),
    format: maybe(mostly(["native", "cloudevents", "cloudevents-binary"], "json")),
    concurrency: maybe(mostly([1, 16], 0, 1.5)),
    retryCount: maybe(mostly([0, 100], -1, 101, 1.5)),
    ordering: maybe(mostly(["session"], "none")),
  });
  const accepts = (run: () => unknown, kind: new (...args: never[]) => Error) => {
    try {
      run();
      return "yes";
    } catch (error) {
      assert.ok(error instanceof kind, String(error));
      return "no";
    }
  };
  const counts = { yes: 0, no: 0 };
  fc.assert(
    fc.property(options, (given) => {
      const set = Object.fromEntries(
        Object.entries(given).filter(([, value]) => value !== undefined),
      );
      const { retryOn, retryCount, ...same } = set;
      const written = {
        ...same,
        ...(retryOn !== undefined && { retry_on: retryOn }),
        ...(retryCount !== undefined && { retry_count: retryCount }),
      };
      const here = accepts(
        () => parseConfig({ hooks: { webhooks: [written] } }, { env: {} }),
        ConfigError,
      );
      const there = accepts(() => new WebhookHook(set as never), Error);
      counts[here as "yes" | "no"]++;
      assert.equal(here, there, JSON.stringify(set));
    }),
    { numRuns: 400 },
  );
  assert.ok(counts.yes > 100 && counts.no > 100, JSON.stringify(counts));
});
