/**
 * A real denokv to test against: `deno task denokv` starts one.
 * @module
 */

/** Its URL; undefined: there is none. What is in its database does not outlive a test. */
export const denokvUrl: string | undefined = Deno.env.get("DENOKV_URL");

/** What every KV Connect server of a test run wants to hear, a real one and ours. */
export const TOKEN: string = Deno.env.get("DENO_KV_ACCESS_TOKEN") ?? "token";

/** Whether there is one; prints what is left out when there is none. */
export function hasDenokv(what: string): boolean {
  if (denokvUrl === undefined) {
    console.log(`${what}: left out, as DENOKV_URL is not set (see 'deno task denokv --help')`);
  }
  return denokvUrl !== undefined;
}
