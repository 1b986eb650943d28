import { denyNetFlag } from "@omniagent/hooks/webhook";
import assert from "node:assert/strict";
import { test } from "../support/harness.ts";

/** All of this machine, so that no request leaves it if the flag does not work. */
const HOSTS = ["localhost", "127.0.0.2", "::ffff:127.0.0.2", "::1"];

test("denyNetFlag() makes Deno reject connections to the address of a name", async () => {
  const code = `for (const hostname of ${JSON.stringify(HOSTS)})
    await Deno.connect({ hostname, port: 9 }).catch((error) => console.log(error.name));`;
  const program = `data:text/javascript,${encodeURIComponent(code)}`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-config", "--no-prompt", "--allow-net", denyNetFlag(), program],
  }).output();
  const text = new TextDecoder();
  assert.equal(text.decode(stdout), "NotCapable\n".repeat(HOSTS.length), text.decode(stderr));
});
