/**
 * SHA-256 (FIPS 180-4) of short texts, in JavaScript. WebCrypto works on another thread on Deno, where the
 * digest of one block takes 40 µs; here it takes one.
 *
 * @module
 */

/** Words of the state, and of a block. */
const STATE = 8;
const BLOCK = 16;

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const ROUNDS: Int32Array = /* @__PURE__ */ fractions(64, 1 / 3);
/** The same for the square roots of the first 8 primes. */
const START: Int32Array = /* @__PURE__ */ fractions(STATE, 1 / 2);

/** Returns the SHA-256 of a text in UTF-8, as hexadecimal digits. */
export function sha256HexOf(text: string): string {
  const bytes = new TextEncoder().encode(text);
  // The content, a bit that is set, zeros, and the number of bits in 64 bits, in blocks of 64 bytes.
  const padded = new DataView(new ArrayBuffer(((bytes.length + 8 >> 6) + 1) * 64));
  new Uint8Array(padded.buffer).set(bytes);
  padded.setUint8(bytes.length, 0x80);
  padded.setUint32(padded.byteLength - 8, Math.floor(bytes.length / 2 ** 29));
  padded.setUint32(padded.byteLength - 4, bytes.length << 3);
  const state = START.slice();
  const words = new Int32Array(ROUNDS.length);
  for (let at = 0; at < padded.byteLength; at += BLOCK * 4) {
    for (let i = 0; i < BLOCK; i++) words[i] = padded.getInt32(at + i * 4);
    addBlock(state, words);
  }
  let hex = "";
  for (const word of state) hex += (word >>> 0).toString(16).padStart(8, "0");
  return hex;
}

/** Adds a block to the state. `words` starts with its 16 words. */
function addBlock(state: Int32Array, words: Int32Array): void {
  for (let i = BLOCK; i < ROUNDS.length; i++) {
    const x = words[i - 15]!;
    const y = words[i - 2]!;
    const s0 = (x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ (x >>> 3);
    const s1 = (y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ (y >>> 10);
    words[i] = words[i - 16]! + s0 + words[i - 7]! + s1;
  }
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  let e = state[4]!;
  let f = state[5]!;
  let g = state[6]!;
  let h = state[7]!;
  for (let i = 0; i < ROUNDS.length; i++) {
    const s1 = (e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7);
    const t1 = h + s1 + (e & f ^ ~e & g) + ROUNDS[i]! + words[i]! | 0;
    const s0 = (a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10);
    const t2 = s0 + (a & b ^ a & c ^ b & c) | 0;
    h = g;
    g = f;
    f = e;
    e = d + t1 | 0;
    d = c;
    c = b;
    b = a;
    a = t1 + t2 | 0;
  }
  state[0]! += a;
  state[1]! += b;
  state[2]! += c;
  state[3]! += d;
  state[4]! += e;
  state[5]! += f;
  state[6]! += g;
  state[7]! += h;
}

/** Returns the fractional parts of roots of the first primes: 32 bits each. */
function fractions(count: number, power: number): Int32Array {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) {
    if (primes.every((prime) => n % prime)) primes.push(n);
  }
  return Int32Array.from(primes, (prime) => prime ** power % 1 * 2 ** 32 | 0);
}
