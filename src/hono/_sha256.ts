/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4). */
const ROUND_CONSTANTS = /* @__PURE__ */ fractions(64, Math.cbrt);
/** The same of the square roots of the first 8. */
const INITIAL = /* @__PURE__ */ fractions(8, Math.sqrt);

/** Bytes of a block; the last one ends with the length in bits, in 8 bytes. */
const BLOCK = 64;
/** Texts in here need no room of their own: what is hashed is done before anybody else's turn. */
const scratch = /* @__PURE__ */ new Uint8Array(BLOCK * 16);
const words = /* @__PURE__ */ new Uint32Array(64);

/**
 * SHA-256 of a text of ASCII, at once: WebCrypto's is a promise, and takes longer than all the rest of a
 * request. For tokens, which are short.
 */
export function sha256(text: string): Uint32Array {
  const size = Math.ceil((text.length + 9) / BLOCK) * BLOCK;
  const bytes = size <= scratch.length ? scratch.fill(0, 0, size) : new Uint8Array(size);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  bytes[text.length] = 0x80;
  for (let i = 0, bits = text.length * 8; i < 4; i++) bytes[size - 1 - i] = bits >>> (8 * i);
  const state = INITIAL.slice();
  for (let offset = 0; offset < size; offset += BLOCK) {
    for (let i = 0; i < 16; i++) {
      const at = offset + i * 4;
      words[i] = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) |
        bytes[at + 3]!;
    }
    expand();
    compress(state);
  }
  scratch.fill(0, 0, size); // it was a secret
  return state;
}

function expand(): void {
  for (let i = 16; i < 64; i++) {
    const a = words[i - 15]!;
    const b = words[i - 2]!;
    const s0 = rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3);
    const s1 = rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10);
    words[i] = words[i - 16]! + s0 + words[i - 7]! + s1;
  }
}

function compress(state: Uint32Array): void {
  let a = state[0]!, b = state[1]!, c = state[2]!, d = state[3]!;
  let e = state[4]!, f = state[5]!, g = state[6]!, h = state[7]!;
  for (let i = 0; i < 64; i++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const choice = (e & f) ^ (~e & g);
    const t1 = (h + s1 + choice + ROUND_CONSTANTS[i]! + words[i]!) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + s0 + majority) | 0;
  }
  state[0]! += a, state[1]! += b, state[2]! += c, state[3]! += d;
  state[4]! += e, state[5]! += f, state[6]! += g, state[7]! += h;
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

function fractions(count: number, root: (prime: number) => number): Uint32Array {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) {
    if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  }
  return Uint32Array.from(primes, (prime) => (root(prime) % 1) * 2 ** 32);
}
