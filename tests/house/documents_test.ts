/**
 * The documents: every link leads somewhere, and every block is what it says. Blocks of `ts` run in the
 * gate's step `docs`; those that would not end (`ts ignore`) are type-checked here.
 * @module
 */
import assert from "node:assert/strict";
import { ConfigError } from "@omniagent/hooks/config";
import { loadConfig } from "@omniagent/hooks/config/yaml";
import { generateSecret } from "@omniagent/hooks/webhook";
import { privateWords } from "../../tools/house_lint.ts";
import { config, exists, filesBelow, output, root, testsConfig } from "../../tools/run.ts";
import { inFolder } from "../support/folder.ts";
import { test } from "../support/harness.ts";
import { anchorsOf, type Block, blocksOf, linksOf, proseOf, readDocuments } from "./documents.ts";

const documents = await readDocuments();
const blocks = documents.flatMap(blocksOf);

/** What holds the blocks of a language. */
const HELD: Readonly<Record<string, string>> = {
  ts: "deno test --doc, or the type check here",
  yaml: "loadConfig, here",
  json: "JSON.parse, here",
  sh: "documents_commands_test.ts",
  js: "test:consumer",
  go: "documents_receivers_test.ts and documents_gates_test.ts",
  python: "documents_receivers_test.ts and documents_gates_test.ts",
  rego: "documents_gates_test.ts",
  sql: "nothing: a query for operators",
  text: "nothing: a picture, an output, or the report of the YAML before it",
  "": "nothing: output",
};

test("every internal link of a document leads to an existing file and heading", async () => {
  const anchors = new Map(documents.map((document) => [document.path, anchorsOf(document)]));
  const dead: string[] = [];
  for (const { from, link, path, anchor } of internalLinks()) {
    const there = await exists(`${root}/${path}`);
    if (!there || (anchor && !anchors.get(path)?.has(anchor))) dead.push(`${from}: ${link}`);
  }
  assert.deepEqual(dead, []);
});

test("the page about how the outbox works names only files that exist", async () => {
  const { text } = documents.find(({ path }) => path === "docs/internals/outbox.md")!;
  const names = new Set(text.match(/\b\w+\.ts\b/g));
  assert.ok(names.size > 30, `${names.size} names`);
  for (const file of [...await filesBelow("src"), ...await filesBelow("tests")]) {
    names.delete(file.slice(file.lastIndexOf("/") + 1));
  }
  assert.deepEqual([...names], []);
});

test("the page about how the outbox works names only tests that exist", async () => {
  const { text } = documents.find(({ path }) => path === "docs/internals/outbox.md")!;
  const [invariants] = text.slice(text.indexOf("## Invariants")).split("\n## ", 1);
  const names = [...invariants!.replaceAll(/\s+/g, " ").matchAll(/"([^"]+)"/g)]
    .map(([, name]) => name!.replace(/: …$/, ""));
  assert.ok(names.length > 8, `${names.length} names`);
  const files = (await filesBelow("tests")).filter((file) => file.endsWith("_test.ts"));
  const sources = await Promise.all(files.map((file) => Deno.readTextFile(`${root}/${file}`)));
  assert.deepEqual(names.filter((name) => !sources.some((text) => text.includes(name))), []);
});

test("published documents link only to published files", () => {
  const published = internalLinks().filter(({ from }) => isPublished(from));
  assert.ok(published.some(({ path }) => path.startsWith("examples/")));
  const dead = published.filter(({ path }) => !isPublished(path));
  assert.deepEqual(dead.map(({ from, link }) => `${from}: ${link}`), []);
});

test("every code block of a document has a language that a test checks", () => {
  const loose = blocks.filter(({ language }) => HELD[language] === undefined);
  assert.deepEqual(loose.map(({ path, line, language }) => `${path}:${line} ${language}`), []);
});

/** Words that lint finds in code, and more that are right in code, but not on a page for users. */
const PRIVATE_WORDS = new RegExp(
  `\\b(${Object.keys(privateWords).join("|")}|${
    "answer stands figures so_many (?:that|which)_is_none beside in_silence faults? lane"
      .replaceAll(" ", "|")
      .replaceAll("_", " ")
  })\\b`,
  "gi",
);

test("documents use the words of the field", () => {
  const found = documents.flatMap((document) =>
    [...proseOf(document).matchAll(PRIVATE_WORDS)].map(([word]) => `${document.path}: ${word}`)
  );
  // The Go package's own term, in the table of its names; faults that the simulator injects, and a key.
  const allowed = /^docs\/go\.md: compiled \w+$|^docs\/internals\/outbox\.md: (faults?|lane)$/;
  assert.deepEqual(found.filter((use) => !allowed.test(use)), []);
});

test("programs in the documents that run forever are type-checked", async () => {
  const programs = blocks.filter(({ path, language, info }) =>
    // Those of agents need their SDKs: `deno task test:adapters` checks them.
    language === "ts" && info === "ignore" && !path.startsWith("docs/agents/")
  );
  assert.ok(programs.length > 0);
  await inFolder(async (folder) => {
    const files = await Promise.all(programs.map(async ({ path, line, code }) => {
      const file = `${folder}/${path.replaceAll(/\W/g, "_")}_${line}.ts`;
      await Deno.writeTextFile(file, code);
      return file;
    }));
    const { success, all } = await output("deno", ["check", testsConfig, ...files]);
    assert.ok(success, all);
    for (const file of files) assert.ok(all.includes(file.slice(folder.length + 1)), all);
  });
});

test("the first program of README is examples/quickstart.ts, which the packed package runs too", async () => {
  const [first] = blocks.filter(({ path, language }) => path === "README.md" && language === "ts");
  assert.equal(first?.code, await Deno.readTextFile(`${root}/examples/quickstart.ts`));
});

test("JSON in the documents is JSON", () => {
  for (const { path, line, code } of blocks.filter(({ language }) => language === "json")) {
    assert.doesNotThrow(() => JSON.parse(code), `${path}:${line}`);
  }
});

test("YAML in the documents is accepted, or gives the report that follows it", () => {
  const all = blocks.flatMap((block, index) =>
    block.language === "yaml" ? [{ block, report: reportAfter(index) }] : []
  );
  assert.ok(all.some(({ report }) => report !== undefined), "one shows how errors look");
  for (const { block: { path, line, code }, report } of all) {
    const where = `${path}:${line}`;
    if (report === undefined) {
      assert.doesNotThrow(() => loadConfig(code, { env: pretended, file: where }), where);
    } else assert.equal(reportOf(code), report, where);
  }
});

/** The links of all documents that lead to a file of the repository, and where in it. */
function internalLinks() {
  return documents.flatMap((document) =>
    linksOf(document).filter((link) => !/^https?:/.test(link)).map((link) => {
      const [file, anchor] = link.split("#") as [string, string | undefined];
      const folder = new URL(document.path, "file:///");
      const path = file === "" ? document.path : new URL(file, folder).pathname.slice(1);
      return { from: document.path, link, path, anchor };
    })
  );
}

function isPublished(path: string): boolean {
  const { include, exclude } = config.publish;
  const holds = (entry: string) => entry.endsWith("/") ? path.startsWith(entry) : path === entry;
  return include.some(holds) && !exclude.some(holds);
}

/** The block after one, when it is the report of a configuration's faults. */
function reportAfter(index: number): string | undefined {
  const next: Block | undefined = blocks[index + 1];
  return next?.language === "text" && next.code.startsWith("Cannot use ") ? next.code : undefined;
}

function reportOf(code: string): string {
  try {
    loadConfig(code, { env: {}, file: "hooks.yaml" });
  } catch (error) {
    if (error instanceof ConfigError) return `${error.message.trimEnd()}\n`;
    throw error;
  }
  return "no fault";
}

/** An environment in which everything is set, unless it has a default. */
function pretended(name: string): string | undefined {
  if (name.endsWith("_SECRET")) return generateSecret();
  if (name.endsWith("_TOKEN")) return `a-token-for-${name}`;
  return name.endsWith("_URL") ? undefined : "example";
}
