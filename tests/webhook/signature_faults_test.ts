import assert from "node:assert/strict";
import {
  createWebhookSigner,
  signWebhook,
  type WebhookHeaderSource,
  type WebhookVerificationCode,
} from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { HEADERS, now, OTHER, rejected, verify, withSignature } from "./signature_checks.ts";
import {
  BODY,
  ID,
  SECONDS,
  SECRET,
  SIGNATURE,
  SVIX_PUBLIC_KEY,
  SVIX_SIGNATURE,
} from "./signature_vectors.ts";

type Named<Value> = readonly (readonly [name: string, value: Value])[];

const ids = ["", "a b", "msg\n1", "msg_ä", "a.1614265330", "x".repeat(257)];
const times = ["", "123junk", "-1", "+1", "1.5", "1e3", "1 2", "0x10", "01", "١", "9".repeat(16)];
const signatures = [
  "",
  " ",
  "v1",
  "v1,",
  ",abc",
  SIGNATURE.slice(3),
  SIGNATURE.slice(0, 8),
  SIGNATURE.slice(0, -1),
  SIGNATURE.replace(/E=$/, "F="), // another text for the same bytes
  SIGNATURE.replace("v1,", "v1a,"),
  SVIX_SIGNATURE.replace("v1a,", "v1,"),
  `${SIGNATURE}\n`,
  `${SIGNATURE} v1,!`,
  Array(17).fill(SIGNATURE).join(" "),
  `${SIGNATURE} v9,${"A".repeat(8192)}`,
];

const headerFaults: Partial<Record<WebhookVerificationCode, Named<WebhookHeaderSource>>> = {
  missing_header: [
    ["no header at all", {}],
    ["no id", { ...HEADERS, "webhook-id": undefined }],
    ["no timestamp", { ...HEADERS, "webhook-timestamp": undefined }],
    ["no signature", { ...HEADERS, "webhook-signature": undefined }],
    ["an empty list of ids", { ...HEADERS, "webhook-id": [] }],
    ["Headers without any", new Headers()],
  ],
  duplicate_header: [
    ["an id twice", twice("webhook-id", ID)],
    ["a timestamp twice", twice("webhook-timestamp", `${SECONDS}`)],
    ["a signature twice", twice("webhook-signature", SIGNATURE)],
    ["signatures joined without a space", withSignature(`${SIGNATURE},${OTHER}`)],
    ["a list of ids", { ...HEADERS, "webhook-id": [ID, ID] }],
    ["an id in two spellings", { ...HEADERS, "Webhook-Id": ID }],
  ],
  invalid_header: [
    ...ids.map((id) =>
      [`id ${JSON.stringify(id.slice(0, 20))}`, { ...HEADERS, "webhook-id": id }] as const
    ),
    ...times.map((time) => [`time '${time}'`, { ...HEADERS, "webhook-timestamp": time }] as const),
  ],
  invalid_signature: signatures.map((text, i) => [`list ${i} of signatures`, withSignature(text)]),
  unsupported_version: [
    ["version v0", withSignature(SIGNATURE.replace("v1", "v0"))],
    ["version V1", withSignature(SIGNATURE.replace("v1", "V1"))],
    ["versions v2 and v1b", withSignature("v2,abc v1b,???")],
  ],
  no_matching_signature: [
    ["another signature", withSignature(OTHER)],
    ["a signature of which the last byte differs", withSignature(SIGNATURE.replace(/E=$/, "A="))],
    ["a signature of which the first byte differs", withSignature(SIGNATURE.replace("g", "h"))],
    ["another id", { ...HEADERS, "webhook-id": `${ID}x` }],
    ["another time", { ...HEADERS, "webhook-timestamp": `${SECONDS + 1}` }],
    ["a version without a key", withSignature(SVIX_SIGNATURE)],
  ],
};

function twice(name: string, value: string): Headers {
  const headers = new Headers(HEADERS);
  headers.append(name, value);
  return headers;
}

for (const [code, named] of Object.entries(headerFaults)) {
  for (const [name, headers] of named) {
    test(`verifyWebhook() rejects ${name} as ${code}`, () =>
      rejected(code as WebhookVerificationCode, () => verify(headers), SIGNATURE.slice(3), ID));
  }
}

const base64 = (length: number) => btoa("k".repeat(length));
const secretFaults: readonly (readonly [string, WebhookVerificationCode, unknown])[] = [
  ["no secret", "invalid_secret", undefined],
  ["an empty list", "invalid_secret", []],
  ["a list with a hole", "invalid_secret", [SECRET, , SECRET]],
  ["a list with no text", "invalid_secret", [SECRET, null]],
  ["17 secrets", "invalid_secret", Array(17).fill(SECRET)],
  ["an empty secret", "invalid_secret", ""],
  ["an empty secret among others", "invalid_secret", [SECRET, ""]],
  ["a secret without prefix", "invalid_secret", SECRET.slice(6)],
  ["another prefix", "invalid_secret", `whsec-${base64(32)}`],
  ["a bare prefix", "invalid_secret", "whsec_"],
  ["23 bytes", "invalid_secret", `whsec_${base64(23)}`],
  ["65 bytes", "invalid_secret", `whsec_${base64(65)}`],
  ["an Ed25519 key of 31 bytes", "invalid_secret", `whsk_${base64(31)}`],
  ["an Ed25519 key of 63 bytes", "invalid_secret", `whsk_${base64(63)}`],
  ["an Ed25519 pair of two halves", "invalid_secret", `whsk_${base64(64)}`],
  ["a public key of 64 bytes", "invalid_secret", `whpk_${base64(64)}`],
  ["no base64", "invalid_secret_encoding", `whsec_${base64(31)}!!!!`],
  ["base64 without padding", "invalid_secret_encoding", `whsec_${base64(32).replace("=", "")}`],
  ["base64 for URLs", "invalid_secret_encoding", `whsec_${"_-_-".repeat(8)}`],
  ["base64 with a line break", "invalid_secret_encoding", `whsec_${base64(24)}\n`],
  ["base64 with left-over bits", "invalid_secret_encoding", `whsec_${"A".repeat(42)}B=`],
];

for (const [name, code, value] of secretFaults) {
  const secrets = value as string;
  const hidden = [value].flat().filter((text) => typeof text === "string" && text.length > 6);
  test(`secrets: ${name} is rejected as ${code}, to verify and to sign`, async () => {
    await rejected(code, () => verify(HEADERS, { secrets }), ...hidden as string[]);
    await rejected(code, () => signWebhook(BODY, { id: ID, secrets }), ...hidden as string[]);
  });
}

test("signWebhook() rejects a public key", () =>
  rejected(
    "invalid_secret",
    () => signWebhook(BODY, { id: ID, secrets: [SECRET, SVIX_PUBLIC_KEY] }),
  ));

const ages: readonly [number, number | undefined, WebhookVerificationCode | undefined][] = [
  [301_000, undefined, "timestamp_too_old"],
  [300_999, undefined, undefined], // the header has whole seconds
  [0, undefined, undefined],
  [-300_000, undefined, undefined],
  [-300_001, undefined, "timestamp_too_new"],
  [1_000, 0, "timestamp_too_old"],
  [999, 0, undefined],
  [-1, 0, "timestamp_too_new"],
  [86_400_000, 86_400_000, undefined],
  [Number.NaN, undefined, "timestamp_too_old"],
];

for (const [age, tolerance, code] of ages) {
  test(`a webhook of ${age} ms with tolerance ${tolerance} is ${code ?? "accepted"}`, async () => {
    const options = { tolerance, now: () => now() + age };
    if (code === undefined) assert.equal((await verify(HEADERS, options)).id, ID);
    else await rejected(code, () => verify(HEADERS, options));
  });
}

for (const tolerance of [-1, 86_400_001, Infinity, NaN]) {
  test(`verifyWebhook() rejects a tolerance of ${tolerance}`, () =>
    assert.rejects(() => verify(HEADERS, { tolerance }), RangeError));
}

test("a timestamp in milliseconds is too new", () =>
  rejected("timestamp_too_new", () => verify({ ...HEADERS, "webhook-timestamp": `${now()}` })));

test("signing rejects what a receiver would reject", async () => {
  const signer = createWebhookSigner(SECRET);
  for (
    const id of ["", "a.b", "a,b", "a b", "ä", "x".repeat(257), undefined as unknown as string]
  ) {
    await assert.rejects(() => signer.sign(BODY, { id }), TypeError, id);
  }
  for (const timestamp of [new Date(NaN), new Date(-1), 1614265330 as unknown as Date]) {
    await assert.rejects(() => signer.sign(BODY, { id: ID, timestamp }), TypeError);
  }
});

test("a parsed body is rejected", async () => {
  for (const body of [{ test: 1 }, null, new ArrayBuffer(1)]) {
    await assert.rejects(() => verify(HEADERS, {}, body as unknown as string), {
      name: "TypeError",
      message: /must be a Uint8Array or a string, as it is sent, got (an object|null)$/,
    });
  }
});
