/**
 * The public names of every entry. Run by itself it writes them to tests/house/exports.json, where
 * a test holds the package to them: a name comes or goes on purpose only.
 * @module
 */
import { checkArguments, config, entries, output, root, rootUrl } from "./run.ts";

/** The list that is checked in. */
export const exportsFile = `${root}/tests/house/exports.json`;

/** The names that each entry exports, types included, sorted. */
export async function exportedNames(): Promise<Record<string, string[]>> {
  const doc = await output("deno", ["doc", "--json", ...entries]);
  if (!doc.success) throw new Error(doc.all);
  const { nodes } = JSON.parse(doc.stdout) as {
    readonly nodes: Record<string, { readonly symbols?: readonly { readonly name: string }[] }>;
  };
  return Object.fromEntries(
    Object.entries(config.exports).map(([entry, path]) => {
      const { symbols = [] } = nodes[new URL(path, rootUrl).href] ?? {};
      return [entry, symbols.map(({ name }) => name).sort()];
    }),
  );
}

if (import.meta.main) {
  checkArguments("deno task exports", Deno.args.length === 0);
  await Deno.writeTextFile(exportsFile, `${JSON.stringify(await exportedNames(), null, 2)}\n`);
}
