import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import { AddressNotAllowedError, createAddressGuard } from "@omniagent/hooks/webhook";
import { test } from "../support/harness.ts";

// Written from the IANA registries, by first and last address: the implementation has prefixes. A first or last
// address that a narrower range claims is replaced by its neighbour.
const RANGES: readonly (readonly [cidr: string, reason: string, first: string, last: string])[] = [
  ["169.254.169.254/32", "cloud metadata", "169.254.169.254", "169.254.169.254"],
  ["169.254.170.2/32", "cloud metadata, Amazon ECS", "169.254.170.2", "169.254.170.2"],
  ["100.100.100.200/32", "cloud metadata, Alibaba", "100.100.100.200", "100.100.100.200"],
  ["192.0.0.192/32", "cloud metadata, Oracle", "192.0.0.192", "192.0.0.192"],
  ["168.63.129.16/32", "cloud metadata, Azure", "168.63.129.16", "168.63.129.16"],
  ["fd00:ec2::254/128", "cloud metadata, Amazon", "fd00:ec2::254", "fd00:ec2::254"],
  ["fd20:ce::254/128", "cloud metadata, Google", "fd20:ce::254", "fd20:ce::254"],
  ["0.0.0.0/8", "unspecified, this network", "0.0.0.0", "0.255.255.255"],
  ["10.0.0.0/8", "private", "10.0.0.0", "10.255.255.255"],
  ["100.64.0.0/10", "carrier-grade NAT", "100.64.0.0", "100.127.255.255"],
  ["127.0.0.0/8", "loopback", "127.0.0.0", "127.255.255.255"],
  ["169.254.0.0/16", "link-local", "169.254.0.0", "169.254.255.255"],
  ["172.16.0.0/12", "private", "172.16.0.0", "172.31.255.255"],
  ["192.0.0.0/24", "IETF protocol assignments", "192.0.0.0", "192.0.0.255"],
  ["192.0.2.0/24", "documentation", "192.0.2.0", "192.0.2.255"],
  ["192.31.196.0/24", "AS112", "192.31.196.0", "192.31.196.255"],
  ["192.52.193.0/24", "automatic multicast tunneling", "192.52.193.0", "192.52.193.255"],
  ["192.88.99.0/24", "6to4 relay", "192.88.99.0", "192.88.99.255"],
  ["192.168.0.0/16", "private", "192.168.0.0", "192.168.255.255"],
  ["192.175.48.0/24", "AS112", "192.175.48.0", "192.175.48.255"],
  ["198.18.0.0/15", "benchmarking", "198.18.0.0", "198.19.255.255"],
  ["198.51.100.0/24", "documentation", "198.51.100.0", "198.51.100.255"],
  ["203.0.113.0/24", "documentation", "203.0.113.0", "203.0.113.255"],
  ["224.0.0.0/4", "multicast", "224.0.0.0", "239.255.255.255"],
  ["240.0.0.0/4", "reserved", "240.0.0.0", "255.255.255.254"],
  ["255.255.255.255/32", "broadcast", "255.255.255.255", "255.255.255.255"],
  ["::/128", "unspecified", "::", "::"],
  ["::1/128", "loopback", "::1", "::1"],
  ["::/96", "IPv4-compatible", "::2", "::ffff:ffff"],
  ["::ffff:0:0/96", "IPv4-mapped", "::ffff:0:0", "::ffff:ffff:ffff"],
  ["::ffff:0:0:0/96", "IPv4-translated", "::ffff:0:0:0", "::ffff:0:ffff:ffff"],
  ["64:ff9b::/96", "NAT64", "64:ff9b::", "64:ff9b::ffff:ffff"],
  ["64:ff9b:1::/48", "NAT64, local use", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"],
  ["100::/64", "discard-only", "100::", "100::ffff:ffff:ffff:ffff"],
  ["100:0:0:1::/64", "dummy prefix", "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"],
  ["2001::/32", "Teredo", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2001:2::/48", "benchmarking", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"],
  ["2001::/23", "IETF protocol", "2001:1::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2001:db8::/32", "documentation", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2002::/16", "6to4", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2620:4f:8000::/48", "AS112", "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"],
  ["3fff::/20", "documentation", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["5f00::/16", "segment routing", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["fc00::/7", "unique local", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["fe80::/10", "link-local", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["fec0::/10", "site-local", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["ff00::/8", "multicast", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["::/3", "not global unicast", "::1:0:0", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["4000::/2", "not global unicast", "4000::", "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["8000::/1", "not global unicast", "8000::", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
];

/** The same knowledge a third time, as predicates on octets and groups, for the properties. */
function isPublic4([a = 0, b = 0, c = 0, d = 0]: readonly number[]): boolean {
  if (a === 0 || a === 10 || a === 127 || a >= 224) return false;
  if (a === 100) return b < 64 || b > 127;
  if (a === 168) return `${b}.${c}.${d}` !== "63.129.16";
  if (a === 169) return b !== 254;
  if (a === 172) return b < 16 || b > 31;
  if (a === 192) {
    return b !== 168 &&
      !["0.0", "0.2", "31.196", "52.193", "88.99", "175.48"].includes(`${b}.${c}`);
  }
  if (a === 198) return b !== 18 && b !== 19 && `${b}.${c}` !== "51.100";
  return a !== 203 || `${b}.${c}` !== "0.113";
}

function isPublic6([a = 0, b = 0, c = 0]: readonly number[]): boolean {
  if (a < 0x2000 || a > 0x3fff || a === 0x2002) return false;
  if (a === 0x2001) return b > 0x1ff && b !== 0xdb8;
  if (a === 0x2620) return b !== 0x4f || c !== 0x8000;
  return a !== 0x3fff || b > 0xfff;
}

/** The eight groups of an address as `URL` writes it. */
function groupsOf(address: string): number[] {
  const [head = "", tail] = new URL(`https://[${address}]`).hostname.slice(1, -1).split("::");
  const read = (half: string) =>
    half.split(":").filter(Boolean).map((group) => parseInt(group, 16));
  const [before, after] = [read(head), read(tail ?? "")];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

const hex = (value: number, width = 0) => value.toString(16).padStart(width, "0");
const quad = (high: number, low: number) => [high >> 8, high & 255, low >> 8, low & 255].join(".");

/** Every way to write an IPv4 address in a URL that the URL standard accepts. */
function spellings4(address: string): string[] {
  const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
  const number = ((a * 256 + b) * 256 + c) * 256 + d;
  const replaceDigits = (zero: number) =>
    address.replace(/\d/g, (digit) => String.fromCodePoint(zero + Number(digit)));
  return [
    address,
    `${address}.`,
    `${address}:8443`,
    [a, b, c, d].map((octet) => `0x${hex(octet)}`).join("."),
    [a, b, c, d].map((octet) => `0X000${hex(octet).toUpperCase()}`).join("."),
    [a, b, c, d].map((octet) => `0${octet.toString(8)}`).join("."),
    `0x${hex(a)}.0${b.toString(8)}.${c}.0x${hex(d)}`,
    `${a}.${b}.${c * 256 + d}`,
    `${a}.${number % 2 ** 24}`,
    `0x${hex(a)}.0${(number % 2 ** 24).toString(8)}`,
    `${number}`,
    `0x${hex(number)}`,
    `0${number.toString(8)}`,
    address.replace(/./g, (char) => `%${hex(char.charCodeAt(0))}`),
    ...["\u3002", "\uff0e", "\uff61"].map((dot) => address.replaceAll(".", dot)),
    replaceDigits(0xff10),
    replaceDigits(0x1d7ce),
    [...address].join("\t\n\r"),
    address.replaceAll(".", "\u00ad."),
  ];
}

/** Every way to write an IPv6 address in a URL. */
function spellings6(address: string): string[] {
  const groups = groupsOf(address);
  const full = groups.map((group) => hex(group, 4)).join(":");
  const mixed = `${groups.slice(0, 6).map((group) => hex(group)).join(":")}:${
    quad(groups[6]!, groups[7]!)
  }`;
  return [address, address.toUpperCase(), full, mixed, full.split("").join("\t")]
    .flatMap((text) => [`[${text}]`, `[${text}]:8443`]);
}

const spellings = (address: string) =>
  address.includes(":") ? spellings6(address) : spellings4(address);

/** What the guard says of an address that a name resolves to. */
function verdict(address: string): Promise<string> {
  const guard = createAddressGuard({ resolve: () => Promise.resolve([address]) });
  return guard.check("https://receiver.example/").then(
    () => "allowed",
    (error) => String(error.message),
  );
}

for (const [cidr, reason, first, last] of RANGES) {
  test(`address guard blocks ${cidr} (${reason}) from its first to its last address, in every spelling`, async () => {
    const guard = createAddressGuard({
      resolve: (name) => Promise.reject(new Error(`asked for ${name}`)),
    });
    for (const address of [first, last]) {
      for (const host of spellings(address)) {
        for (const url of [`https://${host}/`, `https:${host}`, `HTTPS:\\\\${host}\\`]) {
          await assert.rejects(guard.check(url), (error: unknown) => {
            assert.ok(error instanceof AddressNotAllowedError);
            assert.equal(error.code, "address_not_allowed");
            assert.ok(
              error.message.includes(` is in ${cidr} (${reason}`),
              `${url}: ${error.message}`,
            );
            return true;
          });
        }
      }
      assert.ok((await verdict(address)).includes(` is in ${cidr} (${reason}`), address);
    }
  });
}

test("address guard blocks an IPv4 address inside an IPv6 address, in each of the seven encodings", async () => {
  for (
    const [high, low] of [[0x7f00, 1], [0x0a00, 1], [0xa9fe, 0xa9fe], [0x0808, 0x0808]] as const
  ) {
    const [h, l] = [hex(high), hex(low)];
    const teredo = `2001:0:4136:e378:8000:63bf:${hex(high ^ 0xffff)}:${hex(low ^ 0xffff)}`;
    const encoded = [`::${h}:${l}`, `::ffff:${h}:${l}`, `::ffff:0:${h}:${l}`, `64:ff9b::${h}:${l}`]
      .concat(`64:ff9b:1::${h}:${l}`, `2002:${h}:${l}::1`, teredo);
    for (const address of encoded) assert.match(await verdict(address), / is in /, address);
  }
});

const edges4 = RANGES.flatMap(([, , first, last]) => [first, last]).filter((text) =>
  !text.includes(":")
);
const edges6 = RANGES.flatMap(([, , first, last]) => [first, last]).filter((text) =>
  text.includes(":")
);
const octet = fc.oneof(
  fc.integer({ min: 0, max: 255 }),
  fc.constantFrom(...edges4.flatMap((text) => text.split(".").map(Number))),
);
const group = fc.oneof(
  fc.integer({ min: 0, max: 0xffff }),
  fc.constantFrom(...edges6.flatMap(groupsOf)),
);

test("address guard agrees with an independent definition on IPv4", async () => {
  await fc.assert(
    fc.asyncProperty(fc.tuple(octet, octet, octet, octet), async (octets) => {
      assert.equal(await verdict(octets.join(".")) === "allowed", isPublic4(octets));
    }),
    { numRuns: 5_000 },
  );
});

test("address guard agrees with an independent definition on IPv6", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(group, { minLength: 8, maxLength: 8 }), async (groups) => {
      assert.equal(
        await verdict(groups.map((g) => hex(g)).join(":")) === "allowed",
        isPublic6(groups),
      );
    }),
    { numRuns: 5_000 },
  );
});

test("address guard agrees with the independent definition one address before and after every edge", async () => {
  for (const edge of edges4) {
    const value = edge.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
    for (const near of [value - 1, value, value + 1].filter((n) => n >= 0 && n < 2 ** 32)) {
      const octets = [24, 16, 8, 0].map((shift) => Math.floor(near / 2 ** shift) % 256);
      assert.equal(
        await verdict(octets.join(".")) === "allowed",
        isPublic4(octets),
        octets.join("."),
      );
    }
  }
  for (const edge of edges6) {
    const value = groupsOf(edge).reduce((sum, group) => sum * 65_536n + BigInt(group), 0n);
    for (const near of [value - 1n, value, value + 1n].filter((n) => n >= 0n && n < 2n ** 128n)) {
      const groups = near.toString(16).padStart(32, "0").match(/.{4}/g)!.map((text) =>
        parseInt(text, 16)
      );
      assert.equal(
        await verdict(groups.map((g) => hex(g)).join(":")) === "allowed",
        isPublic6(groups),
        edge,
      );
    }
  }
});
