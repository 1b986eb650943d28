/**
 * A load balancer in 40 lines, for this example: requests go to the machines in turn, and to the next one
 * if a machine doesn't respond, or responds with 503. In production, use yours.
 *
 * ```sh
 * deno run --allow-net --allow-env balancer.ts http://127.0.0.1:8801 http://127.0.0.1:8802
 * ```
 *
 * @module
 */

const machines = Deno.args.map((url) => new URL(url));
let turn = 0;

Deno.serve({
  hostname: "127.0.0.1",
  port: Number(Deno.env.get("PORT") ?? 8787),
  onListen: ({ port }) => console.log(`Listening on http://127.0.0.1:${port}`),
}, async (request) => {
  const { pathname, search } = new URL(request.url);
  const body = request.body && await request.arrayBuffer(); // to send it again
  const headers = withIdempotencyKey(request);
  const first = turn++;
  for (let tries = 0; tries < machines.length; tries++) {
    const machine = machines[(first + tries) % machines.length]!;
    try {
      const { method } = request;
      const response = await fetch(new URL(pathname + search, machine), { method, headers, body });
      if (response.status !== 503) return response;
      await response.body?.cancel(); // it starts, stops, or can't store
    } catch {
      console.log(`${machine.host} does not respond`);
    }
  }
  return new Response("no machine responds\n", { status: 502 });
});

/** The machine may have stored the events of a request before it stopped: sent again, they are the same. */
function withIdempotencyKey({ method, headers }: Request): Headers {
  const copy = new Headers(headers);
  if (method === "POST" && !copy.has("idempotency-key")) {
    copy.set("idempotency-key", crypto.randomUUID());
  }
  return copy;
}
