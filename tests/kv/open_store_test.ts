import assert from "node:assert/strict";
import { openStore } from "@omniagent/hooks/kv";
import { test } from "../support/harness.ts";

test("openStore() of ./kv refers Bun and Node to ./node", async () => {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, "Deno");
  if (descriptor) Object.defineProperty(globalThis, "Deno", { ...descriptor, value: undefined });
  try {
    await assert.rejects(openStore(":memory:"), {
      name: "Error",
      message: "Cannot open the store: this is not Deno. On Bun and Node, import openStore from " +
        "'@omniagent/hooks/node'",
    });
  } finally {
    if (descriptor) Object.defineProperty(globalThis, "Deno", descriptor);
  }
});
