/**
 * Reads server-sent events, and notices when their connection is lost without being closed.
 * @module
 */
import type { CommandIO } from "./io.ts";

/** One block of a server-sent event stream, up to its empty line. */
export type ServerEvent = {
  /** @default {"message"} */
  readonly name: string;
  /** The data lines; undefined when there were none, so that there is no event to dispatch. */
  readonly data: string | undefined;
  /** The last event id; undefined until the stream sets one. */
  readonly id: string | undefined;
  /** The last reconnection time that the stream has set, in milliseconds. */
  readonly retry: number | undefined;
};

/**
 * Parses server-sent events (HTML Living Standard, 9.2.6). Also yields blocks without data, because
 * they can set the last event id. A block that is cut off before its empty line is dropped.
 */
export async function* readServerEvents(
  body: AsyncIterable<Uint8Array>,
): AsyncIterable<ServerEvent> {
  let name = "";
  let data: string[] = [];
  let id: string | undefined;
  let retry: number | undefined;
  for await (const line of linesOf(body)) {
    if (line === "") {
      const text = data.length > 0 ? data.join("\n") : undefined;
      yield { name: name || "message", data: text, id, retry };
      name = "";
      data = [];
      continue;
    }
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!;
    if (field === "event") name = value;
    else if (field === "data") data.push(value);
    else if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) retry = Number(value);
  }
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  // Without `ignoreBOM`, Deno 2.9 also drops a byte order mark in the middle of a stream.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let rest = "";
  let isStart = true;
  let endedWithReturn = false;
  for await (const part of body) {
    const decoded = decoder.decode(part, { stream: true });
    if (decoded === "") continue;
    const text = isStart ? decoded.replace(/^\uFEFF/, "") : decoded;
    isStart = false;
    if (text === "") continue;
    // A part may end between the two characters of a line end.
    const remaining = endedWithReturn && text.startsWith("\n") ? text.slice(1) : text;
    endedWithReturn = text.endsWith("\r");
    const lines = (rest + remaining).split(/\r\n|\n|\r/);
    rest = lines.pop()!;
    yield* lines;
  }
}

/** Thrown when a connection is silent for too long. */
export class SilenceError extends Error {
  /** Identifies the class, also across copies of the package. */
  override readonly name = "SilenceError";

  constructor(milliseconds: number) {
    super(`no data for ${Math.ceil(milliseconds / 1000)} s`);
  }
}

/**
 * Resolves like the promise.
 *
 * @throws {SilenceError} when that takes longer than `timeout` milliseconds
 */
export async function withSilenceTimeout<Value>(
  io: Pick<CommandIO, "sleep">,
  timeout: number,
  promise: Promise<Value>,
): Promise<Value> {
  if (timeout === Infinity) return await promise;
  const done = new AbortController();
  const expired = io.sleep(timeout, done.signal).then((): never => {
    throw new SilenceError(timeout);
  });
  try {
    return await Promise.race([promise, expired]);
  } finally {
    done.abort();
  }
}

/**
 * Yields the parts of a body as they arrive.
 *
 * @throws {SilenceError} when nothing arrives for `timeout` milliseconds
 */
export async function* readParts(
  io: Pick<CommandIO, "sleep">,
  timeout: number,
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await withSilenceTimeout(io, timeout, reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {}); // not awaited: on a dead connection this never ends
  }
}
