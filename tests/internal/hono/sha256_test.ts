import assert from "node:assert/strict";
import { sha256 } from "../../../src/hono/_sha256.ts";
import { test } from "../../harness.ts";

test("sha256() gives what WebCrypto gives, for every length up to five blocks, and some beyond", async () => {
  for (const length of [...Array(321).keys(), 1015, 1016, 4096]) {
    const bytes = crypto.getRandomValues(new Uint8Array(length)).map((byte) => byte & 0x7f);
    const expected = new DataView(await crypto.subtle.digest("SHA-256", bytes));
    const words = Array.from({ length: 8 }, (_, index) => expected.getUint32(index * 4));
    assert.deepEqual([...sha256(String.fromCharCode(...bytes))], words, `${length} bytes`);
  }
});
