import { deadline, setTimer } from "../internal/async.ts";
import { CommandError } from "./errors.ts";
import type { CommandIO, CommandServer, CommandServerOptions } from "./io.ts";

type Handler = (request: Request) => Promise<Response> | Response;
type Incoming = import("node:http").IncomingMessage;
type Outgoing = import("node:http").ServerResponse;

/** Starts a server. @throws {CommandError} when it can't listen, saying why */
export async function startServer(
  io: CommandIO,
  options: CommandServerOptions,
  handler: Handler,
): Promise<CommandServer> {
  try {
    return await io.serve(options, handler);
  } catch (error) {
    throw listenError(error as Error & { readonly code?: string }, options);
  }
}

function listenError(
  { code = "", name, message }: Error & { readonly code?: string },
  { hostname, port }: CommandServerOptions,
): Error {
  const subject = `Cannot listen on ${hostInUrl(hostname)}:${port}`;
  const unknownHost = "this machine has no such address";
  const hostAdvice = "Pass an address of this machine as --host: 127.0.0.1, or 0.0.0.0 for all";
  if (code === "EADDRINUSE" || name === "AddrInUse") {
    // Bun reports a host that it can't resolve the same way.
    const isOwnHost = isLoopback(hostname) || hostname === "0.0.0.0" || hostname === "::";
    return new CommandError(
      `${subject}: the port is already in use${isOwnHost ? "" : `, or ${unknownHost}`}`,
      [
        "Stop the process that uses it, or choose another port; --port 0 picks a free one",
        ...isOwnHost ? [] : [hostAdvice],
      ],
    );
  }
  if (code === "EACCES" || name === "PermissionDenied") {
    return new CommandError(`${subject}: permission denied`, [
      "Ports below 1024 need privileges; choose another one with --port",
    ]);
  }
  // Bun mostly reports EINVAL for a host that it can't resolve; Deno has a message only.
  const isUnknownHost = /^(?:EADDRNOTAVAIL|ENOTFOUND|EAI_\w+|EINVAL)$/.test(code) ||
    name === "AddrNotAvailable" || /failed to lookup address/.test(message);
  return isUnknownHost
    ? new CommandError(`${subject}: ${unknownHost}`, [hostAdvice])
    : new CommandError(`${subject}: ${message}`);
}

/** Returns a host as URLs write it: IPv6 addresses in brackets. */
export function hostInUrl(hostname: string): string {
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}

/** Returns whether an address can only be reached from this machine. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}

/** Starts the HTTP server of this runtime: Deno's own, or `node:http` on Node and Bun. */
export async function serve(
  options: CommandServerOptions,
  handler: Handler,
): Promise<CommandServer> {
  return "Deno" in globalThis ? serveOnDeno(options, handler) : await serveOnNode(options, handler);
}

function serveOnDeno({ hostname, port }: CommandServerOptions, handler: Handler): CommandServer {
  const server = Deno.serve({
    hostname,
    port,
    onListen: () => {}, // the command prints the address itself
    onError: () => new Response(null, { status: 500 }),
  }, handler);
  return {
    port: server.addr.port,
    async close(grace) {
      // Deno 2.9 fails on an abort after `shutdown`: open connections end with the process.
      await deadline(server.shutdown(), grace).catch(() => {});
    },
  };
}

async function serveOnNode(
  { hostname, port }: CommandServerOptions,
  handler: Handler,
): Promise<CommandServer> {
  const { createServer } = await import("node:http");
  let closing = false;
  const server = createServer((incoming, outgoing) => {
    const isLast = (): boolean => closing; // Bun 1.4 would wait for the end of a kept-alive connection
    // Rejects when the client has gone, or the body of the response failed.
    respond(incoming, outgoing, handler, isLast).catch(() => outgoing.destroy());
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

async function respond(
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
  if (response.body) await pipe(response.body, outgoing, gone.signal);
  outgoing.end();
}

/** Returns undefined if the target or the host of the request is invalid. */
function requestOf(incoming: Incoming, signal: AbortSignal): Request | undefined {
  const { url, method, headers: { host }, rawHeaders } = incoming;
  try {
    const headers = new Headers();
    for (let at = 0; at < rawHeaders.length; at += 2) {
      headers.append(rawHeaders[at]!, rawHeaders[at + 1]!);
    }
    const hasBody = method !== "GET" && method !== "HEAD";
    const body = hasBody ? { body: bodyOf(incoming), duplex: "half" } : {};
    const init = { method: method!, headers, signal, ...body };
    return new Request(new URL(url!, `http://${host ?? "localhost"}`), init);
  } catch {
    return undefined;
  }
}

/**
 * Returns a body that is read at the pace of its consumer. The rest is read and dropped once the consumer
 * cancels, because a client that is still sending doesn't read the response. `Readable.toWeb` would close its
 * connection.
 */
function bodyOf(incoming: Incoming): ReadableStream<Uint8Array> {
  let onData: ((part: Uint8Array) => void) | undefined;
  let onEnd: () => void;
  return new ReadableStream({
    pull(controller) {
      if (onData !== undefined) {
        incoming.resume();
        return;
      }
      onData = (part) => {
        incoming.pause();
        controller.enqueue(part);
      };
      onEnd = () => controller.close();
      incoming.on("data", onData).on("end", onEnd);
      incoming.on("error", (error) => controller.error(error));
    },
    cancel() {
      if (onData !== undefined) incoming.off("data", onData).off("end", onEnd);
      incoming.resume();
    },
  }, { highWaterMark: 0 });
}

/** Writes a body at the pace of its reader. */
async function pipe(
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
    if (outgoing.write(part.value)) continue;
    await new Promise<void>((resolve) => {
      outgoing.once("drain", resolve);
      outgoing.once("close", resolve);
    });
  }
  gone.removeEventListener("abort", cancel);
}
