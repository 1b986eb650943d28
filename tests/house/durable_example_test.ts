/**
 * The durable example and the demo, as they stand: both kill their own child. And the demo over an outbox
 * that forgets, so that its table is seen to fail.
 * @module
 */
import assert from "node:assert/strict";
import { config, root } from "../../tools/run.ts";
import { test } from "../harness.ts";

async function runExample(file: string, args: readonly string[] = [], cwd: string = root) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--unstable-kv", file, ...args],
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { code, out: decode(stdout), err: decode(stderr) };
}

/** The numbers of a row of a table. */
function figures(out: string, name: string): number[] {
  const row = new RegExp(`^ *${name}(?:  .*?)?((?: +\\d+)+)$`, "m").exec(out);
  assert.ok(row, `there is no row '${name}' in:\n${out}`);
  return row[1]!.trim().split(/ +/).map(Number);
}

test("examples/durable.ts loses nothing to SIGKILL, and sends nothing twice that was settled", async () => {
  const { code, out, err } = await runExample("examples/durable.ts");
  assert.deepEqual([code, err], [0, ""], out);
  const figure = (name: string) => figures(out, name)[0]!;
  const accepted = figure("accepted, first process") + figure("accepted, second process");
  const before = figure("delivered before the kill");
  assert.match(out, /^The first process ended by SIGKILL/);
  assert.equal(accepted, 20);
  assert.ok(before > 0, out);
  assert.equal(figure("delivered after it"), accepted - before);
  assert.ok(figure("accepted, first process") > before, out);
  assert.deepEqual([figure("duplicates"), figure("missing")], [0, 0]);
});

test("the demo kills its agent with SIGKILL, and its receiver verifies every accepted event", async () => {
  const { code, out, err } = await runExample("examples/demo.ts");
  assert.deepEqual([code, err], [0, ""], out);
  assert.match(out, /^SIGKILL while the tool runs$/m);
  assert.match(out, /^Nothing is missing \(\d+\.\d s\)$/m);

  const [sent, accepted, delivered, verified, missing] = figures(out, "together");
  assert.equal(missing, 0);
  assert.ok(sent! >= accepted! && accepted! > 20, out);
  assert.equal(verified, accepted);
  assert.ok(delivered! >= verified!, out);
  const [, before, , verifiedBefore] = figures(out, "first process");
  assert.ok(before! > verifiedBefore!, "something waits when it is killed");
  const [, , , verifiedAfter] = figures(out, "second process");
  assert.equal(verifiedBefore! + verifiedAfter!, verified);
  for (const name of ["chat", "alarm", "audit", "meter", "webhook"]) {
    const [wanted, heard, gone] = figures(out, name);
    assert.ok(wanted! > 0, name);
    assert.deepEqual([heard, gone], [wanted, 0], name);
  }
});

test("the demo over an outbox in memory fails, and says how many events are missing", async () => {
  const folder = await Deno.makeTempDir({ prefix: "forgetful_demo_" });
  try {
    await copyExamples(folder, "tests/house/forgetful_outbox.ts");
    const { code, out } = await runExample("examples/demo.ts", ["--limit", "5"], folder);
    assert.equal(code, 1, out);
    assert.match(out, /^SOMETHING IS MISSING OR FAILED/m);
    const [, accepted, , verified, missing] = figures(out, "first process");
    assert.ok(accepted! > verified!, out);
    assert.equal(missing, accepted! - verified!);
    assert.equal(figures(out, "second process").at(-1), 0);
    assert.equal(figures(out, "webhook").at(-1), missing);
    assert.equal(figures(out, "audit").at(-1), 0);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

test("the demo that is called wrongly says how to call it", async () => {
  const { code, out, err } = await runExample("examples/demo.ts", ["--limit", "soon"]);
  assert.deepEqual([code, out], [2, ""]);
  assert.match(err, /^usage: deno task demo \[--limit SECONDS\]$/m);
});

/** The examples in a folder, with another outbox. */
async function copyExamples(folder: string, outbox: string): Promise<void> {
  await Deno.mkdir(`${folder}/examples`);
  for await (const { name, isFile } of Deno.readDir(`${root}/examples`)) {
    if (!isFile) continue;
    await Deno.copyFile(`${root}/examples/${name}`, `${folder}/examples/${name}`);
  }
  const entries = Object.entries(config.exports).map(([name, path]) => [
    name.replace(/^\./, config.name),
    new URL(path, `file://${root}/`).href,
  ]);
  const imports = {
    ...config.imports,
    ...Object.fromEntries(entries),
    [`${config.name}/outbox`]: new URL(outbox, `file://${root}/`).href,
  };
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ imports }));
}
