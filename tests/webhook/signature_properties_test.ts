import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  createWebhookSigner,
  createWebhookVerifier,
  generateKeyPair,
  generateSecret,
  verifyWebhook,
  type WebhookHeaders,
  type WebhookHeaderSource,
  WebhookVerificationError,
} from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";

const { secretKey, publicKey } = await generateKeyPair();
const hmac = generateSecret();

const names: readonly (keyof WebhookHeaders)[] = [
  "webhook-id",
  "webhook-timestamp",
  "webhook-signature",
];
const ids = fc.stringMatching(/^[A-Za-z0-9_:/-]{1,64}$/);
const times = fc.date({ min: new Date(0), max: new Date("9000-01-01"), noInvalidDate: true });
const bodies = fc.oneof(
  fc.uint8Array({ maxLength: 256 }),
  fc.string({ unit: "binary", maxLength: 64 }),
);

for (const [version, signing, verifying] of [["v1", hmac, hmac], ["v1a", secretKey, publicKey]]) {
  const signer = createWebhookSigner(signing!);
  const verify = (body: Uint8Array | string, headers: WebhookHeaderSource, timestamp: Date) =>
    verifyWebhook(body, headers, { secrets: verifying!, now: () => timestamp.getTime() });

  test(`${version}: a signed message verifies, to the second`, () =>
    fc.assert(
      fc.asyncProperty(bodies, ids, times, async (body, id, timestamp) => {
        const verified = await verify(body, await signer.sign(body, { id, timestamp }), timestamp);
        assert.equal(verified.id, id);
        assert.equal(verified.timestamp.getTime(), Math.floor(timestamp.getTime() / 1000) * 1000);
      }),
    ));

  test(`${version}: one flipped bit of id, time, signature or body is rejected`, () =>
    fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        ids,
        times,
        fc.constantFrom("body" as const, ...names),
        fc.nat(),
        async (body, id, timestamp, part, bit) => {
          const headers = await signer.sign(body, { id, timestamp });
          const altered = part === "body"
            ? verify(flip(body, bit), headers, timestamp)
            : verify(body, { ...headers, [part]: flipText(headers[part], bit) }, timestamp);
          await assert.rejects(altered, WebhookVerificationError);
        },
      ),
      { numRuns: 500 },
    ));
}

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = bytes.slice();
  const at = bit % (bytes.length * 8);
  flipped[at >> 3]! ^= 1 << (at & 7);
  return flipped;
}

/** Headers carry bytes as Latin-1. */
function flipText(text: string, bit: number): string {
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  return String.fromCharCode(...flip(bytes, bit));
}

const signatures = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.stringMatching(/^v1a?,[A-Za-z0-9+/=]{0,90}$/),
  fc.array(fc.stringMatching(/^v[0-9]a?,[A-Za-z0-9+/]{43}=$/), { maxLength: 20 }).map((entries) =>
    entries.join(" ")
  ),
);
const values = (of: fc.Arbitrary<string>) => fc.oneof(of, fc.array(of, { maxLength: 2 }));
const records = fc.oneof(
  fc.dictionary(fc.string(), values(fc.string())),
  fc.record({
    "webhook-id": values(fc.oneof(ids, fc.string({ unit: "binary" }))),
    "webhook-timestamp": values(fc.oneof(fc.nat().map(String), fc.string())),
    "webhook-signature": values(signatures),
  }, { requiredKeys: [] }),
);

test("verifying anything invalid fails with WebhookVerificationError only", () => {
  const now = () => 1_000_000_000;
  const verifier = createWebhookVerifier({
    secrets: [hmac, publicKey],
    tolerance: 86_400_000,
    now,
  });
  return fc.assert(
    fc.asyncProperty(bodies, records, async (body, headers) => {
      await assert.rejects(() => verifier.verify(body, headers), WebhookVerificationError);
    }),
    { numRuns: 1000 },
  );
});

test("creating a verifier with any invalid secret fails with WebhookVerificationError only", () =>
  fc.assert(
    fc.property(fc.constantFrom("whsec_", "whsk_", "whpk_", ""), fc.string(), (prefix, text) => {
      try {
        createWebhookVerifier({ secrets: prefix + text });
      } catch (error) {
        assert.ok(error instanceof WebhookVerificationError);
        assert.ok(text.length < 10 || !error.message.includes(text)); // shorter: may be a part of a word
      }
    }),
  ));
