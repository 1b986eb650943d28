/**
 * Makes the npm form of the package, the one that Bun and Node get:
 * `.build/omniagent-hooks-<version>.tgz`.
 *
 * `deno pack` turns the sources into JavaScript and declarations; npm then writes the archive, the
 * same bytes for the same sources. Between the two stands what `deno pack` has no word for.
 * @module
 */
import { build, config, filesBelow, root, run } from "./run.ts";

/** Fields of package.json that `deno pack` leaves out. */
const patch = {
  description: config.description,
  keywords: ["agent", "ai", "deno", "events", "hooks", "webhooks"],
  engines: { node: ">=20" },
  sideEffects: false,
};

const shipped = [
  /^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
  /^mod\.(?:js|d\.ts)$/,
  /^src\/[\w/]+\.(?:js|d\.ts)$/,
];

/** Packs; the path of the archive. */
export async function pack(): Promise<string> {
  const folder = `${build}/pack`;
  const raw = `${build}/pack.tgz`;
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { recursive: true });
  await run("deno", ["pack", "--quiet", "--no-source-maps", "--allow-dirty", "--output", raw]);
  await run("tar", ["-xzf", raw, "-C", folder]);

  const manifest = `${folder}/package/package.json`;
  const fields = { ...JSON.parse(await Deno.readTextFile(manifest)), ...patch };
  await Deno.writeTextFile(manifest, `${JSON.stringify(fields, null, 2)}\n`);
  await inspect(".build/pack/package");

  await run("npm", ["pack", "--silent", "--pack-destination", build], { cwd: `${folder}/package` });
  return `${build}/${config.name.slice(1).replace("/", "-")}-${config.version}.tgz`;
}

/**
 * Refuses an archive with a file that no one should get, or with a trace of the machine that made
 * it.
 */
async function inspect(folder: string): Promise<void> {
  const files = (await filesBelow(folder)).map((path) => path.slice(folder.length + 1));
  const faults = files.filter((path) => !shipped.some((form) => form.test(path)));
  for (const path of files) {
    const text = await Deno.readTextFile(`${root}/${folder}/${path}`);
    if (text.includes("sourceMappingURL") || text.includes(root)) faults.push(path);
  }
  if (!files.includes("mod.d.ts")) faults.push("mod.d.ts");
  if (faults.length > 0) throw new Error(`The package is not fit to ship: ${faults.join(", ")}`);
}

if (import.meta.main) {
  const archive = await pack();
  const { size } = await Deno.stat(archive);
  console.log(`${archive.slice(root.length + 1)} ${(size / 1024).toFixed(1)} KiB`);
}
