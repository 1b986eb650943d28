import assert from "node:assert/strict";
import fc from "../support/fast_check.ts";
import {
  BLOCKED_RANGES,
  contains,
  parseAddress,
  parseRange,
} from "../../src/webhook/address_ranges.ts";
import { test } from "../support/harness.ts";

const octet = fc.integer({ min: 0, max: 255 });
const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
const octets = fc.tuple(octet, octet, octet, octet);
const groups = fc.array(group, { minLength: 8, maxLength: 8 });

/** The value of big-endian digits, by Horner's rule. */
function valueOf(digits: readonly number[], base: number): bigint {
  return digits.reduce((sum, digit) => sum * BigInt(base) + BigInt(digit), 0n);
}

test("parseAddress() reads every dotted quad", () => {
  fc.assert(fc.property(octets, (digits) => {
    assert.deepEqual(parseAddress(digits.join(".")), { family: 4, value: valueOf(digits, 256) });
  }));
});

test("parseAddress() reads an IPv6 address in full, padded, in capitals and as URL shortens it", () => {
  fc.assert(fc.property(groups, (digits) => {
    const expected = { family: 6, value: valueOf(digits, 65_536) };
    const full = digits.map((digit) => digit.toString(16)).join(":");
    const padded = digits.map((digit) => digit.toString(16).padStart(4, "0")).join(":");
    const short = new URL(`https://[${full}]`).hostname.slice(1, -1);
    for (const text of [full, padded, padded.toUpperCase(), short]) {
      assert.deepEqual(parseAddress(text), expected, text);
    }
  }));
});

test("parseAddress() reads a dotted quad at the end of an IPv6 address", () => {
  fc.assert(fc.property(octets, (digits) => {
    const low = valueOf(digits, 256);
    assert.equal(parseAddress(`::${digits.join(".")}`)?.value, low);
    assert.equal(parseAddress(`::ffff:${digits.join(".")}`)?.value, 0xffff_0000_0000n + low);
    assert.equal(parseAddress(`1:0:0:0:0:0:${digits.join(".")}`)?.value, (1n << 112n) + low);
  }));
});

const NO_ADDRESS = [
  [
    "",
    "1",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.",
    ".1.2.3",
    "1..2.3",
    "1.2.3.4.",
    "256.1.1.1",
    "1.1.1.1000",
  ],
  [
    "01.2.3.4",
    "0x7f.0.0.1",
    "1e1.0.0.1",
    "+1.2.3.4",
    "-1.2.3.4",
    " 1.2.3.4",
    "1.2.3.4\n",
    "１.2.3.4",
  ],
  [
    ":",
    ":::",
    "1",
    "::1::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    ":1:2:3:4:5:6:7",
  ],
  [
    "1:2:3:4:5:6:7:",
    "::12345",
    "::g",
    "::-1",
    ":: 1",
    "::1 ",
    "[::1]",
    "fe80::1%eth0",
    "fe80::1%25eth0",
  ],
  [
    "::1.2.3",
    "::1.2.3.256",
    "::01.2.3.4",
    "1.2.3.4::",
    "::1.2.3.4:1",
    "1:2:3:4:5:6:7:1.2.3.4",
    "::1.2.3.4.",
  ],
].flat();

test("parseAddress() rejects anything but an exact address", () => {
  for (const text of NO_ADDRESS) assert.equal(parseAddress(text), undefined, JSON.stringify(text));
});

test("parseRange() reads CIDR ranges and single addresses", () => {
  assert.deepEqual(parseRange("10.0.0.0/8"), { family: 4, value: 10n << 24n, prefix: 8 });
  assert.deepEqual(parseRange("0.0.0.0/0"), { family: 4, value: 0n, prefix: 0 });
  assert.deepEqual(parseRange("10.0.0.1"), { family: 4, value: (10n << 24n) + 1n, prefix: 32 });
  assert.deepEqual(parseRange("::1"), { family: 6, value: 1n, prefix: 128 });
  assert.deepEqual(parseRange("::ffff:0.0.0.0/96"), {
    family: 6,
    value: 0xffffn << 32n,
    prefix: 96,
  });
});

test("parseRange() rejects invalid prefixes and bits set after the prefix", () => {
  const faulty = ["/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8/8"]
    .concat(
      "10.0.0.0/ 8",
      "10.0.0.0/1e1",
      "10.0.0.5/8",
      "0.0.0.1/31",
      "::/129",
      "::1/127",
      "1::/8",
    );
  for (const text of faulty) assert.equal(parseRange(text), undefined, text);
});

test("contains() compares exactly the bits of the prefix", () => {
  const bits = fc.integer({ min: 0, max: 32 });
  fc.assert(fc.property(octets, octets, bits, (base, other, prefix) => {
    const binary = (digits: readonly number[]) =>
      digits.map((digit) => digit.toString(2).padStart(8, "0")).join("");
    const network = parseInt(binary(base).slice(0, prefix).padEnd(32, "0"), 2);
    const range = { family: 4, value: BigInt(network), prefix } as const;
    for (const digits of [base, other, base.map((digit, i) => i === 3 ? digit ^ 1 : digit)]) {
      const inside = binary(digits).startsWith(binary(base).slice(0, prefix));
      assert.equal(contains(range, { family: 4, value: valueOf(digits, 256) }), inside);
    }
  }));
});

test("contains() keeps the families apart", () => {
  assert.equal(contains(parseRange("0.0.0.0/0")!, parseAddress("::1")!), false);
  assert.equal(contains(parseRange("::/0")!, parseAddress("127.0.0.1")!), false);
});

test("every blocked range is valid, is listed once and follows those inside it", () => {
  const ranges = BLOCKED_RANGES.map(({ cidr }) => {
    const range = parseRange(cidr);
    assert.ok(range !== undefined, cidr);
    return range;
  });
  for (const [i, wide] of ranges.entries()) {
    for (const narrow of ranges.slice(i + 1)) {
      const hidden = wide.prefix <= narrow.prefix && contains(wide, narrow);
      assert.ok(!hidden, `${BLOCKED_RANGES[i]?.cidr} hides a later range`);
    }
  }
});
