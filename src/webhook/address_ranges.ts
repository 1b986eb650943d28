/**
 * The addresses that a user-supplied URL must not reach, and their parser.
 *
 * Sources: the IANA special-purpose address registries for IPv4 and IPv6 (every block of them, also
 * globally reachable ones: no receiver runs there), IANA's address space registries for
 * multicast, reserved and unallocated space, and the clouds' documentation for metadata services.
 *
 * @module
 */

/** A blocked range. */
interface BlockedRange {
  /** In CIDR notation. */
  readonly cidr: string;
  /** Its purpose. */
  readonly reason: string;
}

/**
 * Every blocked range, narrow before wide: the first that contains an address gives the reason.
 *
 * IPv6 addresses that embed any IPv4 address are blocked: decoding each of the seven embeddings is how guards
 * get holes, and a public receiver has its own address.
 */
export const BLOCKED_RANGES: readonly BlockedRange[] = [
  // Clouds hand out credentials here. All but Azure's are in ranges below; listed for the message.
  { cidr: "169.254.169.254/32", reason: "cloud metadata" },
  { cidr: "169.254.170.2/32", reason: "cloud metadata, Amazon ECS" },
  { cidr: "100.100.100.200/32", reason: "cloud metadata, Alibaba" },
  { cidr: "192.0.0.192/32", reason: "cloud metadata, Oracle" },
  { cidr: "168.63.129.16/32", reason: "cloud metadata, Azure" },
  { cidr: "fd00:ec2::254/128", reason: "cloud metadata, Amazon" },
  { cidr: "fd20:ce::254/128", reason: "cloud metadata, Google" },

  { cidr: "0.0.0.0/8", reason: "unspecified, this network" },
  { cidr: "10.0.0.0/8", reason: "private" },
  { cidr: "100.64.0.0/10", reason: "carrier-grade NAT" },
  { cidr: "127.0.0.0/8", reason: "loopback" },
  { cidr: "169.254.0.0/16", reason: "link-local" },
  { cidr: "172.16.0.0/12", reason: "private" },
  { cidr: "192.0.0.0/24", reason: "IETF protocol assignments" },
  { cidr: "192.0.2.0/24", reason: "documentation" },
  { cidr: "192.31.196.0/24", reason: "AS112" },
  { cidr: "192.52.193.0/24", reason: "automatic multicast tunneling" },
  { cidr: "192.88.99.0/24", reason: "6to4 relay" },
  { cidr: "192.168.0.0/16", reason: "private" },
  { cidr: "192.175.48.0/24", reason: "AS112" },
  { cidr: "198.18.0.0/15", reason: "benchmarking" },
  { cidr: "198.51.100.0/24", reason: "documentation" },
  { cidr: "203.0.113.0/24", reason: "documentation" },
  { cidr: "224.0.0.0/4", reason: "multicast" },
  { cidr: "255.255.255.255/32", reason: "broadcast" },
  { cidr: "240.0.0.0/4", reason: "reserved" },

  { cidr: "::/128", reason: "unspecified" },
  { cidr: "::1/128", reason: "loopback" },
  { cidr: "::/96", reason: "IPv4-compatible" },
  { cidr: "::ffff:0:0/96", reason: "IPv4-mapped" },
  { cidr: "::ffff:0:0:0/96", reason: "IPv4-translated" },
  { cidr: "64:ff9b::/96", reason: "NAT64" },
  { cidr: "64:ff9b:1::/48", reason: "NAT64, local use" },
  { cidr: "100::/64", reason: "discard-only" },
  { cidr: "100:0:0:1::/64", reason: "dummy prefix" },
  { cidr: "2001::/32", reason: "Teredo" },
  { cidr: "2001:2::/48", reason: "benchmarking" },
  { cidr: "2001::/23", reason: "IETF protocol assignments" },
  { cidr: "2001:db8::/32", reason: "documentation" },
  { cidr: "2002::/16", reason: "6to4" },
  { cidr: "2620:4f:8000::/48", reason: "AS112" },
  { cidr: "3fff::/20", reason: "documentation" },
  { cidr: "5f00::/16", reason: "segment routing" },
  { cidr: "fc00::/7", reason: "unique local" },
  { cidr: "fe80::/10", reason: "link-local" },
  { cidr: "fec0::/10", reason: "site-local" },
  { cidr: "ff00::/8", reason: "multicast" },
  // Global unicast is 2000::/3 and nothing else.
  { cidr: "::/3", reason: "not global unicast" },
  { cidr: "4000::/2", reason: "not global unicast" },
  { cidr: "8000::/1", reason: "not global unicast" },
];

let parsed: readonly (readonly [IpRange, BlockedRange])[] | undefined;

/** Returns the first blocked range that contains an address. */
export function findBlockedRange(address: IpAddress): BlockedRange | undefined {
  parsed ??= BLOCKED_RANGES.map((blocked) => [parseRange(blocked.cidr)!, blocked] as const);
  return parsed.find(([range]) => contains(range, address))?.[1];
}

/**
 * Returns the Deno flag that makes the runtime itself block the guard's ranges, no matter how a name
 * resolves.
 *
 * Deno checks it against the address that it connects to, which closes the gap between check and
 * connection for IPv4. Deno 2.9 takes ranges of IPv4 (they cover IPv4-mapped addresses too) but only
 * single addresses of IPv6: block the IPv6 ranges with a firewall. The flag applies to the whole
 * process: no database on `10.0.0.5` either, and no server on `127.0.0.1`, `0.0.0.0` or `::`. Remove the
 * ranges that your program needs.
 *
 * ```ts
 * import { denyNetFlag } from "@omniagent/hooks/webhook";
 *
 * console.log(`deno run --allow-net ${denyNetFlag()} main.ts`);
 * ```
 */
export function denyNetFlag(): string {
  const hosts = BLOCKED_RANGES.flatMap(({ cidr }) => {
    if (!cidr.includes(":")) return [cidr];
    return cidr.endsWith("/128") ? [`[${cidr.slice(0, -"/128".length)}]`] : [];
  });
  return `--deny-net=${hosts.join(",")}`;
}

/** An IP address as a number. */
export interface IpAddress {
  /** IPv4 or IPv6. */
  readonly family: 4 | 6;
  /** Its 32 or 128 bits. */
  readonly value: bigint;
}

/** A CIDR range: the addresses that share the first `prefix` bits of `value`. */
export interface IpRange extends IpAddress {
  /** How many bits are fixed: 0 to 32, or 0 to 128. */
  readonly prefix: number;
}

const BITS = { 4: 32, 6: 128 } as const;
const DECIMAL = /^(?:0|[1-9][0-9]{0,2})$/;
const GROUP = /^[0-9a-f]{1,4}$/i;

/**
 * Parses an address such as `192.0.2.1`, `2001:db8::1` or `::ffff:192.0.2.1`; undefined if it isn't one.
 * Strict: decimal octets without leading zeros, and no zone. `URL` and the resolver normalize looser
 * spellings.
 */
export function parseAddress(text: string): IpAddress | undefined {
  const family = text.includes(":") ? 6 : 4;
  const value = family === 6 ? parseIpv6(text) : parseIpv4(text);
  return value === undefined ? undefined : { family, value };
}

/** Parses `10.0.0.0/8` or a single address; undefined if it is neither, or has bits set after its prefix. */
export function parseRange(text: string): IpRange | undefined {
  const [base = "", length, ...rest] = text.split("/");
  const address = parseAddress(base);
  if (address === undefined || rest.length > 0) return undefined;
  const bits = BITS[address.family];
  if (length === undefined) return { ...address, prefix: bits };
  const prefix = DECIMAL.test(length) ? Number(length) : bits + 1;
  if (prefix > bits) return undefined;
  // "10.0.0.5/8" could mean one host or the whole range: the caller has to say which.
  const hostBits = BigInt.asUintN(bits - prefix, address.value);
  return hostBits === 0n ? { ...address, prefix } : undefined;
}

/** Returns whether a range contains an address. Families don't mix: `::ffff:10.0.0.1` is not in `10.0.0.0/8`. */
export function contains(range: IpRange, address: IpAddress): boolean {
  if (range.family !== address.family) return false;
  const shift = BigInt(BITS[range.family] - range.prefix);
  return range.value >> shift === address.value >> shift;
}

function parseIpv4(text: string): bigint | undefined {
  const octets = text.split(".");
  if (octets.length !== 4) return undefined;
  let value = 0n;
  for (const octet of octets) {
    if (!DECIMAL.test(octet) || Number(octet) > 255) return undefined;
    value = (value << 8n) | BigInt(octet);
  }
  return value;
}

function parseIpv6(text: string): bigint | undefined {
  const hex = quadToGroups(text);
  if (hex === undefined) return undefined;
  const [head = "", tail, ...rest] = hex.split("::");
  if (rest.length > 0) return undefined;
  const before = splitGroups(head);
  const after = splitGroups(tail ?? "");
  const missing = 8 - before.length - after.length;
  // "::" replaces at least one group; without it there are eight.
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...before, ...Array<string>(missing).fill("0"), ...after];
  if (!groups.every((group) => GROUP.test(group))) return undefined;
  return BigInt(`0x${groups.map((group) => group.padStart(4, "0")).join("")}`);
}

/** Rewrites a dotted quad at the end, as in `::ffff:127.0.0.1`, to two groups. */
function quadToGroups(text: string): string | undefined {
  if (!text.includes(".")) return text;
  const start = text.lastIndexOf(":") + 1;
  const quad = parseIpv4(text.slice(start));
  if (quad === undefined) return undefined;
  return `${text.slice(0, start)}${(quad >> 16n).toString(16)}:${(quad & 0xffffn).toString(16)}`;
}

function splitGroups(half: string): readonly string[] {
  return half === "" ? [] : half.split(":");
}
