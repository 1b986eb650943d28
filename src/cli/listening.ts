import { CommandError } from "./command_error.ts";
import type { CommandIO, CommandServer, CommandServerOptions } from "./io.ts";

/** Starts a server, or says in the user's words why it can't. */
export async function startServer(
  io: CommandIO,
  options: CommandServerOptions,
  handler: (request: Request) => Promise<Response> | Response,
): Promise<CommandServer> {
  try {
    return await io.serve(options, handler);
  } catch (error) {
    throw listeningFault(error as Fault, options);
  }
}

type Fault = Error & { readonly code?: string };

function listeningFault({ code = "", name, message }: Fault, options: CommandServerOptions): Error {
  const { hostname, port } = options;
  const place = `Cannot listen on ${hostInUrl(hostname)}:${port}`;
  if (code === "EADDRINUSE" || name === "AddrInUse") {
    // Bun says the same of a host that it can't resolve.
    const sure = isLoopback(hostname) || hostname === "0.0.0.0" || hostname === "::";
    const orHost = sure ? "" : `, or ${noSuchAddress}`;
    return new CommandError(`${place} as the port is taken${orHost}`, [
      "Stop what listens there, or choose another port: --port 0 takes any that is free",
      ...sure ? [] : [hostAdvice],
    ]);
  }
  if (code === "EACCES" || name === "PermissionDenied") {
    return new CommandError(`${place} as it is not permitted`, [
      "Ports below 1024 need privileges: choose another with --port",
    ]);
  }
  // EINVAL is what Bun mostly says of a host that it can't resolve; Deno has words alone.
  const noAddress = /^(?:EADDRNOTAVAIL|ENOTFOUND|EAI_\w+|EINVAL)$/.test(code) ||
    name === "AddrNotAvailable" || /failed to lookup address/.test(message);
  return noAddress
    ? new CommandError(`${place} as ${noSuchAddress}`, [hostAdvice])
    : new CommandError(`${place}: ${message}`);
}

const noSuchAddress = "this machine has no such address";
const hostAdvice =
  "--host is an address of this machine: 127.0.0.1, or 0.0.0.0 for all that it has";

/** A host as URLs have it: IPv6 addresses in brackets. */
export function hostInUrl(hostname: string): string {
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}

/** Whether nobody but this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}
