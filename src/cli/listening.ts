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
    const { code, name, message } = error as Error & { readonly code?: string };
    const place = `Cannot listen on ${hostInUrl(options.hostname)}:${options.port}`;
    if (code === "EADDRINUSE" || name === "AddrInUse") {
      throw new CommandError(`${place} as the port is taken`, [
        "Stop what listens there, or choose another port: --port 0 takes any that is free",
      ]);
    }
    if (code === "EACCES" || name === "PermissionDenied") {
      throw new CommandError(`${place} as it is not permitted`, [
        "Ports below 1024 need privileges: choose another with --port",
      ]);
    }
    if (code === "EADDRNOTAVAIL" || name === "AddrNotAvailable") {
      throw new CommandError(`${place} as this machine has no such address`);
    }
    throw new CommandError(`${place}: ${message}`);
  }
}

/** A host as URLs have it: IPv6 addresses in brackets. */
export function hostInUrl(hostname: string): string {
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}

/** Whether nobody but this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}
