import assert from "node:assert/strict";
import { sha256 } from "../../../src/hono/_sha256.ts";
import { test } from "../../harness.ts";

test("sha256() gives what WebCrypto gives, for every length up to five blocks", async () => {
  for (let length = 0; length <= 320; length++) {
    const bytes = crypto.getRandomValues(new Uint8Array(length));
    const expected = new DataView(await crypto.subtle.digest("SHA-256", bytes));
    const words = Array.from({ length: 8 }, (_, index) => expected.getUint32(index * 4));
    assert.deepEqual([...sha256(bytes)], words, `${length} bytes`);
  }
});
