/**
 * The durable example and the demo, unchanged: both kill their own child. And the demo with
 * configurations that lose events, so that its table is seen to fail.
 * @module
 */
import assert from "node:assert/strict";
import { config, root } from "../../tools/run.ts";
import { inFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";

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

test("the demo kills its server with SIGKILL, and its receivers verify every accepted event", async () => {
  const { code, out, err } = await runExample("examples/demo.ts");
  assert.deepEqual([code, err], [0, ""], out);
  assert.match(out, /^SIGKILL in the middle of a request$/m);
  assert.match(out, /^Nothing is missing \(\d+\.\d s\)$/m);

  const [, stored, all, arrived, waiting] =
    /(\d+) events are stored, with (\d+) deliveries: (\d+) delivered, (\d+) pending/.exec(out)!
      .map(Number);
  assert.ok(waiting! >= 4, "deliveries to slack-notify wait when the server is killed");
  assert.equal(arrived! + waiting!, all);
  assert.match(out, /The agent got no response/);
  assert.match(
    out,
    new RegExp(`sent again after the kill: ${stored} events, .* ${stored} were known`),
  );
  for (const [name, events] of [["audit", 26], ["slack-notify", 4], ["billing", 4]] as const) {
    const [sent, accepted, delivered, retried, verified, missing] = figures(out, name);
    assert.deepEqual([sent, accepted, delivered, verified], Array(4).fill(events), name);
    assert.equal(missing, 0, name);
    assert.ok(name !== "slack-notify" || retried === events, out);
  }
});

test("the demo with a store in memory fails, and says how many events are missing", async () => {
  const { code, out } = await runDemoWith("path: ./data/hooks.db", 'path: ":memory:"');
  assert.equal(code, 1, out);
  assert.match(out, /^SOMETHING IS MISSING OR FAILED/m);
  const [stored, waiting] = /(\d+) events are stored, .* (\d+) pending/.exec(out)!.slice(1).map(
    Number,
  );
  const missing = ["audit", "slack-notify", "billing"].map((name) => figures(out, name).at(-1)!);
  assert.equal(missing[1], 4, "none of slack-notify's had arrived");
  assert.equal(missing[0]! + missing[1]! + missing[2]!, waiting, out);
  assert.match(out, new RegExp(`sent again after the kill: ${stored} events, .* 0 were known`));
});

test("the demo fails only for a webhook that signs with another secret", async () => {
  const secret = `whsec_${btoa("a secret that nothing else has")}`;
  const { code, out, err } = await runDemoWith(
    "secret: ${SLACK_SIGNING_SECRET}",
    `secret: ${secret}`,
  );
  assert.equal(code, 1, out + err);
  assert.match(out, /^SOMETHING IS MISSING OR FAILED/m, out + err);
  assert.deepEqual(figures(out, "slack-notify"), [4, 4, 0, 4, 0, 4]);
  assert.equal(figures(out, "audit").at(-1), 0);
  assert.equal(figures(out, "billing").at(-1), 0);
});

test("the demo prints its usage when it is called with wrong arguments", async () => {
  const { code, out, err } = await runExample("examples/demo.ts", ["--limit", "soon"]);
  assert.deepEqual([code, out], [2, ""]);
  assert.match(err, /^usage: deno task demo \[--limit SECONDS\]$/m);
});

/** The demo, with a change in its configuration. */
async function runDemoWith(text: string, other: string): ReturnType<typeof runExample> {
  return await inFolder(async (folder) => {
    await copyExamples(folder);
    const file = `${folder}/examples/hooks.yaml`;
    const yaml = await Deno.readTextFile(file);
    assert.ok(yaml.includes(text), `examples/hooks.yaml has no '${text}'`);
    await Deno.writeTextFile(file, yaml.replace(text, other));
    return await runExample("examples/demo.ts", [], folder);
  });
}

/** The examples in a folder. */
async function copyExamples(folder: string): Promise<void> {
  await Deno.mkdir(`${folder}/examples`);
  for await (const { name, isFile } of Deno.readDir(`${root}/examples`)) {
    if (!isFile) continue;
    await Deno.copyFile(`${root}/examples/${name}`, `${folder}/examples/${name}`);
  }
  const entries = Object.entries(config.exports).map(([name, path]) => [
    name.replace(/^\./, config.name),
    new URL(path, `file://${root}/`).href,
  ]);
  const imports = { ...config.imports, ...Object.fromEntries(entries) };
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ imports }));
}
