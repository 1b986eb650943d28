import { after } from "./_timer.ts";
import type { Bytes } from "./_bytes.ts";

/** How much of a body is read, and for how long. */
export type ReadLimits = {
  /** The longest body, in bytes. */
  readonly maxBytes: number;
  /** How long it may take to arrive, in milliseconds. */
  readonly timeout: number;
  /** Whether `timeout` starts again with each part that arrives. @default {false} */
  readonly idle?: boolean;
};

/**
 * Reads a body as it arrives. Memory follows what has arrived, not what was declared, however small the
 * parts are.
 *
 * @throws whatever the stream fails with
 */
export function readBytes(
  body: ReadableStream<Uint8Array> | null,
  { maxBytes, timeout, idle = false }: ReadLimits,
): Promise<Bytes | "too_large" | "too_slow"> {
  if (body === null) return Promise.resolve(new Uint8Array());
  const reader = body.getReader();
  return new Promise((resolve, reject) => {
    const start = (): () => void =>
      after(timeout, () => {
        resolve("too_slow");
        reader.cancel().catch(() => {});
      });
    let cancel = start();
    const arrived = (): void => {
      if (!idle) return;
      cancel();
      cancel = start();
    };
    readAll(reader, maxBytes, arrived).then(resolve, reject).finally(() => cancel());
  });
}

async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  maxBytes: number,
  arrived: () => void,
): Promise<Bytes | "too_large"> {
  let buffer: Bytes = new Uint8Array();
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return buffer.subarray(0, size);
    arrived();
    const end = size + value.length;
    if (end > maxBytes) {
      reader.cancel().catch(() => {}); // not awaited: the result is known
      return "too_large";
    }
    if (end > buffer.length) {
      const grown = new Uint8Array(size === 0 ? end : Math.min(maxBytes, Math.max(end, 2 * size)));
      grown.set(buffer.subarray(0, size));
      buffer = grown;
    }
    buffer.set(value, size);
    size = end;
  }
}
