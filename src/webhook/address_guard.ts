/**
 * Keeps webhooks that strangers register away from addresses that only this machine can reach.
 *
 * @module
 */
import { abortable } from "../internal/async.ts";
import { checkFunctions } from "../internal/validate.ts";
import { checkKnown } from "../internal/options.ts";
import { contains, type IpAddress, type IpRange, parseAddress, parseRange } from "./_ip.ts";
import { refusedRange } from "./_ranges.ts";
import { canLookUp, currentRuntime, systemLookup } from "./_resolver.ts";
import { AddressNotAllowedError } from "./errors.ts";

export { denyNetFlag } from "./_ranges.ts";

/** Gives every address of a host name, IPv4 and IPv6; rejects when it can't tell. */
export type AddressResolver = (hostname: string) => Promise<readonly string[]>;

/** Options of an address guard. */
export interface AddressGuardOptions {
  /**
   * Addresses and CIDR ranges that are let through although they are refused by default, such as
   * `["10.0.0.0/8", "::1"]`. IPv4 and IPv6 are apart: `10.0.0.0/8` does not allow `::ffff:10.0.0.1`.
   *
   * @default {[]}
   */
  readonly allowAddresses?: readonly string[] | undefined;
  /**
   * Looks names up instead of the system's resolver. Give it the answers that `fetch` will act on: a
   * resolver of another network judges other addresses. It has to bring its own timeout unless `check`
   * is given a signal.
   */
  readonly resolve?: AddressResolver | undefined;
}

/** Options of one check. */
export interface AddressCheckOptions {
  /** Gives up on the resolver: the check then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What a guard can and can't promise on the runtime that it runs on. */
export interface AddressGuardCapabilities {
  /** Where the guard runs. */
  readonly runtime: "deno" | "bun" | "node" | "workerd" | "unknown";
  /**
   * Whether names can be looked up. Where they can't, every name is refused until `resolve` is given:
   * on workerd, whose `node:dns` asks a public resolver and not the one that its `fetch` connects by,
   * and on Node before 20.16.
   */
  readonly resolves: boolean;
  /**
   * Whether the address that was checked is the one connected to. False on every runtime: `fetch`
   * takes no address and resolves the name again, so a name that changes its answer within those
   * milliseconds gets through, as does every name where a proxy connects in place of `fetch`. On
   * Deno, {@linkcode denyNetFlag} closes the gap for IPv4.
   */
  readonly pinned: boolean;
}

/** Judges where a URL leads. */
export interface AddressGuard {
  /** What this guard can promise here. */
  readonly capabilities: AddressGuardCapabilities;
  /**
   * Resolves when the URL may be used now. Ask again before every request, as names change their
   * answers, and don't follow redirects: the guard has not seen where they lead.
   *
   * @throws {AddressNotAllowedError} when the URL is refused, or its name could not be resolved.
   */
  check(url: string | URL, options?: AddressCheckOptions): Promise<void>;
}

/**
 * A guard that lets through what is `https`, carries no credentials, and leads to public addresses only.
 *
 * Judged is what the name resolves to, all of it: one refused address refuses the URL. Spelling is no
 * way around, because `URL` reduces `https://0x7f.1` and the like before they are looked at. `localhost` and
 * the names beneath it are refused unless the allow list holds a loopback address. The allow list lifts
 * ranges only: `https` stays required, and plain `http` is for URLs written in code or in the config
 * file, which are not guarded.
 *
 * @example
 * ```ts
 * import { createAddressGuard } from "@omniagent/hooks/webhook";
 *
 * const guard = createAddressGuard({ allowAddresses: ["10.1.0.0/16"] });
 * await guard.check("https://10.1.2.3/hook");
 * ```
 * @throws {TypeError} when `allowAddresses` holds something else than addresses and CIDR ranges.
 */
export function createAddressGuard(options: AddressGuardOptions = {}): AddressGuard {
  const subject = "Cannot create an address guard";
  checkKnown(subject, options, ["allowAddresses", "resolve"]);
  checkFunctions(subject, options, [], ["resolve"]);
  const { allowAddresses = [] } = options;
  if (!Array.isArray(allowAddresses)) {
    throw new TypeError("Cannot create an address guard as 'allowAddresses' must be a list");
  }
  const allowed = allowAddresses.map(parseAllowed);
  const platform = addressGuardCapabilities();
  const resolve = options.resolve ?? (platform.resolves ? systemLookup : undefined);
  return {
    capabilities: { ...platform, resolves: resolve !== undefined },
    async check(url, options = {}) {
      checkKnown("Cannot check an address", options, ["signal"]);
      const { signal } = options;
      signal?.throwIfAborted();
      const hostname = acceptedHostname(url, allowed);
      const addresses = parseAddress(hostname) === undefined
        ? await resolveName(hostname, resolve, signal)
        : [hostname];
      for (const address of addresses) judge(hostname, address, allowed);
    },
  };
}

/** What a guard without options can promise on this runtime; nothing is loaded to find out. */
export function addressGuardCapabilities(): AddressGuardCapabilities {
  return { runtime: currentRuntime(), resolves: canLookUp(), pinned: false };
}

function parseAllowed(text: string): IpRange {
  const range = parseRange(text);
  if (range !== undefined) return range;
  throw new TypeError(
    "Cannot create an address guard as 'allowAddresses' must hold IP addresses or CIDR ranges " +
      `without bits set past the prefix: current value is ${JSON.stringify(text)}`,
  );
}

/** The host of a URL that is fit to be resolved: an address without brackets, or a name. */
function acceptedHostname(input: string | URL, allowed: readonly IpRange[]): string {
  // Asked first, because the error of `new URL` quotes the text, which may hold credentials.
  if (!URL.canParse(input)) throw refusal("", "it is not an absolute URL");
  const url = new URL(input);
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  // The scheme is not quoted: in "user:password@host" it is the user.
  if (url.protocol !== "https:") throw refusal(hostname, "its URL must use https");
  if (url.username !== "" || url.password !== "") {
    throw refusal(hostname, "its URL carries credentials: send them in a header instead");
  }
  if (LOCALHOST.test(hostname) && !LOOPBACK.some((address) => isAllowed(address, allowed))) {
    const how = 'allow it with allowAddresses: ["127.0.0.0/8", "::1"]';
    throw refusal(hostname, `it is this machine: ${how}`);
  }
  return hostname;
}

/** RFC 6761 keeps these names for loopback, whatever a name server says. */
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
    throw refusal(hostname, "this runtime has no resolver: give the guard a 'resolve' function");
  }
  let addresses: readonly string[];
  try {
    const answer = resolve(hostname);
    addresses = await (signal ? abortable(answer, signal) : answer);
  } catch (cause) {
    signal?.throwIfAborted();
    const message = `Cannot send to '${hostname}' as its name could not be resolved`;
    throw new AddressNotAllowedError(message, "address_unresolved", { cause });
  }
  if (addresses.length === 0) throw refusal(hostname, "its name has no address");
  return addresses;
}

function judge(hostname: string, text: string, allowed: readonly IpRange[]): void {
  const address = parseAddress(text);
  if (address === undefined) {
    throw refusal(hostname, `it resolves to '${text}', which is not an IP address`);
  }
  const refused = refusedRange(address);
  if (refused === undefined || isAllowed(address, allowed)) return;
  throw refusal(
    hostname,
    `its address ${text} is in ${refused.cidr} (${refused.reason}): ` +
      `allow it with allowAddresses: ["${text}"], or a range that holds it`,
  );
}

function isAllowed(address: IpAddress, allowed: readonly IpRange[]): boolean {
  return allowed.some((range) => contains(range, address));
}

function refusal(hostname: string, why: string): AddressNotAllowedError {
  const what = hostname === "" ? "the URL" : `'${hostname}'`;
  return new AddressNotAllowedError(`Cannot send to ${what} as ${why}`, "address_not_allowed");
}
