import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { sha256HexOf } from "../../src/internal/sha256.ts";
import { test } from "../support/harness.ts";

test("sha256HexOf() computes what node:crypto does, around the ends of blocks and beyond ASCII", () => {
  const texts = Array.from(
    { length: 200 },
    (_, length) => "aé😀\0".repeat(length).slice(0, length),
  );
  for (const text of ["", "abc", ...texts, "x".repeat(100_000)]) {
    const expected = createHash("sha256").update(text.toWellFormed()).digest("hex");
    assert.equal(sha256HexOf(text), expected, `of ${text.length} characters`);
  }
});
