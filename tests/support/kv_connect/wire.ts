/**
 * As much of the protobuf encoding as KV Connect needs: numbers and bytes in numbered fields.
 * @module
 */

/** A message to read. Fields that are absent read as 0, empty or none, as in proto3. */
export class Message {
  readonly #fields = new Map<number, (bigint | Uint8Array)[]>();

  constructor(bytes: Uint8Array) {
    let at = 0;
    const varint = (): bigint => {
      let value = 0n;
      for (let shift = 0n;; shift += 7n) {
        const byte = bytes[at++];
        if (byte === undefined) throw new RangeError("Cannot read a message that is cut off");
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
      }
    };
    while (at < bytes.length) {
      const tag = Number(varint());
      const field = tag >> 3;
      if (!this.#fields.has(field)) this.#fields.set(field, []);
      if ((tag & 7) === 0) this.#fields.get(field)!.push(varint());
      else if ((tag & 7) === 2) {
        const length = Number(varint());
        this.#fields.get(field)!.push(bytes.slice(at, at += length));
      } else throw new RangeError(`Cannot read wire type ${tag & 7}`);
    }
  }

  number(field: number): number {
    return Number(this.#fields.get(field)?.at(-1) ?? 0);
  }

  bytes(field: number): Uint8Array {
    return (this.#fields.get(field)?.at(-1) ?? new Uint8Array()) as Uint8Array;
  }

  messages(field: number): Message[] {
    return (this.#fields.get(field) ?? []).map((bytes) => new Message(bytes as Uint8Array));
  }
}

/** A field with a number. */
export function number(field: number, value: number): Uint8Array {
  return concat(varint(field << 3), varint(value));
}

/** A field with bytes, or with a message. */
export function bytes(field: number, value: Uint8Array): Uint8Array {
  return concat(varint(field << 3 | 2), varint(value.length), value);
}

/** Fields one after the other are a message. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push(rest % 0x80 | 0x80);
  return new Uint8Array([...bytes, rest]);
}
