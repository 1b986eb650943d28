/**
 * IP addresses and CIDR ranges as numbers. The parsers are strict: decimal octets without leading
 * zeros and no zone. Looser spellings are the business of `URL` and of the resolver, whose results
 * come back in these forms.
 *
 * @module
 */

/** An IP address. */
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

/** Reads an address such as `192.0.2.1`, `2001:db8::1` or `::ffff:192.0.2.1`; undefined when it is none. */
export function parseAddress(text: string): IpAddress | undefined {
  const family = text.includes(":") ? 6 : 4;
  const value = family === 6 ? parseIpv6(text) : parseIpv4(text);
  return value === undefined ? undefined : { family, value };
}

/** Reads `10.0.0.0/8` or a single address; undefined when it is neither or has bits set past its prefix. */
export function parseRange(text: string): IpRange | undefined {
  const [base = "", length, ...rest] = text.split("/");
  const address = parseAddress(base);
  if (address === undefined || rest.length > 0) return undefined;
  const bits = BITS[address.family];
  if (length === undefined) return { ...address, prefix: bits };
  const prefix = DECIMAL.test(length) ? Number(length) : bits + 1;
  if (prefix > bits) return undefined;
  // "10.0.0.5/8" may mean the one host or the whole range: whoever wrote it has to say.
  const hostBits = BigInt.asUintN(bits - prefix, address.value);
  return hostBits === 0n ? { ...address, prefix } : undefined;
}

/** Whether the range holds the address. The families never mix: `::ffff:10.0.0.1` is not in `10.0.0.0/8`. */
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
  // "::" stands for at least one group; without it all eight are there.
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
