import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "../support/fast_check.ts";
import {
  createWebhookSigner,
  createWebhookVerifier,
  generateKeyPair,
  generateSecret,
  type WebhookHeaders,
} from "@omniagent/hooks/webhook";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { test } from "../support/harness.ts";

/** What the two packages have in common. Theirs read the real clock. */
interface Theirs {
  verify(body: string | Buffer, headers: Record<string, string>): unknown;
  sign(id: string, timestamp: Date, body: string | Buffer): string;
}

const packages: readonly [string, (secret: string) => Theirs][] = [
  ["standardwebhooks", (secret) => {
    const webhook = new StandardWebhook(secret);
    return {
      sign: (id, timestamp, body) => webhook.sign(id, timestamp, body),
      verify: (body, headers) => webhook.verify(body, headers, { jsonParse: false }),
    };
  }],
  ["svix", (secret) => new SvixWebhook(secret)],
];

const MEBIBYTE = 2 ** 20;
const bodies: readonly [string, string][] = [
  ["an empty body", ""],
  ["JSON", '{"type":"tool.called","data":{"name":"bash"}}'],
  ["unicode", '{"text":"Zürich 🚀 日本 \\u0000 e\u0301"}'],
  ["line breaks and dots", "a.1.b\r\n.\n"],
  ["1 MiB", "0123456789abcdef".repeat(MEBIBYTE / 16)],
];

async function ourSignatureIsTheirs(theirs: Theirs, secret: string, id: string, body: string) {
  const bytes = Buffer.from(body);
  const headers = await createWebhookSigner(secret).sign(bytes, { id });
  theirs.verify(body, headers);
  theirs.verify(bytes, headers);
}

async function theirSignatureIsOurs(theirs: Theirs, secret: string, id: string, body: string) {
  const timestamp = new Date();
  const headers: WebhookHeaders = {
    "webhook-id": id,
    "webhook-timestamp": `${Math.floor(timestamp.getTime() / 1000)}`,
    "webhook-signature": theirs.sign(id, timestamp, body),
  };
  const verifier = createWebhookVerifier({ secrets: secret });
  for (const sent of [body, new TextEncoder().encode(body)]) {
    assert.equal((await verifier.verify(sent, headers)).id, id);
    await assert.rejects(() => verifier.verify(`${body} `, headers), {
      code: "no_matching_signature",
    });
  }
}

for (const [name, make] of packages) {
  for (const [kind, body] of bodies) {
    test(`${name} and we verify each other's signature of ${kind}`, async () => {
      const secret = generateSecret();
      await ourSignatureIsTheirs(make(secret), secret, "msg_1", body);
      await theirSignatureIsOurs(make(secret), secret, "msg_1", body);
    });
  }

  test(`${name} and we verify each other's signatures of random bodies`, () =>
    fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "binary", maxLength: 500 }),
        fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/),
        fc.uint8Array({ minLength: 24, maxLength: 64 }),
        async (body, id, key) => {
          const secret = `whsec_${Buffer.from(key).toString("base64")}`;
          await ourSignatureIsTheirs(make(secret), secret, id, body);
          await theirSignatureIsOurs(make(secret), secret, id, body);
        },
      ),
    ));

  test(`${name} with either secret verifies a message signed with several secrets`, async () => {
    const [old, fresh] = [generateSecret(), generateSecret()];
    const { secretKey } = await generateKeyPair();
    const headers = await createWebhookSigner([secretKey, old, fresh]).sign("{}", { id: "msg_1" });
    make(old).verify("{}", headers);
    make(fresh).verify("{}", headers);
    assert.throws(() => make(generateSecret()).verify("{}", headers), /No matching signature/);
  });

  test(`${name} rejects ours when one byte of it changes`, async () => {
    const secret = generateSecret();
    const headers = await createWebhookSigner(secret).sign("{}", { id: "msg_1" });
    assert.throws(() => make(secret).verify("{} ", headers), /No matching signature/);
    assert.throws(
      () => make(secret).verify("{}", { ...headers, "webhook-id": "msg_2" }),
      /No matching signature/,
    );
  });
}

test("signatures that the reference library accepts by mistake are rejected", async () => {
  const secret = generateSecret();
  const theirs = new StandardWebhook(secret);
  const timestamp = new Date();
  const headers = {
    "webhook-id": "msg_1",
    "webhook-timestamp": `${Math.floor(timestamp.getTime() / 1000)}junk`,
    "webhook-signature": theirs.sign("msg_1", timestamp, "{}"),
  };
  theirs.verify("{}", headers);
  const verifier = createWebhookVerifier({ secrets: secret });
  await assert.rejects(() => verifier.verify("{}", headers), { code: "invalid_header" });

  new StandardWebhook("whsec_AA==");
  assert.throws(() => createWebhookVerifier({ secrets: "whsec_AA==" }), { code: "invalid_secret" });
});
