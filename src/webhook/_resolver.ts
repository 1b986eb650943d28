/**
 * The system's resolver, which is the one that `fetch` asks, and where it can be had.
 *
 * @module
 */

/** The part of `node:dns/promises` that is used. */
interface Dns {
  lookup(hostname: string, options: { all: true; verbatim: true }): Promise<{ address: string }[]>;
}

/** Which runtime this is. */
export function currentRuntime(): "deno" | "bun" | "node" | "workerd" | "unknown" {
  if ("Deno" in globalThis) return "deno";
  if ("Bun" in globalThis) return "bun";
  if (globalThis.navigator?.userAgent === "Cloudflare-Workers") return "workerd";
  return "process" in globalThis ? "node" : "unknown";
}

/**
 * Whether {@linkcode systemLookup} works and answers for `fetch`. On workerd it may work, but asks a
 * public resolver over HTTPS, which knows nothing of the network that workerd itself stands in.
 */
export function canLookUp(): boolean {
  const runtime = currentRuntime();
  return runtime === "deno" || (runtime !== "workerd" && builtinLoader() !== undefined);
}

/** Every address that the system's resolver has for a name, the hosts file included. */
export async function systemLookup(hostname: string): Promise<readonly string[]> {
  const dns = await load("node:dns/promises");
  const answers = await dns.lookup(hostname, { all: true, verbatim: true });
  return answers.map(({ address }) => address);
}

/** The name is a parameter to keep it from bundlers, which else want `node:dns` when they build for the edge. */
async function load(id: string): Promise<Dns> {
  // On Deno, touching `process` costs several times what importing this one module does.
  return (currentRuntime() === "deno" ? await import(id) : builtinLoader()?.(id)) as Dns;
}

/** Node's and Bun's way to a built-in module without an import; undefined on Node before 20.16. */
function builtinLoader(): ((id: string) => unknown) | undefined {
  const host = globalThis as { process?: { getBuiltinModule?: (id: string) => unknown } };
  return host.process?.getBuiltinModule;
}
