/**
 * The public names of every entry. As a program, it writes them to tests/house/exports.json. A test compares
 * that file with the package, so that a name is added or removed only on purpose.
 * @module
 */
import { checkArguments, config, entries, output, root, rootUrl } from "./run.ts";

/** The file that is checked in. */
export const exportsFile = `${root}/tests/house/exports.json`;

/** An exported symbol, with the fields of `deno doc --json` that are used here. */
export interface ExportedSymbol {
  readonly name: string;
  readonly declarations: readonly {
    /** Where it is declared: the URL of a file. */
    readonly location: { readonly filename: string };
    readonly kind: string;
    readonly def?: {
      /** The members of an interface. */
      readonly properties?: readonly { readonly name: string }[];
      readonly methods?: readonly { readonly name: string }[];
      /** The interfaces that an interface extends. */
      readonly extends?: string | readonly { readonly repr: string }[];
      /** The type of an alias. */
      readonly tsType?: { readonly value: unknown };
    };
  }[];
}

/** Returns what each entry exports, types included. */
export async function readExports(): Promise<Record<string, readonly ExportedSymbol[]>> {
  const doc = await output("deno", ["doc", "--json", ...entries]);
  if (!doc.success) throw new Error(doc.all);
  const { nodes } = JSON.parse(doc.stdout) as {
    readonly nodes: Record<string, { readonly symbols?: readonly ExportedSymbol[] }>;
  };
  return Object.fromEntries(
    Object.entries(config.exports).map((
      [entry, path],
    ) => [entry, nodes[new URL(path, rootUrl).href]?.symbols ?? []]),
  );
}

/** Returns the names that each entry exports, types included, sorted. */
export async function exportedNames(): Promise<Record<string, string[]>> {
  const entries = Object.entries(await readExports());
  return Object.fromEntries(
    entries.map(([entry, symbols]) => [entry, symbols.map(({ name }) => name).sort()]),
  );
}

if (import.meta.main) {
  checkArguments("deno task exports", Deno.args.length === 0);
  await Deno.writeTextFile(exportsFile, `${JSON.stringify(await exportedNames(), null, 2)}\n`);
}
