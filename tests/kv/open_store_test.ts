import assert from "node:assert/strict";
import { openStore } from "@omniagent/hooks/kv";
import { test } from "../harness.ts";

test("openStore() of ./kv says on Bun and Node where theirs is", async () => {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, "Deno");
  if (descriptor) Object.defineProperty(globalThis, "Deno", { ...descriptor, value: undefined });
  try {
    await assert.rejects(openStore(":memory:"), {
      name: "Error",
      message: "Cannot open the store as this is not Deno: on Bun and Node, openStore comes from " +
        "'@omniagent/hooks/node'",
    });
  } finally {
    if (descriptor) Object.defineProperty(globalThis, "Deno", descriptor);
  }
});
