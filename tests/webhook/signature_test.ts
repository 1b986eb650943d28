import assert from "node:assert/strict";
import { inspect } from "node:util";
import {
  createWebhookSigner,
  createWebhookVerifier,
  generateKeyPair,
  generateSecret,
  signWebhook,
} from "@omniagent/hooks/webhook";
import { mock, test } from "../support/harness.ts";
import { HEADERS, now, OTHER, rejected, verify, withSignature } from "./signature_checks.ts";
import {
  BODY,
  ID,
  SECRET,
  SEED,
  SEED_SIGNATURE,
  SIGNATURE,
  SVIX_PUBLIC_KEY,
  SVIX_SECRET,
  SVIX_SIGNATURE,
  TIMESTAMP,
} from "./signature_vectors.ts";

const vectors: readonly [string, string, string, string][] = [
  ["the reference library's", SECRET, SECRET, SIGNATURE],
  ["the Go library's seed", SEED, SEED, SEED_SIGNATURE],
  ["Svix's pair", SVIX_SECRET, SVIX_SECRET, SVIX_SIGNATURE],
  ["Svix's public key", SVIX_SECRET, SVIX_PUBLIC_KEY, SVIX_SIGNATURE],
];

for (const [name, secret, verifier, signature] of vectors) {
  test(`${name} test vector is signed and verified`, async () => {
    const headers = await signWebhook(BODY, { id: ID, timestamp: TIMESTAMP, secrets: secret });
    assert.deepEqual(headers, { ...HEADERS, "webhook-signature": signature });
    const verified = await verify(headers, { secrets: verifier });
    assert.deepEqual(verified, { id: ID, timestamp: TIMESTAMP });
    await rejected(
      "no_matching_signature",
      () => verify(headers, { secrets: verifier }, BODY + " "),
    );
  });
}

test("during a rotation, both the old and the new secrets verify", async () => {
  const [old, fresh, unknown] = [generateSecret(), generateSecret(), generateSecret()];
  const { secretKey, publicKey } = await generateKeyPair();
  const sent = [old, fresh, secretKey];
  const headers = await signWebhook(BODY, { id: ID, timestamp: TIMESTAMP, secrets: sent });
  assert.match(headers["webhook-signature"], /^v1,\S{44} v1,\S{44} v1a,\S{88}$/);
  for (
    const secrets of [old, fresh, publicKey, secretKey, [unknown, fresh], [publicKey, unknown]]
  ) {
    assert.equal((await verify(headers, { secrets })).id, ID);
  }
  await rejected("no_matching_signature", () => verify(headers, { secrets: unknown }));
  for (const secrets of sent) {
    const single = await signWebhook(BODY, { id: ID, timestamp: TIMESTAMP, secrets });
    await verify(single, { secrets: [unknown, old, fresh, publicKey] });
  }
});

for (
  const [version, signature, secrets] of [
    ["v1", SIGNATURE, SECRET],
    ["v1a", SVIX_SIGNATURE, SVIX_PUBLIC_KEY],
  ] as const
) {
  test(`a ${version} signature is found at any position, among others and other versions`, async () => {
    const others = [OTHER, SEED_SIGNATURE, "v2,Ceo5qEr0=", "v1b,?", ...Array(11).fill(OTHER)];
    for (let place = 0; place <= others.length; place++) {
      await verify(withSignature(others.toSpliced(place, 0, signature).join(" ")), { secrets });
    }
  });
}

test("headers are read from Headers, records in any case, and lists of one", async () => {
  const upper = Object.entries(HEADERS).map(([name, value]) => [name.toUpperCase(), [value]]);
  for (const headers of [new Headers(HEADERS), HEADERS, Object.fromEntries(upper)]) {
    assert.equal((await verify(headers)).id, ID);
  }
});

test("a string is signed as its UTF-8 bytes, and bytes as they are", async () => {
  const text = "Zürich 🚀 \u0000 日本";
  const message = { id: ID, timestamp: TIMESTAMP, secrets: SECRET };
  const headers = await signWebhook(text, message);
  assert.deepEqual(await signWebhook(new TextEncoder().encode(text), message), headers);
  const framed = new TextEncoder().encode(`<${text}>`);
  await verify(headers, {}, framed.subarray(1, -1));
});

test("secrets are imported once for many messages", async () => {
  const { secretKey } = await generateKeyPair();
  const secrets = [generateSecret(), secretKey];
  const signer = createWebhookSigner(secrets);
  const verifier = createWebhookVerifier({ secrets, now });
  const headers = await signer.sign(BODY, { id: ID, timestamp: TIMESTAMP });
  await verifier.verify(BODY, headers);
  const importKey = mock.method(crypto.subtle, "importKey");
  try {
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        await verifier.verify(BODY, await signer.sign(BODY, { id: ID, timestamp: TIMESTAMP }));
      }),
    );
    assert.equal(importKey.mock.callCount(), 0);
  } finally {
    importKey.mock.restore();
  }
});

test("signer and verifier show no secret", () => {
  const secrets = [SECRET, SVIX_SECRET];
  for (const value of [createWebhookSigner(secrets), createWebhookVerifier({ secrets })]) {
    const shown = inspect(value, { depth: 9, showHidden: true }) + JSON.stringify(value);
    for (const secret of secrets) assert.ok(!shown.includes(secret.slice(8, 24)));
  }
});

test("generated secrets have 32 bytes and differ", async () => {
  assert.match(generateSecret(), /^whsec_[A-Za-z0-9+/]{43}=$/);
  assert.notEqual(generateSecret(), generateSecret());
  const pairs = [await generateKeyPair(), await generateKeyPair()];
  assert.notEqual(pairs[0]?.secretKey, pairs[1]?.secretKey);
  assert.match(pairs[0]?.publicKey ?? "", /^whpk_[A-Za-z0-9+/]{43}=$/);
});

test("signatures may be separated by several spaces, and headers of a record are trimmed", async () => {
  const spellings = [
    `${SIGNATURE} `,
    ` ${SIGNATURE}`,
    `v0,abc  ${SIGNATURE}`,
    `${OTHER}\t ${SIGNATURE}\t`,
  ];
  for (const text of spellings) {
    assert.equal((await verify(withSignature(text))).id, ID, text);
    assert.equal((await verify(new Headers(withSignature(text)))).id, ID, text);
  }
  const padded = Object.entries(HEADERS).map(([name, value]) => [name, `\t${value} `]);
  assert.equal((await verify(Object.fromEntries(padded))).id, ID);
});
