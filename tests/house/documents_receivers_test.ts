/**
 * The receivers in other languages of docs/webhooks.md, unchanged, with `WebhookHook` as the sender.
 * @module
 */
import assert from "node:assert/strict";
import { createHooks, DispatchError, WebhookHook } from "@omniagent/hooks";
import { generateSecret } from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { silentLogger } from "../support/silent_logger.ts";
import {
  type Command,
  noGo,
  noPython,
  withGoProgram,
  withPythonProgram,
  withServer,
} from "./peers.ts";

const PAGE = "docs/webhooks.md";

test(
  "the receiver in Python verifies what WebhookHook sends, and rejects another secret",
  async () => {
    await withPythonProgram(PAGE, tryOut);
  },
  { skip: noPython },
);

test("the receiver in Go verifies what WebhookHook sends, and rejects another secret", async () => {
  await withGoProgram(PAGE, tryOut);
}, { skip: noGo });

/** Starts a receiver and sends to it: with its secret, then with another. */
async function tryOut(command: Command): Promise<void> {
  const secret = generateSecret();
  const output = await withServer(command, { WEBHOOK_SECRET: secret }, async (url) => {
    await send(url, secret);
    await assert.rejects(
      send(url, generateSecret()),
      (error) => error instanceof DispatchError && /the response was 401/.test(error.message),
    );
  });
  assert.match(output, /tool\.called s-1 [0-9a-f]{8}-[0-9a-f]{4}-7/);
}

async function send(url: string, secret: string): Promise<void> {
  const hooks = createHooks({ logger: silentLogger });
  // Beyond ASCII, and two signatures: what libraries get wrong.
  const secrets = [generateSecret(), secret];
  hooks.use(new WebhookHook({ name: "receiver", events: ["*"], url, secrets }));
  try {
    await hooks.emit("tool.called", { name: "grüße 🎉" }, { sessionId: "s-1" });
  } finally {
    await hooks.close();
  }
}
