/**
 * The packed package for programs that Bun and Node run, without an install from the network.
 * @module
 */
import { pack } from "./pack.ts";
import { config, exists, run, runtimeModules } from "./run.ts";

/** Whether `npm ci` was run in tests/runtime; prints what is skipped if it wasn't. */
export async function hasRuntimes(what: string): Promise<boolean> {
  const installed = await exists(`${runtimeModules}/.bin/bun`);
  if (!installed) {
    console.log(`${what}: skipped, because 'npm ci' was not run in tests/runtime`);
  }
  return installed;
}

/**
 * Puts the package into the `node_modules` of a folder, with links to its dependencies in tests/runtime.
 * Resolves to its path.
 */
export async function installPacked(folder: string): Promise<string> {
  const modules = `${folder}/node_modules`;
  const place = `${modules}/${config.name}`;
  await Deno.mkdir(place, { recursive: true });
  await run("tar", ["-xzf", await pack(), "--strip-components=1", "-C", place]);
  const manifest = JSON.parse(await Deno.readTextFile(`${place}/package.json`));
  const optional = Object.keys(manifest.peerDependenciesMeta ?? {});
  for (
    const name of Object.keys({
      ...manifest.dependencies,
      ...manifest.peerDependencies,
    })
  ) {
    if (optional.includes(name)) continue;
    const link = `${modules}/${name}`;
    await Deno.mkdir(link.slice(0, link.lastIndexOf("/")), { recursive: true });
    await Deno.symlink(`${runtimeModules}/${name}`, link);
  }
  return place;
}
