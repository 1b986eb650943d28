/**
 * The shell commands of the documents: every task, subcommand and flag is there, and README's session
 * with the command runs in its order.
 * @module
 */
import assert from "node:assert/strict";
import { type CommandIO, run } from "@omniagent/hooks/cli";
import { config, root } from "../../tools/run.ts";
import { test } from "../harness.ts";
import { blocksOf, codeOf, readDocuments } from "./documents.ts";

const documents = await readDocuments();
const shell = documents.flatMap(blocksOf).filter(({ language }) => language === "sh");
const readme = documents.find(({ path }) => path === "README.md")!;

/** Commands that no test runs as they stand, and why. */
const NOT_RUN: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [
    /^(deno add|bunx jsr add|npx jsr add) /,
    "JSR has it after a release: test:consumer installs the archive",
  ],
  [/^npx -y deno@2 task start$/, "its server and its curl line are tried in tests/cli"],
  [/^npx -y deno@2 task (test|demo)$/, ".ci/run runs it"],
  [
    /^(deno task |npx -y deno@2 task |\(cd tests\/runtime)/,
    "the task is there; CI runs what it needs",
  ],
  [/^hooks listen --(fail|status)/, "tried in tests/cli/listen_test.ts"],
];

test("every task that a document names is there", () => {
  const texts = [...shell.map(({ code }) => code), ...documents.flatMap(codeOf)];
  const named = texts.flatMap((text) => [...text.matchAll(/deno(?:@2)? task ([a-z:]+)/g)]);
  assert.ok(named.length > 10);
  const unknown = named.map(([, name]) => name!).filter((name) => !(name in config.tasks));
  assert.deepEqual(unknown, []);
});

test("every subcommand and flag of hooks that a document names is there", async () => {
  const lines = shell.flatMap(({ code }) => code.split("\n"));
  const calls = [...lines.map((line) => line.replace(/ +#.*/, "")), ...documents.flatMap(codeOf)]
    .flatMap((text) => [...text.matchAll(/\bhooks ([a-z]+)([^&|)]*)/g)]);
  assert.ok(calls.length > 20);
  const help = new Map<string, string>();
  for (const [text, command, rest] of calls) {
    if (!help.has(command!)) help.set(command!, await helpOf(command!));
    assert.match(help.get(command!)!, new RegExp(`^Usage: hooks ${command} `), text);
    for (const [flag] of rest!.matchAll(/--[a-z-]+/g)) {
      assert.ok(help.get(command!)!.includes(flag), `${text}: no ${flag}`);
    }
  }
});

test("every command of README is run by a test, or has a reason", () => {
  const session = sessionOf();
  for (const { code } of blocksOf(readme).filter(({ language }) => language === "sh")) {
    if (code === session) continue;
    for (const line of code.trim().split("\n")) {
      const command = line.replace(/ +#.*/, "");
      const reason = NOT_RUN.find(([pattern]) => pattern.test(command))?.[1];
      assert.ok(reason, `neither run nor with a reason: ${command}`);
      console.log(`not run here: ${command} (${reason})`);
    }
  }
});

test("README's session with the command runs in its order", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hooks_readme_" });
  try {
    const yaml = blocksOf(readme).find(({ language }) => language === "yaml")!;
    await Deno.writeTextFile(`${folder}/hooks.yaml`, yaml.code);
    await Deno.writeTextFile(`${folder}/session.sh`, scriptOf(sessionOf(), folder));
    const { code, stdout, stderr } = await new Deno.Command("bash", {
      args: ["session.sh"],
      cwd: folder,
      env: { NO_COLOR: "1", DENO: Deno.execPath() },
    }).output();
    const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    const out = text(stdout);
    assert.equal(code, 0, `${out}\n${text(stderr)}`);
    assert.match(out, /^ok hooks\.yaml: 1 webhook$/m);
    assert.match(out, /^accepted [0-9a-f-]{36}, 1 delivery$/m);
    assert.match(out, /^delivered +audit +[0-9a-f-]{36} +1 attempt +200 delivered$/m);
    assert.match(out, /^0 replayed$/m);
    assert.match(await Deno.readTextFile(`${folder}/listen.txt`), /200 verified .* tool\.called/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function sessionOf(): string {
  const found = blocksOf(readme).find(({ code }) => code.startsWith("alias hooks="));
  assert.ok(found);
  return found.code;
}

/**
 * README's lines, with what a test needs: the sources instead of JSR, ports that are free, and a wait for
 * what is printed, and for what is delivered, instead of seconds.
 */
function scriptOf(session: string, folder: string): string {
  const command = `$DENO run -A --unstable-kv --config ${root}/deno.json ${root}/src/cli/mod.ts`;
  const changes: readonly (readonly [string, string])[] = [
    ["deno run -A --unstable-kv jsr:@omniagent/hooks/cli", command],
    ["hooks listen &", "hooks listen --port 0 >listen.txt 2>&1 &\nuntil_said listen.txt listening"],
    [
      "hooks serve &",
      [
        "export AUDIT_URL=$(grep -o 'http://[0-9.:]*/' listen.txt)",
        "hooks serve --port 0 >serve.txt 2>&1 &",
        "until_said serve.txt serving",
        "export HOOKS_URL=$(grep -om1 'http://[0-9.]*:[0-9]*' serve.txt)",
      ].join("\n"),
    ],
    ["sleep 3", "true"],
    ["hooks deliveries", "until_said serve.txt ' delivered in '\nhooks deliveries"],
  ];
  let script = session.replaceAll(/ +#.*/g, "");
  for (const [from, to] of changes) {
    assert.ok(script.includes(from), `README's session has '${from}'`);
    script = script.replace(from, () => to);
  }
  const wait =
    `until_said() { for n in $(seq 600); do grep -qs -- "$2" "$1" && return; sleep 0.1; done; cat "$1"; exit 1; }`;
  return `cd ${folder}\nshopt -s expand_aliases\nset -e\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n${wait}\n${script}`;
}

async function helpOf(command: string): Promise<string> {
  let text = "";
  const output = { isTerminal: false, write: (part: string) => void (text += part) };
  const io = { stdout: output, stderr: output, env: () => undefined };
  assert.equal(await run([command, "--help"], io as unknown as CommandIO), 0, text);
  return text;
}
