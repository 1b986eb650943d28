/**
 * Keeps user-supplied URLs away from addresses that only this machine can reach (SSRF).
 *
 * @module
 */
import { abortable } from "../internal/async.ts";
import { checkKnown } from "../internal/options.ts";
import { checkFunctions, checkList } from "../internal/validate.ts";
import {
  contains,
  findBlockedRange,
  type IpAddress,
  type IpRange,
  parseAddress,
  parseRange,
} from "./address_ranges.ts";
import { AddressNotAllowedError } from "./errors.ts";
import { builtinLoader, currentRuntime } from "../internal/runtime.ts";

export { denyNetFlag } from "./address_ranges.ts";

/** Resolves to every address of a host name, IPv4 and IPv6; rejects when it can't tell. */
export type AddressResolver = (hostname: string) => Promise<readonly string[]>;

/** Options of an address guard. */
export interface AddressGuardOptions {
  /**
   * Addresses and CIDR ranges to allow although they are blocked by default, such as
   * `["10.0.0.0/8", "::1"]`. IPv4 and IPv6 are separate: `10.0.0.0/8` does not allow `::ffff:10.0.0.1`.
   *
   * @default {[]}
   */
  readonly allowAddresses?: readonly string[] | undefined;
  /**
   * Looks names up instead of the system's resolver. It must return the addresses that `fetch` will
   * connect to: a resolver of another network checks other addresses. It needs its own timeout unless
   * `check` gets a signal.
   */
  readonly resolve?: AddressResolver | undefined;
}

/** Options of one check. */
export interface AddressCheckOptions {
  /** Stops waiting for the resolver. The check then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What a guard guarantees on its runtime. */
export interface AddressGuardCapabilities {
  /** Where the guard runs. */
  readonly runtime: "deno" | "bun" | "node" | "workerd" | "unknown";
  /**
   * Whether names can be looked up. Where they can't, every name is blocked unless `resolve` is set:
   * on workerd, whose `node:dns` asks a public resolver and not the one that its `fetch` connects by,
   * and on Node before 20.16.
   */
  readonly resolves: boolean;
  /**
   * Whether `fetch` connects to the address that was checked. False on every runtime: `fetch`
   * takes no address and resolves the name again. A name whose address changes within those
   * milliseconds gets through, and so does every name where a proxy connects instead of `fetch`. On
   * Deno, {@linkcode denyNetFlag} closes the gap for IPv4.
   */
  readonly pinned: boolean;
}

/** Checks the addresses of URLs. */
export interface AddressGuard {
  /** What this guard guarantees here. */
  readonly capabilities: AddressGuardCapabilities;
  /**
   * Resolves if the URL may be used now. Check again before every request, because a name can resolve to
   * other addresses, and don't follow redirects, which were not checked.
   *
   * @throws {AddressNotAllowedError} when the URL is blocked, or its name could not be resolved
   */
  check(url: string | URL, options?: AddressCheckOptions): Promise<void>;
}

/**
 * Creates a guard that allows URLs with `https`, without credentials, that lead to public addresses only.
 *
 * It checks every address that the name resolves to: one blocked address blocks the URL. Unusual spellings
 * don't get around it, because `URL` normalizes `https://0x7f.1` and the like first. `localhost` and the
 * names below it are blocked unless `allowAddresses` contains a loopback address. `allowAddresses` only
 * affects addresses: `https` remains required. Plain `http` is for URLs in code or in the config file, which
 * are not guarded.
 *
 * ```ts
 * import { createAddressGuard } from "@omniagent/hooks/webhook";
 *
 * const guard = createAddressGuard({ allowAddresses: ["10.1.0.0/16"] });
 * await guard.check("https://10.1.2.3/hook");
 * ```
 * @throws {TypeError} when `allowAddresses` has anything but addresses and CIDR ranges
 */
export function createAddressGuard(options: AddressGuardOptions = {}): AddressGuard {
  checkKnown(SUBJECT, options, ["allowAddresses", "resolve"]);
  checkFunctions(SUBJECT, options, [], ["resolve"]);
  const { allowAddresses = [] } = options;
  checkList(SUBJECT, "allowAddresses", allowAddresses);
  const allowed = allowAddresses.map(parseAllowed);
  const platform = addressGuardCapabilities();
  const resolve = options.resolve ?? (platform.resolves ? systemLookup : undefined);
  return {
    capabilities: { ...platform, resolves: resolve !== undefined },
    async check(url, options = {}) {
      checkKnown("Cannot check an address", options, ["signal"]);
      const { signal } = options;
      signal?.throwIfAborted();
      const hostname = readHostname(url, allowed);
      const addresses = parseAddress(hostname) === undefined
        ? await resolveName(hostname, resolve, signal)
        : [hostname];
      for (const address of addresses) checkAddress(hostname, address, allowed);
    },
  };
}

const SUBJECT = "Cannot create an address guard";

/** Returns what a guard without options guarantees on this runtime. Loads nothing. */
export function addressGuardCapabilities(): AddressGuardCapabilities {
  const runtime = currentRuntime();
  // workerd may have `node:dns`, but it asks a public resolver, which knows nothing of its own network.
  const resolves = runtime === "deno" ||
    (runtime !== "workerd" && builtinLoader() !== undefined);
  return { runtime, resolves, pinned: false };
}

function parseAllowed(text: string): IpRange {
  const range = parseRange(text);
  if (range !== undefined) return range;
  throw new TypeError(
    `${SUBJECT}: 'allowAddresses' must contain IP addresses or CIDR ranges without bits set after ` +
      `the prefix, got ${JSON.stringify(text)}`,
  );
}

/** Returns the host of an acceptable URL: a name, or an address without brackets. */
function readHostname(input: string | URL, allowed: readonly IpRange[]): string {
  // Checked first, because the error of `new URL` quotes the text, which may contain credentials.
  if (!URL.canParse(input)) throw notAllowed("", "it is not an absolute URL");
  const url = new URL(input);
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  // The scheme is not quoted: in "user:password@host" it is the user.
  if (url.protocol !== "https:") throw notAllowed(hostname, "its URL must use https");
  if (url.username !== "" || url.password !== "") {
    throw notAllowed(hostname, "its URL has credentials. Send them in a header instead");
  }
  if (LOCALHOST.test(hostname) && !LOOPBACK.some((address) => isAllowed(address, allowed))) {
    const advice = 'Allow it with allowAddresses: ["127.0.0.0/8", "::1"]';
    throw notAllowed(hostname, `it is this machine. ${advice}`);
  }
  return hostname;
}

/** RFC 6761 reserves these names for loopback, regardless of name servers. */
const LOCALHOST = /(?:^|\.)localhost\.*$/;
const LOOPBACK: readonly IpAddress[] = [
  { family: 4, value: 0x7f000001n },
  { family: 6, value: 1n },
];

async function resolveName(
  hostname: string,
  resolve: AddressResolver | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  if (resolve === undefined) {
    throw notAllowed(hostname, "this runtime has no resolver. Pass 'resolve' to the guard");
  }
  let addresses: readonly string[];
  try {
    const lookup = resolve(hostname);
    addresses = await (signal ? abortable(lookup, signal) : lookup);
  } catch (cause) {
    signal?.throwIfAborted();
    const message = `Cannot send to '${hostname}': its name could not be resolved`;
    throw new AddressNotAllowedError(message, "address_unresolved", { cause });
  }
  if (addresses.length === 0) throw notAllowed(hostname, "its name has no address");
  return addresses;
}

/** The part of `node:dns/promises` that is used. */
interface Dns {
  lookup(hostname: string, options: { all: true; verbatim: true }): Promise<{ address: string }[]>;
}

/** Resolves to every address that the system's resolver has for a name. `fetch` uses the same resolver. */
async function systemLookup(hostname: string): Promise<readonly string[]> {
  const dns = await load("node:dns/promises");
  const entries = await dns.lookup(hostname, { all: true, verbatim: true });
  return entries.map(({ address }) => address);
}

/** Imports a module. Its id is a parameter because bundlers for the edge fail on a literal one. */
async function load(id: string): Promise<Dns> {
  return (currentRuntime() === "deno" ? await import(id) : builtinLoader()?.(id)) as Dns;
}

function checkAddress(hostname: string, text: string, allowed: readonly IpRange[]): void {
  const address = parseAddress(text);
  if (address === undefined) {
    throw notAllowed(hostname, `it resolves to '${text}', which is not an IP address`);
  }
  const blocked = findBlockedRange(address);
  if (blocked === undefined || isAllowed(address, allowed)) return;
  throw notAllowed(
    hostname,
    `its address ${text} is in ${blocked.cidr} (${blocked.reason}). ` +
      `Allow it with allowAddresses: ["${text}"], or a range that contains it`,
  );
}

function isAllowed(address: IpAddress, allowed: readonly IpRange[]): boolean {
  return allowed.some((range) => contains(range, address));
}

function notAllowed(hostname: string, reason: string): AddressNotAllowedError {
  const target = hostname === "" ? "the URL" : `'${hostname}'`;
  return new AddressNotAllowedError(`Cannot send to ${target}: ${reason}`, "address_not_allowed");
}
