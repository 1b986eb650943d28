import type { CommandServer, CommandServerOptions } from "./io.ts";

/** Answers HTTP requests by Deno's own server. */
export function serveOnDeno(
  { hostname, port }: CommandServerOptions,
  handler: (request: Request) => Promise<Response> | Response,
): CommandServer {
  const cutOff = new AbortController();
  const server = Deno.serve({
    hostname,
    port,
    signal: cutOff.signal,
    onListen: () => {}, // the command says itself where it listens
    onError: () => new Response(null, { status: 500 }),
  }, handler);
  return {
    port: server.addr.port,
    async close(grace) {
      const timer = setTimeout(() => cutOff.abort(), grace);
      await server.shutdown();
      clearTimeout(timer);
    },
  };
}
