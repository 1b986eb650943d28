import type { Fixture } from "../fixture.ts";
import type { Row } from "./row.ts";

const KIB = 1024;

/** The size that the package adds to what a bundle loads at its start: tree-shaken, minified, gzipped. */
export const sizeRows: readonly Row[] = [
  sizeRow(["HookRegistry", "Dispatcher"], 9),
  sizeRow(["HookRegistry", "Dispatcher", "WebhookHook"], 16),
];

function sizeRow(names: readonly string[], atMost: number): Row {
  return {
    name: `size, ${names.join(" + ")}`,
    against: "minified, gzipped",
    unit: "KiB",
    budget: { atMost },
    once: async (fixture) => {
      const value = (await gzippedBundle(fixture, names)).length / KIB;
      return { value, low: value, high: value };
    },
  };
}

async function gzippedBundle(fixture: Fixture, names: readonly string[]): Promise<Uint8Array> {
  const entry = await fixture.write(
    "size.mjs",
    `export { ${names.join(", ")} } from "@omniagent/hooks";\n`,
  );
  const code = await fixture.bundleStart(entry);
  const gzipped = new Blob([code]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Response(gzipped).bytes();
}
