import { setTimer } from "../internal/async.ts";
import type { CommandServer, CommandServerOptions } from "./io.ts";

/** Answers HTTP requests by Deno's own server. */
export function serveOnDeno(
  { hostname, port }: CommandServerOptions,
  handler: (request: Request) => Promise<Response> | Response,
): CommandServer {
  const server = Deno.serve({
    hostname,
    port,
    onListen: () => {}, // the command says itself where it listens
    onError: () => new Response(null, { status: 500 }),
  }, handler);
  return {
    port: server.addr.port,
    async close(grace) {
      // Deno 2.9 fails on an abort after `shutdown`, so that what is left ends with the process.
      let cancel = (): void => {};
      const late = new Promise<void>((resolve) => void (cancel = setTimer(grace, resolve)));
      await Promise.race([server.shutdown(), late]);
      cancel();
    },
  };
}
