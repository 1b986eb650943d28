import assert from "node:assert/strict";
import { toJsonPointer } from "../../src/internal/issues.ts";
import { test } from "../support/harness.ts";

test("toJsonPointer() escapes ~ and / of any key", () => {
  assert.equal(toJsonPointer([]), "");
  assert.equal(toJsonPointer(["data", "a/b", "m~n", 3, ""]), "/data/a~1b/m~0n/3/");
  assert.equal(
    toJsonPointer(["data", "with space", "é", "app.io/name"]),
    "/data/with space/é/app.io~1name",
  );
});

test("toJsonPointer() ends before a key that looks like a secret, or that makes it too long", () => {
  assert.equal(toJsonPointer(["data", "my whsec_c2VjcmV0", "x"]), "/data");
  assert.equal(toJsonPointer(["data", "a".repeat(1_000), "x"]), "/data");
  assert.equal(toJsonPointer(["data", "a".repeat(900)]).length, 906);
});
