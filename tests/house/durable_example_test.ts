/**
 * The durable example, as it stands: it kills its own child.
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../harness.ts";

test("examples/durable.ts loses nothing to SIGKILL, and sends nothing twice that was settled", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--unstable-kv", "examples/durable.ts"],
    cwd: new URL("../..", import.meta.url),
    env: { NO_COLOR: "1" },
  }).output();
  const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  const out = decode(stdout);
  assert.deepEqual([code, decode(stderr)], [0, ""], out);

  const figure = (name: string) => Number(new RegExp(`^${name} +(\\d+)$`, "m").exec(out)?.[1]);
  const accepted = figure("accepted, first process") + figure("accepted, second process");
  const before = figure("delivered before the kill");
  assert.match(out, /^The first process ended by SIGKILL/);
  assert.ok(before > 0, out);
  assert.equal(figure("delivered after it"), accepted - before);
  assert.ok(figure("accepted, first process") > before, out);
  assert.deepEqual([figure("duplicates"), figure("missing")], [0, 0]);
});
