import assert from "node:assert/strict";
import { findCycles, longestChain, measure, readHouse } from "../../tools/house.ts";
import { test } from "../support/harness.ts";

const graphOf = (imports: Readonly<Record<string, readonly string[]>>) =>
  new Map(Object.entries(imports).map(([file, targets]) => [file, new Set(targets)] as const));

test("findCycles() returns every group of files that import each other", () => {
  const graph = graphOf({ a: ["b"], b: ["c"], c: ["a", "d"], d: [], e: ["f"], f: ["e"] });
  const cycles = findCycles(graph).map((cycle) => cycle.sort());
  assert.deepEqual(cycles.sort(), [["a", "b", "c"], ["e", "f"]]);
});

test("longestChain() counts files, and a cycle once", () => {
  assert.equal(longestChain(graphOf({})), 0);
  assert.equal(longestChain(graphOf({ a: ["b", "c"], b: ["c"], c: [] })), 3);
  assert.equal(longestChain(graphOf({ a: ["b"], b: ["a", "c"], c: [] })), 2);
});

test("measure() counts files, lines, single importers and chains per folder", () => {
  const graph = graphOf({
    "src/core/mod.ts": ["src/core/a.ts", "src/core/b.ts"],
    "src/core/a.ts": ["src/core/b.ts"],
    "src/core/b.ts": [],
    "src/stores/kv/mod.ts": ["src/core/mod.ts"],
  });
  const measures = measure(graph, () => 10);
  assert.deepEqual(measures.get("core"), {
    files: 3,
    lines: 30,
    oneImporter: 2,
    longestChain: 3,
    inCycles: 0,
  });
  assert.deepEqual(measures.get("stores"), {
    files: 1,
    lines: 10,
    oneImporter: 0,
    longestChain: 1,
    inCycles: 0,
  });
});

test("the import graph covers every file of the package", async () => {
  const graph = await readHouse();
  assert.ok(graph.get("mod.ts")!.size > 1);
  const unreached = [...graph].filter(([, targets]) => targets.size === 0).length;
  assert.ok(graph.size > 100 && unreached < graph.size / 2);
});
