/**
 * A file that may not be read. The permission is Deno's, because whoever runs the tests may be allowed
 * everything by the system.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../../harness.ts";

test("loadConfigFile() says that a file may not be read", async () => {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "tests/internal/config/read_file.ts"],
    cwd: new URL("../../..", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.match(
    new TextDecoder().decode(stdout),
    /^Cannot use deno\.json as it has a fault\n\ndeno\.json\n {2}the file can't be read: Requires read access/,
  );
});
