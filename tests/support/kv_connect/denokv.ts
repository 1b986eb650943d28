/**
 * A real denokv to test against: `deno task denokv` starts one.
 * @module
 */

/** Its URL, if there is one. Tests delete everything in its database. */
export const denokvUrl: string | undefined = Deno.env.get("DENOKV_URL");

/** The token of every KV Connect server of a test run, the real one and ours. */
export const TOKEN: string = Deno.env.get("DENO_KV_ACCESS_TOKEN") ?? "token";

/** Returns whether there is one; prints what is skipped otherwise. */
export function hasDenokv(what: string): boolean {
  if (denokvUrl === undefined) {
    console.log(`${what}: skipped, DENOKV_URL is not set (see 'deno task denokv --help')`);
  }
  return denokvUrl !== undefined;
}
