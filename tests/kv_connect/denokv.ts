/**
 * A real denokv to test against: `deno task denokv` starts one.
 * @module
 */

/** Where it is; undefined: nowhere. What is in its database does not outlive a test. */
export const denokv: { readonly url: string; readonly token: string } | undefined = find();

/** Whether there is one; prints what is left out when there is none. */
export function hasDenokv(what: string): boolean {
  if (denokv === undefined) {
    console.log(`${what}: left out, as DENOKV_URL is not set (see 'deno task denokv --help')`);
  }
  return denokv !== undefined;
}

function find() {
  const url = Deno.env.get("DENOKV_URL");
  return url === undefined ? undefined : { url, token: Deno.env.get("DENO_KV_ACCESS_TOKEN") ?? "" };
}
