import type { CommandIO } from "./io.ts";

/** Thrown when a connection is silent for too long. */
export class SilenceError extends Error {
  /** Always `SilenceError`. */
  override readonly name = "SilenceError";

  /** A connection that was silent for some milliseconds. */
  constructor(milliseconds: number) {
    super(`no data for ${Math.ceil(milliseconds / 1000)} s`);
  }
}

/**
 * Resolves as the work does.
 *
 * @throws {SilenceError} when that takes longer than a number of milliseconds
 */
export async function within<Value>(
  io: Pick<CommandIO, "sleep">,
  milliseconds: number,
  work: Promise<Value>,
): Promise<Value> {
  if (milliseconds === Infinity) return await work;
  const done = new AbortController();
  const late = io.sleep(milliseconds, done.signal).then((): never => {
    throw new SilenceError(milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort();
  }
}

/**
 * The parts of a body as they arrive.
 *
 * @throws {SilenceError} when nothing arrives for a number of milliseconds
 */
export async function* partsWithin(
  io: Pick<CommandIO, "sleep">,
  milliseconds: number,
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await within(io, milliseconds, reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {}); // not waited for: a dead connection never ends
  }
}
