import assert from "node:assert/strict";
import { config, filesBelow, root } from "../../tools/run.ts";
import { test } from "../support/harness.ts";
import { packagedFiles } from "./import_table.ts";

type Sources = Readonly<Record<string, string>>;

/** Returns exported names, as `file: name`, that no file mentions which imports theirs. */
function unusedExports(sources: Sources, files: readonly string[]): string[] {
  const importers = new Map<string, string[]>();
  for (const [file, text] of Object.entries(sources)) {
    for (const [, specifier] of text.matchAll(/"(\.{1,2}\/[^"\s]+\.tsx?)"/g)) {
      const { pathname } = new URL(specifier!, `file:///${file}`);
      importers.set(pathname.slice(1), [...importers.get(pathname.slice(1)) ?? [], text]);
    }
  }
  return files.flatMap((file) => {
    const texts = importers.get(file) ?? [];
    const end = file.slice(file.lastIndexOf("/") + 1).replaceAll(".", "\\.");
    const everything = new RegExp(`(export (type )?|import )\\*.* from "[^"]*/${end}"`);
    if (texts.some((text) => everything.test(text))) return [];
    const exported = sources[file]!.matchAll(
      /^export (?:async |abstract )*(?:const|let|function\*?|class|interface|type|enum) (\w+)/gm,
    );
    const names = new Set([...exported].map(([, name]) => name!));
    return [...names]
      .filter((name) => !texts.some((text) => new RegExp(`\\b${name}\\b`).test(text)))
      .map((name) => `${file}: ${name}`);
  });
}

test("every exported name of src/ and tests/ is imported somewhere, or belongs to an entry", async () => {
  const entries = new Set(Object.values(config.exports).map((path) => path.slice("./".length)));
  const packaged = await packagedFiles();
  const tests = await filesBelow("tests");
  const others = await Promise.all(["tools", "examples"].map(filesBelow));
  const sources: Record<string, string> = {};
  for (const file of [...packaged, ...tests, ...others.flat()]) {
    if (/\.tsx?$/.test(file)) sources[file] = await Deno.readTextFile(`${root}/${file}`);
  }
  // The command loads its subcommands by their files, and uses what all of them export.
  const checked = Object.keys(sources).filter((file) =>
    /^(src|tests)\//.test(file) && !file.endsWith("_test.ts") &&
    !entries.has(file) && !file.startsWith("src/cli/commands/")
  );
  assert.deepEqual(unusedExports(sources, checked), []);
});

test("unusedExports() finds names that no importer mentions", () => {
  const sources = {
    "src/a.ts": "export const one = 1;\nexport type Two = 2;\nexport function three() {}\n",
    "src/b/c.ts": 'import { one } from "../a.ts";\nexport class Four {}\n',
    "src/d.ts": 'export * from "./b/c.ts";\n// three\n',
  };
  const found = unusedExports(sources, ["src/a.ts", "src/b/c.ts"]);
  assert.deepEqual(found, ["src/a.ts: Two", "src/a.ts: three"]);
});
