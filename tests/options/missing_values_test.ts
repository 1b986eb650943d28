/**
 * An option that was given but is undefined where leaving it out protects less, and secrets with something
 * around them: both happen to variables.
 */
import assert from "node:assert/strict";
import { createHooks, WebhookHook } from "@omniagent/hooks";
import { hooksFromConfig, parseConfig } from "@omniagent/hooks/config";
import { loadConfig } from "@omniagent/hooks/config/yaml";
import { createHooksApp } from "@omniagent/hooks/hono";
import {
  generateSecret,
  signWebhook,
  verifyWebhook,
  webhookReceiver,
} from "@omniagent/hooks/webhook";
import { Terminal } from "../support/terminal.ts";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";

const WEBHOOK = { name: "w", events: ["*"], url: "https://w.example/" };
const TOKEN = "hidden-0123456789abcdef";
const SECRET = generateSecret();

function webhook(options: object): unknown {
  return new WebhookHook({ ...WEBHOOK, ...options });
}

function app(options: object): unknown {
  return createHooksApp(
    createHooks({ logger: silentLogger }),
    { logger: silentLogger, ...options } as never,
  );
}

function messageOf(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    assert.ok(error instanceof Error);
    return error.message;
  }
  return "";
}

const undefinedOptions: readonly (readonly [string, () => unknown])[] = [
  ...["secret", "secrets", "guard", "headers", "filter", "transform"].map((name) =>
    [name, () => webhook({ [name]: undefined })] as const
  ),
  ["redact", () => createHooks({ redact: undefined } as never)],
  ["tokens", () => app({ auth: false, tokens: undefined })],
  ["verifyToken", () => app({ auth: false, verifyToken: undefined })],
  ["auth", () => app({ tokens: [{ name: "a", token: TOKEN, scopes: ["read"] }], auth: undefined })],
  [
    "expiresAt",
    () => app({ tokens: [{ name: "a", token: TOKEN, scopes: ["read"], expiresAt: undefined }] }),
  ],
  ["guard", () => hooksFromConfig(parseConfig({}, { env: {} }), { guard: undefined } as never)],
  [
    "transform",
    () => hooksFromConfig(parseConfig({}, { env: {} }), { transform: undefined } as never),
  ],
];
for (const [index, [name, make]] of undefinedOptions.entries()) {
  test(`an undefined '${name}' is an error that says what to do, case ${index + 1}`, () => {
    const { message } = assertThrown(make);
    assert.match(
      message,
      new RegExp(`^Cannot .+: '${name}' is undefined\\. Leave it out .+, or check`),
    );
  });
}

function assertThrown(make: () => unknown): Error {
  let thrown: unknown;
  try {
    make();
  } catch (error) {
    thrown = error;
  }
  assert.ok(thrown instanceof TypeError, String(thrown));
  return thrown;
}

test("a webhook with an undefined secret says that it would be unsigned", () => {
  assert.equal(
    assertThrown(() => webhook({ secret: undefined })).message,
    "Cannot create webhook 'w': 'secret' is undefined. Leave it out to send unsigned requests, " +
      "or check that its value is set",
  );
});

test("a list of secrets without a secret is rejected", () => {
  for (const secrets of [[], [undefined], [SECRET, undefined], "", undefined, null]) {
    assert.notEqual(messageOf(() => webhook({ secrets })), "", `${secrets}`);
    assert.notEqual(
      messageOf(() => webhookReceiver(() => {}, { secrets } as never)),
      "",
      `${secrets}`,
    );
  }
});

test("a header of a variable that is not set is rejected, alone or behind a scheme", () => {
  const unset: string | undefined = undefined;
  for (const authorization of [unset, `${unset}`, `Bearer ${unset}`, `Bearer ${null}`]) {
    const message = messageOf(() => webhook({ headers: { authorization } }));
    assert.match(message, /the value of header "authorization" is or ends with 'undefined'/);
  }
  assert.equal(messageOf(() => webhook({ headers: { "x-flag": "null" } })), "");
});

/** What happens to a secret on its way through a file or a shell. */
const PADDED: readonly (readonly [(text: string) => string, RegExp])[] = [
  [(text) => `${text}\n`, /ends with a newline: trim it/],
  [(text) => `${text}\r\n`, /ends with a newline: trim it/],
  [(text) => `${text} `, /ends with a space: trim it/],
  [(text) => `\n${text}`, /starts with a newline: trim it/],
  [(text) => `\t${text}`, /starts with a space: trim it/],
  [(text) => `\uFEFF${text}`, /starts with a byte order mark/],
  [(text) => `"${text}"`, /has quotes around it/],
  [(text) => `'${text}'`, /has quotes around it/],
];

for (const [pad, reason] of PADDED) {
  const shown = JSON.stringify(pad("…"));

  test(`a secret or a token like ${shown} is rejected with the reason, and is not shown`, async () => {
    const [secret, token] = [pad(SECRET), pad(TOKEN)];
    const env = { SECRET: secret, TOKEN: token };
    const yaml = (text: string) => () => loadConfig(text, { env });
    const tokens = [{ name: "a", token, scopes: ["read"] }];
    const messages = [
      messageOf(() => webhook({ secret })),
      messageOf(() => webhook({ secrets: [SECRET, secret] })),
      messageOf(() => webhookReceiver(() => {}, { secrets: secret })),
      messageOf(() => app({ tokens })),
      messageOf(() => parseConfig({ server: { tokens } }, { env: {} })),
      messageOf(() => parseConfig({ hooks: { webhooks: [{ ...WEBHOOK, secret }] } }, { env: {} })),
      messageOf(yaml("server: { tokens: [{ name: a, token: '${TOKEN}', scopes: [read] }] }")),
      messageOf(yaml("hooks: { defaults: { secret: '${SECRET}' } }")),
      await signWebhook("{}", { id: "m", secrets: secret }).catch(({ message }) => message),
      await verifyWebhook("{}", {}, { secrets: secret }).catch(({ message }) => message),
    ];
    for (const message of messages) {
      assert.match(message, reason);
      assert.ok(!message.includes(SECRET.slice(6)) && !message.includes(TOKEN), message);
    }
    const served = new Terminal({ environment: { HOOKS_TOKEN: token } });
    assert.equal(await served.run("serve", "--store", ":memory:"), 2);
    const asked = new Terminal();
    assert.equal(await asked.run("targets", "--token", token), 2);
    const listening = new Terminal();
    assert.equal(await listening.run("listen", "--port", "0", "--secret", secret), 2);
    for (const { stderr } of [served, asked, listening]) {
      assert.match(stderr, reason);
      assert.ok(!stderr.includes(SECRET.slice(6)) && !stderr.includes(TOKEN), stderr);
    }
  });

  test(`a URL like ${shown} that can't be used is rejected with the reason`, async () => {
    const url = pad("https://w.example/hidden");
    const terminal = new Terminal({ environment: { HOOKS_URL: url } });
    assert.equal(await terminal.run("targets"), 2);
    assert.match(terminal.stderr, reason);
    const message = messageOf(() =>
      parseConfig({ hooks: { webhooks: [{ ...WEBHOOK, url }] } }, { env: {} })
    );
    assert.match(message, reason);
  });
}

test("hooks listen rejects an empty HOOKS_SECRET", async () => {
  for (const HOOKS_SECRET of ["", " ", "\n"]) {
    const terminal = new Terminal({ environment: { HOOKS_SECRET } });
    assert.equal(await terminal.run("listen", "--port", "0"), 2);
    assert.match(
      terminal.stderr,
      /HOOKS_SECRET is empty[\s\S]*unset it to accept unverified requests/,
    );
  }
});
