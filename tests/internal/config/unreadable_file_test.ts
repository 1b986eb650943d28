/**
 * A file without read permission. It is Deno's permission, because the tests may run as root.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../../support/harness.ts";

test("loadConfigFile() reports a missing read permission", async () => {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "tests/internal/config/read_file.ts"],
    cwd: new URL("../../..", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.match(
    new TextDecoder().decode(stdout),
    /^Cannot use deno\.json: 1 error\n\ndeno\.json\n {2}the file can't be read: Requires read access/,
  );
});
