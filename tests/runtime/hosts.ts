/**
 * The app on the documented hosts, each in its own process: `Deno.serve` from source, `Bun.serve` and
 * `@hono/node-server` with the packed package.
 * @module
 */
import { installPacked } from "../../tools/packed.ts";
import { root, runtimeModules } from "../../tools/run.ts";
import { inFolder } from "../support/folder.ts";

/** The token of the app. */
export const TOKEN = "a-token-of-this-test";

/** The documented hosts. */
export const HOSTS = ["Deno.serve", "Bun.serve", "@hono/node-server"] as const;
type Host = (typeof HOSTS)[number];

/** Serves the app while `use` runs. */
export async function withHost(
  host: Host,
  settings: Readonly<Record<string, unknown>>,
  use: (port: number) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const { program, args } = await prepare(host, folder);
    const child = new Deno.Command(program, {
      args: [...args, JSON.stringify(settings)],
      cwd: folder,
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    try {
      const { value = "" } = await output.read();
      await use(Number(value.trim()));
    } finally {
      child.kill("SIGKILL");
      await output.cancel();
      await child.status;
    }
  });
}

async function prepare(host: Host, folder: string) {
  const source = `${root}/tests/runtime/host.mjs`;
  if (host === "Deno.serve") {
    return { program: Deno.execPath(), args: ["run", "-A", `--config=${root}/deno.json`, source] };
  }
  await installPacked(folder);
  await Deno.mkdir(`${folder}/node_modules/@hono`, { recursive: true });
  const server = "@hono/node-server";
  await Deno.symlink(`${runtimeModules}/${server}`, `${folder}/node_modules/${server}`);
  const copy = `${folder}/host.mjs`;
  await Deno.copyFile(source, copy);
  return { program: host === "Bun.serve" ? `${runtimeModules}/.bin/bun` : "node", args: [copy] };
}
