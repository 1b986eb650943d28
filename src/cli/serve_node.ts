import type { CommandServer, CommandServerOptions } from "./io.ts";

type Handler = (request: Request) => Promise<Response> | Response;
type Incoming = import("node:http").IncomingMessage;
type Outgoing = import("node:http").ServerResponse;

/** Methods whose requests have no body. */
const bodiless = /^(?:GET|HEAD)$/;

/** Answers HTTP requests by `node:http`, which Node and Bun have. */
export async function serveOnNode(
  { hostname, port }: CommandServerOptions,
  handler: Handler,
): Promise<CommandServer> {
  const { createServer } = await import("node:http");
  const { Readable } = await import("node:stream");
  const server = createServer((incoming, outgoing) => {
    const body = bodiless.test(incoming.method!) ? undefined : Readable.toWeb(incoming);
    answer(incoming, outgoing, body as ReadableStream<Uint8Array> | undefined, handler)
      .catch(() => outgoing.destroy()); // the client has gone, or the body broke off
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, () => resolve());
  });
  const address = server.address() as { readonly port: number };
  return {
    port: address.port,
    async close(grace) {
      const timer = setTimeout(() => server.closeAllConnections(), grace);
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      });
      clearTimeout(timer);
    },
  };
}

async function answer(
  incoming: Incoming,
  outgoing: Outgoing,
  body: ReadableStream<Uint8Array> | undefined,
  handler: Handler,
): Promise<void> {
  const gone = new AbortController();
  outgoing.on("close", () => gone.abort());
  const request = requestOf(incoming, body, gone.signal);
  const response = request
    ? await Promise.resolve(request).then(handler).catch(() => new Response(null, { status: 500 }))
    : new Response(null, { status: 400 });
  const cookies = response.headers.getSetCookie();
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    ...(cookies.length > 0 ? { "set-cookie": cookies } : {}),
  });
  if (response.body) await pour(response.body, outgoing, gone.signal);
  outgoing.end();
}

/** The request; undefined when its target or its host is none. */
function requestOf(
  { url, method, headers: { host }, rawHeaders }: Incoming,
  body: ReadableStream<Uint8Array> | undefined,
  signal: AbortSignal,
): Request | undefined {
  try {
    const headers = new Headers();
    for (let at = 0; at < rawHeaders.length; at += 2) {
      headers.append(rawHeaders[at]!, rawHeaders[at + 1]!);
    }
    const stream = body ? { body, duplex: "half" } : {};
    const init = { method: method!, headers, signal, ...stream };
    return new Request(new URL(url!, `http://${host ?? "localhost"}`), init);
  } catch {
    return undefined;
  }
}

/** Writes a body at the pace of the one who reads it. */
async function pour(
  body: ReadableStream<Uint8Array>,
  outgoing: Outgoing,
  gone: AbortSignal,
): Promise<void> {
  const reader = body.getReader();
  const cancel = (): void => void reader.cancel().catch(() => {});
  gone.addEventListener("abort", cancel);
  outgoing.flushHeaders();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (gone.aborted) return;
    if (!outgoing.write(part.value)) await drained(outgoing);
  }
  gone.removeEventListener("abort", cancel);
}

function drained(outgoing: Outgoing): Promise<void> {
  return new Promise((resolve) => {
    outgoing.once("drain", resolve);
    outgoing.once("close", resolve);
  });
}
