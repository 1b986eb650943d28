/** One block of a server-sent event stream, up to its empty line. */
export type ServerEvent = {
  /** `message` unless it has another name. */
  readonly name: string;
  /** Its lines; undefined when the server sent none, so that there is no event to dispatch. */
  readonly data: string | undefined;
  /** The last event id; undefined while the stream has not set one. */
  readonly id: string | undefined;
  /** The last reconnection time that the stream has set, in milliseconds. */
  readonly retry: number | undefined;
};

/**
 * Parses server-sent events (HTML Living Standard, 9.2.6). A message without data sets the last event
 * id all the same. A message that is cut off before its empty line is dropped.
 */
export async function* readServerEvents(
  body: AsyncIterable<Uint8Array>,
): AsyncIterable<ServerEvent> {
  let [name, data] = ["", [] as string[]];
  let id: string | undefined;
  let retry: number | undefined;
  for await (const line of linesOf(body)) {
    if (line === "") {
      const text = data.length > 0 ? data.join("\n") : undefined;
      yield { name: name || "message", data: text, id, retry };
      [name, data] = ["", []];
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
  // Deno 2.9 drops a byte order mark in the middle of a stream, too, unless it is told to drop none.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let rest = "";
  let begins = true;
  let endedByReturn = false;
  for await (const part of body) {
    const decoded = decoder.decode(part, { stream: true });
    if (decoded === "") continue;
    const text = begins ? decoded.replace(/^\uFEFF/, "") : decoded;
    begins = false;
    if (text === "") continue;
    // The line feed of a line's end that was cut in two.
    const begun = endedByReturn && text.startsWith("\n") ? text.slice(1) : text;
    endedByReturn = text.endsWith("\r");
    const lines = (rest + begun).split(/\r\n|\n|\r/);
    rest = lines.pop()!;
    yield* lines;
  }
}
