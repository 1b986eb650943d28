import { setTimer } from "../internal/async.ts";
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
  let closing = false;
  const server = createServer((incoming, outgoing) => {
    const isLast = () => closing; // Bun 1.4 would keep the connection, and wait for its end
    // What fails there: the client has gone, or the answer's body broke off.
    answer(incoming, outgoing, handler, isLast).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, () => resolve());
  });
  const address = server.address() as { readonly port: number };
  return {
    port: address.port,
    async close(grace) {
      closing = true;
      const cancel = setTimer(grace, () => server.closeAllConnections());
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      });
      cancel();
    },
  };
}

async function answer(
  incoming: Incoming,
  outgoing: Outgoing,
  handler: Handler,
  isLast: () => boolean,
): Promise<void> {
  const gone = new AbortController();
  outgoing.on("close", () => gone.abort());
  const request = requestOf(incoming, gone.signal);
  const response = request
    ? await Promise.resolve(request).then(handler).catch(() => new Response(null, { status: 500 }))
    : new Response(null, { status: 400 });
  const cookies = response.headers.getSetCookie();
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    ...(cookies.length > 0 ? { "set-cookie": cookies } : {}),
    ...(isLast() ? { connection: "close" } : {}),
  });
  if (response.body) await pour(response.body, outgoing, gone.signal);
  outgoing.end();
}

/** The request; undefined when its target or its host is none. */
function requestOf(incoming: Incoming, signal: AbortSignal): Request | undefined {
  const { url, method, headers: { host }, rawHeaders } = incoming;
  try {
    const headers = new Headers();
    for (let at = 0; at < rawHeaders.length; at += 2) {
      headers.append(rawHeaders[at]!, rawHeaders[at + 1]!);
    }
    const body = bodiless.test(method!) ? {} : { body: bodyOf(incoming), duplex: "half" };
    const init = { method: method!, headers, signal, ...body };
    return new Request(new URL(url!, `http://${host ?? "localhost"}`), init);
  } catch {
    return undefined;
  }
}

/**
 * A body at the pace of the one who reads it. What nobody wants is read and dropped, for a client that
 * still sends does not look at the answer. `Readable.toWeb` would cut its connection.
 */
function bodyOf(incoming: Incoming): ReadableStream<Uint8Array> {
  let data: ((part: Uint8Array) => void) | undefined;
  let end: () => void;
  return new ReadableStream({
    pull(controller) {
      if (data !== undefined) return void incoming.resume();
      data = (part) => {
        incoming.pause();
        controller.enqueue(part);
      };
      end = () => controller.close();
      incoming.on("data", data).on("end", end).on("error", (error) => controller.error(error));
    },
    cancel() {
      if (data !== undefined) incoming.off("data", data).off("end", end);
      incoming.resume();
    },
  }, { highWaterMark: 0 });
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
