/// <reference lib="deno.unstable" />
/**
 * How long one commit takes over KV Connect with Deno's client, by its size: on the denokv of
 * `DENOKV_URL` if there is one, and on the server of the tests.
 * @module
 */
import { denokvUrl, TOKEN } from "../support/kv_connect/denokv.ts";
import { startKvConnect } from "../support/kv_connect/server.ts";

const SIZES = [100, 400, 1000, 16_000, 60_000];
const COMMITS = 31;

Deno.env.set("DENO_KV_ACCESS_TOKEN", TOKEN);
const server = startKvConnect();
for (
  const [name, url] of [["denokv", denokvUrl], ["the server of the tests", server.url]] as const
) {
  if (url === undefined) continue;
  const kv = await Deno.openKv(url);
  for (const size of SIZES) {
    console.log(`${name}, ${size} bytes: ${(await median(kv, size)).toFixed(1)} ms`);
  }
  kv.close();
}
await server.close();

/** In milliseconds; one commit after the other. */
async function median(kv: Deno.Kv, size: number): Promise<number> {
  const value = new Uint8Array(size);
  const times: number[] = [];
  for (let n = 0; n < COMMITS; n++) {
    const start = performance.now();
    await kv.set(["latency"], value);
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[COMMITS >> 1]!;
}
