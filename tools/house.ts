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

/** Reads the import graph of the package, without npm packages. */
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

/** What the structure aims for. A measure above it isn't an error, cycles excepted. */
const TARGETS = {
  files: 150,
  lines: 19_000,
  outboxFiles: 22,
  outboxChain: 6,
  inCycles: 0,
  rootExports: 55,
} as const;

if (import.meta.main) {
  checkArguments("deno task house", Deno.args.length === 0);
  const graph = await readHouse();
  const lines = new Map(
    [...graph.keys()].map((file) =>
      [file, Deno.readTextFileSync(`${root}/${file}`).split("\n").length - 1] as const
    ),
  );
  const measures = measure(graph, (file) => lines.get(file)!);
  const total = sumOf(graph, measures);
  printTable([...measures, ["all", total]]);
  for (const cycle of findCycles(graph)) console.log(`cycle: ${cycle.sort().join(", ")}`);

  const exports = JSON.parse(
    await Deno.readTextFile(`${root}/tests/house/exports.json`),
  ) as Readonly<Record<string, readonly string[]>>;
  const outbox = measures.get("outbox");
  console.log("");
  printTarget("files", total.files, TARGETS.files);
  printTarget("lines", total.lines, TARGETS.lines);
  printTarget("files in outbox", outbox?.files ?? 0, TARGETS.outboxFiles);
  printTarget("longest chain in outbox", outbox?.longestChain ?? 0, TARGETS.outboxChain);
  printTarget("files in cycles", total.inCycles, TARGETS.inCycles);
  for (const entry of Object.keys(config.exports)) {
    const target = entry === "." ? TARGETS.rootExports : undefined;
    printTarget(`exports of ${entry}`, exports[entry]?.length ?? 0, target);
  }
}

function sumOf(graph: Graph, measures: ReadonlyMap<string, FolderMeasure>): FolderMeasure {
  const sum = (key: keyof FolderMeasure): number =>
    [...measures.values()].reduce((total, one) => total + one[key], 0);
  return {
    files: sum("files"),
    lines: sum("lines"),
    oneImporter: sum("oneImporter"),
    longestChain: longestChain(graph),
    inCycles: findCycles(graph).flat().length,
  };
}

function printTable(rows: readonly (readonly [name: string, FolderMeasure])[]): void {
  const print = (name: string, cells: readonly unknown[]): void => {
    console.log(name.padEnd(12) + cells.map((cell) => String(cell).padStart(14)).join(""));
  };
  print("folder", ["files", "lines", "one importer", "longest chain", "in cycles"]);
  for (const [name, one] of rows) {
    print(name, [one.files, one.lines, one.oneImporter, one.longestChain, one.inCycles]);
  }
}

function printTarget(name: string, value: number, target?: number): void {
  const aim = target === undefined ? "" : `  target ${String(target).padStart(6)}`;
  const above = target !== undefined && value > target ? "  above" : "";
  console.log(`${name.padEnd(26)}${String(value).padStart(7)}${aim}${above}`);
}
