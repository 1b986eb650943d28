/**
 * The app on a real socket, by the server of the runtime that runs this: `Deno.serve`, `Bun.serve`, or
 * `@hono/node-server`.
 * @module
 */
import { type AddressInfo, connect } from "node:net";
import { inTime } from "./helpers.ts";

type Fetch = (request: Request) => Response | Promise<Response>;

/** A server that listens. */
type Server = { readonly port: number; stop(): Promise<void> };

type Globals = {
  readonly Deno?: {
    serve(options: object, handler: Fetch): {
      readonly addr: { readonly port: number };
      shutdown(): Promise<void>;
    };
  };
  readonly Bun?: {
    serve(options: object): { readonly port: number; stop(force: boolean): Promise<void> };
  };
};

/** Serves on a free port. */
export async function serve(fetch: Fetch): Promise<Server> {
  const { Deno, Bun } = globalThis as unknown as Globals;
  const hostname = "127.0.0.1";
  if (Deno) {
    const server = Deno.serve({ hostname, port: 0, onListen: () => {} }, fetch);
    return { port: server.addr.port, stop: () => server.shutdown() };
  }
  if (Bun) {
    const server = Bun.serve({ hostname, port: 0, fetch, idleTimeout: 0 });
    return { port: server.port, stop: () => server.stop(true) };
  }
  const node = await import("@hono/node-server");
  const server = await new Promise<ReturnType<typeof node.serve>>((resolve) => {
    const server = node.serve({ fetch, hostname, port: 0 }, () => resolve(server));
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        (server as { closeAllConnections?(): void }).closeAllConnections?.();
      }),
  };
}

/** Sends bytes as they are; resolves with everything received until `enough`, or the end. */
export async function talk(
  port: number,
  parts: readonly string[],
  enough: (text: string) => boolean = () => false,
): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  const response = new Promise<string>((resolve) => {
    let text = "";
    const end = (): void => resolve(text);
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (enough(text)) end();
    });
    socket.on("error", end);
    socket.on("close", end);
    socket.on("connect", () => {
      for (const part of parts) socket.write(part, "latin1");
      if (parts.at(-1) === "") socket.end();
    });
  });
  try {
    return await inTime(`a response to ${parts.join("").slice(0, 100)}`, response);
  } finally {
    socket.destroy();
  }
}
