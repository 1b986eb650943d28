/**
 * A server that writes bytes and knows no HTTP, for what no HTTP server would send.
 * @module
 */
import { Buffer } from "node:buffer";
import { createServer, type Socket } from "node:net";

/** A complete request: a POST with a content length. */
export type RawRequest = {
  readonly path: string;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** Runs against a server that passes each complete request to `respond`. */
export async function withRawServer(
  respond: (request: RawRequest, socket: Socket) => void,
  run: (url: string) => Promise<void>,
): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    let received = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) return;
      const [start = "", ...lines] = received.subarray(0, end).toString("latin1").split("\r\n");
      const headers = Object.fromEntries(lines.map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }));
      const body = received.subarray(end + 4);
      if (body.length < Number(headers["content-length"])) return;
      received = Buffer.alloc(0);
      respond({ path: start.split(" ")[1]!, headers, body: body.toString() }, socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  try {
    await run(`http://127.0.0.1:${port}`);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

/** The bytes of a response. */
export function responseBytes(
  status: number,
  headers: readonly string[],
  body: string | Uint8Array = "",
): Uint8Array<ArrayBuffer> {
  const head = [`HTTP/1.1 ${status} X`, ...headers, "", ""].join("\r\n");
  return Buffer.concat([Buffer.from(head, "latin1"), Buffer.from(body as Uint8Array)]);
}
