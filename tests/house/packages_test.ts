import assert from "node:assert/strict";
import tests from "../deno.json" with { type: "json" };
import runtime from "../runtime/package.json" with { type: "json" };
import { config, filesBelow, root } from "../../tools/run.ts";
import { test } from "../support/harness.ts";

test("tests import the same versions on Deno as on Bun and Node", () => {
  const onDeno = Object.entries({ ...config.imports, ...tests.imports })
    .map(([name, target]) => [name, target.replace(`npm:${name}@`, "")]);
  assert.deepEqual(Object.fromEntries(onDeno), runtime.dependencies);
});

test("tests/deno.json has the rules of deno.json, and its version of every package in both", async () => {
  for (const field of ["unstable", "compilerOptions", "fmt"] as const) {
    assert.deepEqual(tests[field], config[field], field);
  }
  assert.deepEqual(tests.lint.rules, config.lint.rules);
  assert.deepEqual(tests.lint.plugins, config.lint.plugins.map((path) => path.replace(".", "..")));
  assert.deepEqual({ ...tests.imports, ...pick(config.imports, tests.imports) }, tests.imports);
  const [locked, lockedHere] = await Promise.all(["deno.lock", "tests/deno.lock"].map(specifiers));
  assert.deepEqual({ ...lockedHere, ...locked }, lockedHere, "deno.lock and tests/deno.lock");
});

test("deno.json has no package that only tests import", async () => {
  const files = ["mod.ts", ...await filesBelow("src"), ...await filesBelow("examples")];
  const sources = await Promise.all(files.map((file) => Deno.readTextFile(`${root}/${file}`)));
  const text = sources.join("\n");
  const unused = Object.keys(config.imports).filter((name) =>
    !text.includes(`"${name}"`) && !text.includes(`"${name}/`)
  );
  assert.deepEqual(unused, []);
  const locked = Object.keys(await specifiers("deno.lock"));
  assert.deepEqual(locked.toSorted(), Object.values(config.imports).toSorted());
});

/** Returns the entries of a record whose key another has too. */
function pick<T>(from: Readonly<Record<string, T>>, keys: object): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(from).filter(([key]) => key in keys));
}

async function specifiers(lock: string): Promise<Readonly<Record<string, string>>> {
  return JSON.parse(await Deno.readTextFile(`${root}/${lock}`)).specifiers;
}
