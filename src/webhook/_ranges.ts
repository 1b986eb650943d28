/**
 * The addresses that no webhook of a stranger may reach.
 *
 * Sources: the IANA special-purpose address registries for IPv4 and IPv6 (every block of them, also
 * those that are globally reachable: no receiver lives there), IANA's address space registries for
 * multicast, reserved and unallocated space, and the clouds' documentation for metadata services.
 *
 * @module
 */
import { contains, type IpAddress, type IpRange, parseRange } from "./_ip.ts";

/** A range that is refused, and why. */
export interface RefusedRange {
  /** In CIDR notation. */
  readonly cidr: string;
  /** What it is for. */
  readonly reason: string;
}

/**
 * The first range that holds an address names the reason, so what is narrow stands before what is wide.
 *
 * IPv6 addresses that carry an IPv4 address are refused whatever they carry: to look inside each of the
 * seven encodings is how such guards get holes, and a public receiver has an address of its own.
 */
export const REFUSED_RANGES: readonly RefusedRange[] = [
  // Clouds hand out credentials here. All but Azure's lie in ranges below; named for the message.
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

let parsed: readonly (readonly [IpRange, RefusedRange])[] | undefined;

/** The first refused range that holds the address, if there is one. */
export function refusedRange(address: IpAddress): RefusedRange | undefined {
  parsed ??= REFUSED_RANGES.map((refused) => [parseRange(refused.cidr)!, refused] as const);
  return parsed.find(([range]) => contains(range, address))?.[1];
}

/**
 * The Deno flag that has the runtime itself refuse the guard's ranges, whatever a name resolves to.
 *
 * Deno holds it against the address that it connects to, which closes the gap between check and
 * connection for IPv4. Deno 2.9 takes ranges of IPv4 (they cover IPv4-mapped addresses too) but only
 * single addresses of IPv6: the IPv6 ranges are not in it, leave them to a firewall. It holds for all of the
 * process: no database on `10.0.0.5` either, and no server on `127.0.0.1`, `0.0.0.0` or `::`. Drop the
 * ranges that your program needs.
 *
 * @example
 * ```ts
 * import { denyNetFlag } from "@omniagent/hooks/webhook";
 *
 * console.log(`deno run --allow-net ${denyNetFlag()} main.ts`);
 * ```
 * @returns `--deny-net=` and the ranges, for the command line.
 */
export function denyNetFlag(): string {
  const hosts = REFUSED_RANGES.flatMap(({ cidr }) => {
    if (!cidr.includes(":")) return [cidr];
    return cidr.endsWith("/128") ? [`[${cidr.slice(0, -"/128".length)}]`] : [];
  });
  return `--deny-net=${hosts.join(",")}`;
}
