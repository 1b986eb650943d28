import { pathToFileURL } from "node:url";
import type { MakeOutbox } from "./cluster.ts";
import { plantedInClaim } from "./planted_in_claim.ts";
import { plantedInEndpoints } from "./planted_in_endpoints.ts";
import { plantedInLanes } from "./planted_in_lanes.ts";
import { plantedInOperations } from "./planted_in_operations.ts";
import { plantedInPublish } from "./planted_in_publish.ts";
import { plantedInSettle } from "./planted_in_settle.ts";

/** A bug that is planted in a copy of the outbox. */
export type Mutant = {
  readonly bug: string;
  /** The rule or invariant that it breaks. */
  readonly breaks: string;
  /** What is replaced in which file; each text must be there. */
  readonly edits: readonly (readonly [file: string, from: string, to: string])[];
};

const source = new URL("../../../src/outbox/", import.meta.url);
const sources = new Map<string, string>();
for await (const { name } of Deno.readDir(source)) {
  sources.set(name, await Deno.readTextFile(new URL(name, source)));
}

/** The outbox with a bug in it. The copy is deleted when it was loaded. */
export async function loadMutant({ bug, edits }: Mutant): Promise<MakeOutbox> {
  const copied = importersOf(edits.map(([file]) => file));
  const folder = await Deno.makeTempDir({ prefix: "mutant-" });
  try {
    for (const name of copied) {
      let text = sources.get(name)!;
      for (const [, from, to] of edits.filter(([file]) => file === name)) {
        if (!text.includes(from)) throw new Error(`Cannot plant '${bug}': '${from}' is not there`);
        text = text.replace(from, () => to);
      }
      text = text.replaceAll(
        IMPORT,
        (all, path) => copied.has(path.slice(2)) ? all : `from "${new URL(path, source)}"`,
      );
      await Deno.writeTextFile(`${folder}/${name}`, `// @ts-nocheck a bug is planted\n${text}`);
    }
    const module = await import(pathToFileURL(`${folder}/outbox.ts`).href);
    return module.createOutboxIn;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Where a file is imported from. */
const IMPORT = /from "(\.[^"]+)"/g;

/** Files, and what imports them, in the end `outbox.ts`: the others need no copy. */
function importersOf(files: readonly string[]): ReadonlySet<string> {
  const found = new Set(files);
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const [name, text] of sources) {
      const paths = Array.from(text.matchAll(IMPORT), ([, path]) => path!.slice(2));
      if (paths.some((path) => found.has(path))) found.add(name);
    }
  }
  return found;
}

/** Every planted bug. */
export const mutants: readonly Mutant[] = [
  ...plantedInPublish,
  ...plantedInClaim,
  ...plantedInSettle,
  ...plantedInLanes,
  ...plantedInEndpoints,
  ...plantedInOperations,
];
