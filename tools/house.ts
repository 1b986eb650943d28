/**
 * Measures the structure of the package: source files and lines per folder, files with a single
 * importer, the longest import chain inside each folder, import cycles, and exports of each entry.
 *
 * Type imports count as imports: a cycle of types is a cycle. A chain counts each cycle as one file.
 * @module
 */
import { packagedFiles, readGraph } from "../tests/house/import_table.ts";
import { checkArguments, config, root } from "./run.ts";

type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** What is measured of one folder. */
export interface FolderMeasure {
  readonly files: number;
  readonly lines: number;
  /** Files, other than entries, that a single file imports. */
  readonly oneImporter: number;
  /** Files on the longest chain of imports that stays inside the folder. */
  readonly longestChain: number;
  /** Files that import each other, directly or through others of the folder. */
  readonly inCycles: number;
}

/** Groups the files of a graph that import each other; most groups have one file. Dependencies first. */
export function findGroups(graph: Graph): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const groups: string[][] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    open.push(file);
    for (const target of graph.get(file) ?? []) {
      if (!order.has(target)) visit(target);
      if (open.includes(target)) {
        lowest.set(file, Math.min(lowest.get(file)!, lowest.get(target)!));
      }
    }
    if (lowest.get(file) === order.get(file)) groups.push(open.splice(open.indexOf(file)));
  };
  for (const file of graph.keys()) if (!order.has(file)) visit(file);
  return groups;
}

/** Returns the number of groups on the longest chain of imports of a graph. */
export function longestChain(graph: Graph): number {
  const groups = findGroups(graph);
  const groupOf = new Map(groups.flatMap((group) => group.map((file) => [file, group] as const)));
  const lengths = new Map<readonly string[], number>();
  for (const group of groups) {
    const below = group
      .flatMap((file) => [...graph.get(file) ?? []])
      .map((target) => groupOf.get(target)!)
      .filter((other) => other !== group);
    lengths.set(group, 1 + Math.max(0, ...below.map((other) => lengths.get(other) ?? 0)));
  }
  return Math.max(0, ...lengths.values());
}

/** Returns the part of a graph that has only some files. */
function subgraph(graph: Graph, files: ReadonlySet<string>): Graph {
  return new Map(
    [...files].map((file) =>
      [
        file,
        new Set([...graph.get(file) ?? []].filter((it) => files.has(it) && it !== file)),
      ] as const
    ),
  );
}

/** Returns the groups of files that import each other. */
export function findCycles(graph: Graph): string[][] {
  return findGroups(graph).filter((group) => group.length > 1);
}

/** `mod.ts` for itself, `core` for a file at any depth of `src/core/`. */
function folderOf(file: string): string {
  return file.startsWith("src/") ? file.split("/")[1]! : file;
}

/** Reads the import graph of the package, npm packages left out. */
export async function readHouse(): Promise<Graph> {
  const files = new Set(await packagedFiles());
  const graph = await readGraph([...files]);
  return new Map(
    [...files].map((file) =>
      [file, new Set((graph[file] ?? []).filter((target) => files.has(target)))] as const
    ),
  );
}

/** Measures each folder of a graph. */
export function measure(
  graph: Graph,
  linesOf: (file: string) => number,
): ReadonlyMap<string, FolderMeasure> {
  const importers = new Map<string, number>();
  for (const targets of graph.values()) {
    for (const target of targets) importers.set(target, (importers.get(target) ?? 0) + 1);
  }
  const folders = new Map<string, Set<string>>();
  for (const file of graph.keys()) {
    const folder = folderOf(file);
    folders.set(folder, (folders.get(folder) ?? new Set()).add(file));
  }
  return new Map(
    [...folders].sort().map(([folder, files]) => {
      const own = subgraph(graph, files);
      return [folder, {
        files: files.size,
        lines: [...files].reduce((sum, file) => sum + linesOf(file), 0),
        oneImporter: [...files].filter((file) => importers.get(file) === 1).length,
        longestChain: longestChain(own),
        inCycles: findCycles(own).flat().length,
      }];
    }),
  );
}

if (import.meta.main) {
  checkArguments("deno task house", Deno.args.length === 0);
  const graph = await readHouse();
  const lines = new Map(
    [...graph.keys()].map((file) =>
      [file, Deno.readTextFileSync(`${root}/${file}`).split("\n").length - 1] as const
    ),
  );
  const measures = measure(graph, (file) => lines.get(file)!);
  const all = [...measures.values()];
  const sum = (key: keyof FolderMeasure): number => all.reduce((total, one) => total + one[key], 0);
  const row = (name: string, one: FolderMeasure): void =>
    console.log(
      name.padEnd(12) +
        [one.files, one.lines, one.oneImporter, one.longestChain, one.inCycles]
          .map((value) => String(value).padStart(14)).join(""),
    );
  console.log(
    "folder".padEnd(12) +
      ["files", "lines", "one importer", "longest chain", "in cycles"]
        .map((title) => title.padStart(14)).join(""),
  );
  for (const [folder, one] of measures) row(folder, one);
  row("all", {
    files: sum("files"),
    lines: sum("lines"),
    oneImporter: sum("oneImporter"),
    longestChain: longestChain(graph),
    inCycles: findCycles(graph).flat().length,
  });
  for (const cycle of findCycles(graph)) console.log(`cycle: ${cycle.sort().join(", ")}`);
  const exports = JSON.parse(
    await Deno.readTextFile(`${root}/tests/house/exports.json`),
  ) as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  console.log(
    "\nexports: " + Object.entries(config.exports)
      .map(([entry]) => `${entry} ${Object.keys(exports[entry] ?? {}).length}`).join(", "),
  );
}
