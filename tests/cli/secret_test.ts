import assert from "node:assert/strict";
import { signWebhook, verifyWebhook } from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";
import { Terminal } from "../support/terminal.ts";

test("hooks secret prints a new secret each time, which signs and verifies", async () => {
  const [one, two] = [new Terminal(), new Terminal()];
  assert.equal(await one.run("secret"), 0);
  assert.equal(await two.run("secret"), 0);
  assert.notEqual(one.stdout, two.stdout);
  const secrets = one.stdout.trim();
  assert.match(secrets, /^whsec_\S{44}$/);
  await verifyWebhook("{}", await signWebhook("{}", { id: "m", secrets }), { secrets });
});

test("hooks secret --ed25519 prints a key pair", async () => {
  const terminal = new Terminal();
  assert.equal(await terminal.run("secret", "--ed25519"), 0);
  const [secretKey, publicKey] = terminal.stdout.trim().split("\n") as [string, string];
  const headers = await signWebhook("{}", { id: "m", secrets: secretKey });
  await verifyWebhook("{}", headers, { secrets: publicKey });
  const json = new Terminal();
  assert.equal(await json.run("secret", "--ed25519", "--json"), 0);
  assert.deepEqual(Object.keys(JSON.parse(json.stdout)), ["secretKey", "publicKey"]);
});
