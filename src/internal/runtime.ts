/** Returns the runtime that this code runs on. */
export function currentRuntime(): "deno" | "bun" | "node" | "workerd" | "unknown" {
  if ("Deno" in globalThis) return "deno";
  if ("Bun" in globalThis) return "bun";
  if (globalThis.navigator?.userAgent === "Cloudflare-Workers") return "workerd";
  return "process" in globalThis ? "node" : "unknown";
}

/**
 * Returns the function that loads built-in modules on Node and Bun without an import, which bundlers would
 * follow when they build for the edge; undefined on Node before 20.16. Don't call it on Deno: reading
 * `process` costs 14 ms there.
 */
export function builtinLoader(): ((id: string) => unknown) | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?: (id: string) => unknown } };
  return process?.getBuiltinModule?.bind(process);
}
